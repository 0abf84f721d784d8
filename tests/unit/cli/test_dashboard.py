"""dashboard export: which files are written, whose address stands in them, and what --check says."""

import json
from pathlib import Path

import pytest
import yaml

from tests.unit.cli.conftest import KEYS, Run
from tests.unit.cli.fake_api import FakeApi
from tests.unit.cli.test_start import loaded_after

URL = "https://opsloop.example.com"
FILES = ["datasource.yaml", "opsloop-database-health.json", "opsloop-production-health.json"]


def written(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())}


def console_of(text: str) -> str:
    (found,) = [one["query"] for one in json.loads(text)["templating"]["list"] if one["name"] == "console"]
    return str(found)


def test_dashboards_and_their_data_source_are_written(run: Run, tmp_path: Path):
    result = run("dashboard", "export", "--api-url", URL, "--out", "boards")
    assert result.exit_code == 0
    found = written(tmp_path / "boards")
    assert list(found) == FILES
    assert [json.loads(found[name])["title"] for name in FILES[1:]] == ["Database health", "Production health"]
    assert all(f"boards/{name}" in result.stdout for name in FILES)


def test_nothing_is_asked_and_no_key_is_written(local: Run, api: FakeApi, tmp_path: Path):
    assert local("dashboard", "export").exit_code == 0
    text = "".join(written(tmp_path / "grafana").values())
    assert api.asked == []
    assert not any(key in text for key in KEYS.values())


def test_without_an_address_it_is_that_of_the_command(local: Run, api: FakeApi, tmp_path: Path):
    local("dashboard", "export")
    assert console_of(written(tmp_path / "grafana")[FILES[1]]) == f"{api.url}/console"
    local("--url", "https://other.example.com/", "dashboard", "export")
    assert console_of(written(tmp_path / "grafana")[FILES[1]]) == "https://other.example.com/console"


@pytest.mark.parametrize(
    ("option", "plugin"),
    [("infinity", "yesoreyeram-infinity-datasource"), ("json", "marcusolsson-json-datasource")],
)
def test_the_data_source_is_the_plugin_that_was_asked_for(run: Run, tmp_path: Path, option: str, plugin: str):
    assert run("dashboard", "export", "--api-url", URL, "--datasource", option).exit_code == 0
    found = written(tmp_path / "grafana")
    (source,) = yaml.safe_load(found["datasource.yaml"])["datasources"]
    assert (source["type"], source["url"]) == (plugin, URL)
    assert plugin in found[FILES[2]]


def test_files_that_are_as_exported_pass_the_check(run: Run):
    run("dashboard", "export", "--api-url", URL)
    result = run("dashboard", "export", "--api-url", URL, "--check", "grafana", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == {
        "format": "grafana",
        "api_url": URL,
        "folder": "grafana",
        "files": dict.fromkeys(FILES[2:] + FILES[1:2] + FILES[:1], "same"),
    }


def test_drift_fails_the_check_and_is_left_as_it_is(run: Run, tmp_path: Path):
    run("dashboard", "export", "--api-url", URL)
    edited = tmp_path / "grafana" / FILES[1]
    edited.write_text(edited.read_text().replace("now-3h", "now-6h"))
    (tmp_path / "grafana" / FILES[0]).unlink()
    before = written(tmp_path / "grafana")
    result = run("dashboard", "export", "--api-url", URL, "--check", "grafana", "--json")
    assert result.exit_code == 1
    assert [json.loads(result.stdout)["files"][name] for name in FILES] == ["missing", "differs", "same"]
    assert written(tmp_path / "grafana") == before


@pytest.mark.parametrize("changed", [["--datasource", "json"], ["--api-url", "https://other.example.com"]])
def test_files_of_other_options_are_drift(run: Run, changed: list[str]):
    run("dashboard", "export", "--api-url", URL)
    options = {"--api-url": URL} | {changed[0]: changed[1]}
    result = run("dashboard", "export", "--check", "grafana", *(part for pair in options.items() for part in pair))
    assert result.exit_code == 1
    assert "these options" in result.stderr


def test_a_folder_that_is_not_there_has_nothing(run: Run):
    result = run("dashboard", "export", "--api-url", URL, "--check", "nowhere")
    assert result.exit_code == 1
    assert result.stdout.count("missing") == 3


@pytest.mark.parametrize("url", ["opsloop.example.com", "ftp://opsloop.example.com", "https://"])
def test_an_address_that_is_none_is_a_usage_error(run: Run, tmp_path: Path, url: str):
    assert run("dashboard", "export", "--api-url", url).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_without_any_address_it_says_how_to_give_one(run: Run):
    result = run("dashboard", "export")
    assert result.exit_code == 2
    assert "--url" in result.stderr


def test_a_folder_that_cannot_be_made_is_a_usage_error(run: Run, tmp_path: Path):
    (tmp_path / "taken").write_text("")
    result = run("dashboard", "export", "--api-url", URL, "--out", "taken")
    assert result.exit_code == 2
    assert "taken" in result.stderr


def test_the_help_has_examples_and_the_other_commands_do_without_grafanas_library(run: Run):
    assert "opsloop dashboard export" in run("dashboard", "export", "--help").stdout
    assert "grafana_foundation_sdk" not in loaded_after("import opsloop_cli.main")
    assert "grafana_foundation_sdk" in loaded_after("import opsloop_cli.main, opsloop_cli.dashboard_files")

"""telemetry explain and cardinality, services --senders: what is asked, what is shown, and the exit codes."""

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from opsloop_cli.commands import telemetry
from opsloop_cli.main import app
from tests.unit.cli.conftest import KEYS, Run
from tests.unit.cli.fake_api import FakeApi
from tests.unit.telemetry.test_cardinality import traces as spans_of_shop

TRACES = Path(__file__).resolve().parents[2] / "data" / "otlp" / "shop-traces-0.pb"
FILE_KEYS = {
    "file", "format", "compression", "signal", "items", "rejected", "services", "series", "refused", "error"
}  # fmt: skip
SERIES_KEYS = {
    "service", "operation", "kind", "metric", "unit", "attributes", "minute", "count", "errors", "sum", "min", "max",
    "p50", "p90", "p95", "p99"
}  # fmt: skip
SENDER = {
    "user_agent": "OTel-OTLP-Exporter-Python/1.45.2", "product": "OTel-OTLP-Exporter-Python", "version": "1.45.2",
    "signal": "traces", "form": "protobuf", "encoding": "gzip", "key_id": "5f1c08d9a2b4", "requests": 12345,
    "first_seen": "2026-11-20T07:00:00Z", "last_seen": "2026-11-21T08:29:00Z"
}  # fmt: skip
CATALOG = """
defaults: {environment: production, owner: shop, contact: shop@example.com}
services:
  - {name: shop-web, tier: 1, dimensions: [http.route], series_limit: 77}
"""
REPORT = {
    "service": "web",
    "limit": 2000,
    "hour": "2026-11-21T08:00:00Z",
    "series": 2000,
    "overflowed": 12345,
    "without_attributes": 3,
    "hours": [{"start": "2026-11-21T08:00:00Z", "series": 2000, "overflowed": 12345}],
    "metrics": [{"metric": "span.duration", "kind": "server", "operation": "", "series": 2000}],
    "operations": [],
    "dimensions": [
        {"name": "user", "values": 900, "series": 2000, "after": 40, "saves": 1960, "alone": 901,
         "examples": ["u1", "u2"], "is_allowed": True}
    ],
    "patterns": [
        {"pattern": "GET /o/{id}", "operations": 99, "after": 30, "saves": 1970, "examples": ["GET /o/17"]}
    ],
    "steps": [{"drop": "user", "before": 2000, "after": 40}],
}  # fmt: skip


def test_explain_needs_neither_a_key_nor_a_cloud(run: Run):
    result = run("telemetry", "explain", str(TRACES), "--json")
    assert result.exit_code == 0
    (found,) = json.loads(result.stdout)
    assert {
        "file",
        "format",
        "compression",
        "signal",
        "items",
        "rejected",
        "services",
        "series",
        "refused",
        "error",
    } <= set(found)
    assert (found["file"], found["signal"], found["items"], found["error"]) == (str(TRACES), "traces", 20, None)
    assert {"service", "operation", "kind", "metric", "minute", "count", "errors", "sum", "min", "max", "p99"} <= set(
        found["series"][0]
    )
    assert found["series"][0]["minute"].startswith("2026-11-20T")


def test_an_unreadable_file_does_not_stop_the_others_and_ends_with_1(run: Run, tmp_path: Path):
    rubbish = tmp_path / "rubbish.bin"
    rubbish.write_bytes(b"Good morning.\n")
    result = run("telemetry", "explain", str(rubbish), str(TRACES), "--json")
    assert result.exit_code == 1
    bad, good = json.loads(result.stdout)
    assert (bad["items"], good["items"]) == (0, 20)
    assert bad["error"]
    assert bad["refused"][0]["byte"] == 0
    shown = run("telemetry", "explain", str(rubbish), str(TRACES)).stdout
    assert f"{rubbish}: cannot be read:" in shown
    assert "20 items" in shown


def test_a_file_that_is_not_there_is_a_usage_error(run: Run, tmp_path: Path):
    result = run("telemetry", "explain", str(tmp_path / "missing"))
    assert result.exit_code == 2
    assert "missing" in result.stderr


def test_standard_input_is_a_file_too(run: Run, monkeypatch: pytest.MonkeyPatch):
    result = CliRunner().invoke(app, ["telemetry", "explain", "-", "--json"], input=gzip.compress(TRACES.read_bytes()))
    (found,) = json.loads(result.stdout)
    assert (found["file"], found["compression"], found["items"]) == ("-", "gzip", 20)


def test_explain_shows_rows_that_people_can_read(run: Run):
    lines = run("telemetry", "explain", str(TRACES)).stdout.splitlines()
    assert lines[1] == f"{TRACES}: otlp_protobuf, not compressed, traces, 20 items"
    assert any(line.split()[:3] == ["series", "kind", "minute"] for line in lines)
    assert any("shop-web span.duration" in line for line in lines)


def test_the_catalog_decides_about_dimensions(run: Run, tmp_path: Path):
    catalog = tmp_path / "services.yaml"
    catalog.write_text(CATALOG, encoding="utf-8")
    without = json.loads(run("telemetry", "explain", str(TRACES), "--json").stdout)[0]
    found = json.loads(run("telemetry", "explain", str(TRACES), "--catalog", str(catalog), "--json").stdout)[0]
    assert "http.route" in without["dimensions_dropped"]
    assert "http.route" not in found["dimensions_dropped"]
    assert any("http.route" in one["attributes"] for one in found["series"])


@pytest.mark.parametrize("text", ["services: [", "services: [{tier: 1}]", "services: 7"])
def test_a_catalog_that_cannot_be_read_is_a_usage_error(run: Run, tmp_path: Path, text: str):
    catalog = tmp_path / "services.yaml"
    catalog.write_text(text, encoding="utf-8")
    result = run("telemetry", "explain", str(TRACES), "--catalog", str(catalog))
    assert result.exit_code == 2
    assert "services.yaml" in result.stderr


def test_a_given_arrival_decides_what_is_too_old(run: Run):
    found = json.loads(run("telemetry", "explain", str(TRACES), "--arrival", "2027-03-01", "--json").stdout)[0]
    assert (found["clamped"], {one["minute"] for one in found["series"]}) == (20, {"2027-03-01T00:00:00Z"})


def test_cardinality_asks_with_the_read_key_and_shows_what_to_drop(local: Run, api: FakeApi):
    api.will("GET /v1/telemetry/cardinality", REPORT)
    result = local("telemetry", "cardinality", "web", "--hours", "5")
    assert (result.exit_code, api.asked[0].query) == (0, {"service": "web", "hours": "5"})
    assert api.asked[0].headers["authorization"] == f"Bearer {KEYS['read_key']}"
    assert "12,345 measurements went to the overflow" in result.stdout
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["user", "yes", "900", "2,000", "901", "40", "1,960", "u1,", "u2"] in rows
    assert "user: from 2,000 series to 40" in result.stdout
    assert "GET /o/{id}" in result.stdout


def test_cardinality_gives_scripts_the_answer_as_it_is(local: Run, api: FakeApi):
    api.will("GET /v1/telemetry/cardinality", REPORT)
    assert json.loads(local("telemetry", "cardinality", "web", "--json").stdout) == REPORT


def test_cardinality_of_a_file_counts_attributes_that_are_no_dimensions(run: Run, tmp_path: Path):
    file = tmp_path / "capture.pb"
    file.write_bytes(spans_of_shop([("GET /", {"user": number % 7, "shard": number % 2}) for number in range(100)]))
    result = run("telemetry", "cardinality", "shop", "--file", str(file), "--json")
    found = json.loads(result.stdout)
    assert (found["series"], found["limit"], found["hour"]) == (14, 2000, "2025-11-20T00:00:00Z")
    told = {one["name"]: (one["values"], one["saves"], one["is_allowed"]) for one in found["dimensions"]}
    assert (told["user"], told["shard"]) == ((7, 12, False), (2, 7, False))
    assert "without attributes 1" in run("telemetry", "cardinality", "shop", "--file", str(file)).stdout


def test_cardinality_of_a_file_without_the_service_says_who_is_in_it(run: Run):
    result = run("telemetry", "cardinality", "nobody", "--file", str(TRACES))
    assert result.exit_code == 1
    assert "shop-web" in result.stderr


def test_many_rows_are_cut_and_the_rest_is_told(run: Run, tmp_path: Path):
    file = tmp_path / "capture.pb"
    more = telemetry.ROWS_SHOWN + 9
    file.write_bytes(spans_of_shop([(f"GET /{number}", {}) for number in range(more)]))
    result = run("telemetry", "explain", str(file))
    assert result.stdout.count("span.duration") == telemetry.ROWS_SHOWN
    assert "9 more rows" in result.stderr


def test_senders_are_listed_with_product_and_version(local: Run, api: FakeApi):
    api.will("GET /v1/senders", {"senders": [SENDER], "next": None})
    lines = local("services", "--senders").stdout.splitlines()
    assert lines[2].split() == ["OTel-OTLP-Exporter-Python", "1.45.2", "traces", "protobuf", "gzip", "12,345",
                                "2026-11-20T07:00:00Z", "2026-11-21T08:29:00Z", "5f1c08d9a2b4"]  # fmt: skip
    assert json.loads(local("services", "--senders", "--json").stdout) == {"senders": [SENDER]}


@pytest.mark.parametrize("command", [["telemetry", "explain"], ["telemetry", "cardinality"]])
def test_each_command_has_examples_in_its_help(run: Run, command: list[str]):
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert f"opsloop {' '.join(command)}" in result.stdout

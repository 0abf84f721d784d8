"""Exit codes and sentences when the answer is no, or none comes, and what never happens to a key."""

import socket
import sys
from pathlib import Path

import pytest

from opsloop_cli.client import Client
from opsloop_cli.profile import Target, key_of
from tests.unit.cli.conftest import KEYS, Run
from tests.unit.cli.fake_api import FakeApi, serving


@pytest.mark.parametrize(
    ("status", "exit_code"),
    [(400, 1), (404, 1), (409, 1), (500, 1), (401, 4), (403, 4), (429, 3), (502, 3), (503, 3), (504, 3)],
)
def test_each_kind_of_refusal_has_its_exit_code(local: Run, api: FakeApi, status: int, exit_code: int):
    api.problem("GET /v1/services", status, "A title", "something is so")
    result = local("services")
    assert result.exit_code == exit_code
    assert result.stdout == ""
    assert result.stderr == f"opsloop: something is so (A title, {status}, reference req-1)\n"


def test_an_answer_that_is_no_problem_document_still_makes_a_sentence(local: Run, api: FakeApi):
    api.will("GET /v1/services", status=502, content_type="text/html", body=b"<h1>Bad gateway</h1>")
    result = local("services")
    assert (result.exit_code, result.stderr) == (3, "opsloop: the answer was status 502\n")


def test_an_answer_from_something_else_is_a_no(local: Run, api: FakeApi):
    api.will("GET /v1/services", content_type="text/html", body=b"<h1>Hello</h1>")
    result = local("services")
    assert result.exit_code == 1
    assert "is this opsloop's URL?" in result.stderr


def test_nobody_listening_is_unreachable(run: Run):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        result = run("--url", url, "status")
    assert result.exit_code == 3
    assert result.stderr.startswith(f"opsloop: cannot reach {url} (--url): ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("kpi",),
        ("kpi", "web", "--from", "yesterday"),
        ("kpi", "web", "--from", "2026-11-21T08:00:00"),
        ("kpi", "web", "--resolution", "second"),
        ("send", "no-such-file.pb"),
        ("keys", "create", "name", "--scope", "root"),
        ("keys", "create", "name", "--scope", "admin", "--bootstrap"),
        ("--profile", "prod", "status"),
        ("--url", "not-a-url", "status"),
    ],
)
def test_usage_errors_exit_with_2_and_ask_nothing(local: Run, api: FakeApi, arguments: tuple[str, ...]):
    result = local(*arguments)
    assert (result.exit_code, result.stdout, api.asked) == (2, "", [])
    assert result.stderr


def test_without_a_local_cloud_the_sentence_says_what_to_do(run: Run):
    result = run("status")
    assert result.exit_code == 2
    assert "make run" in result.stderr


def test_a_missing_key_is_not_allowed(run: Run, api: FakeApi):
    result = run("--url", api.url, "services")
    assert (result.exit_code, api.asked) == (4, [])
    assert "scope read" in result.stderr


def test_a_key_never_appears_in_an_error(local: Run, api: FakeApi):
    api.problem("GET /v1/keys", 403, "Forbidden", "no")
    result = local("--key", "opsloop_aaaaaaaaaaaa_topsecret", "keys", "list")
    assert result.exit_code == 4
    assert api.asked[0].headers["authorization"] == "Bearer opsloop_aaaaaaaaaaaa_topsecret"
    assert "topsecret" not in result.output


def test_a_profiles_key_goes_to_no_other_url(local: Run, api: FakeApi, tmp_path: Path):
    (tmp_path / "config.toml").write_text(f'[profiles.prod]\nurl = "{api.url}"\nkey = "prod-key"\n')
    with serving() as other:
        result = local("--profile", "prod", "--url", other.url, "services")
        assert (result.exit_code, other.asked) == (4, [])


def test_a_key_does_not_follow_a_redirect(local: Run, api: FakeApi):
    with serving() as elsewhere:
        api.will("GET /v1/services", status=302, Location=f"{elsewhere.url}/v1/services")
        elsewhere.will("GET /v1/services", {"services": []})
        result = local("services")
        assert (result.exit_code, elsewhere.asked) == (1, [])


def test_a_key_is_not_sent_unencrypted_to_another_machine(run: Run):
    result = run("--url", "http://opsloop.example.com", "--key", "opsloop_x", "services")
    assert result.exit_code == 2
    assert "only sent over https" in result.stderr


def test_loopback_is_never_reached_through_a_proxy(local: Run, api: FakeApi):
    api.will("GET /v1/services", {"services": []})
    assert local("services", http_proxy="http://127.0.0.1:9").exit_code == 0


def test_a_profile_may_fetch_its_key_by_a_command(run: Run, api: FakeApi, tmp_path: Path):
    command = f"{sys.executable} -c 'print(\\\"from-the-vault\\\")'"
    (tmp_path / "config.toml").write_text(f'[profiles.prod]\nurl = "{api.url}"\nkey_command = "{command}"\n')
    api.will("GET /v1/services", {"services": []})
    assert run("--profile", "prod", "services").exit_code == 0
    assert api.asked[0].headers["authorization"] == "Bearer from-the-vault"


def test_a_failing_key_command_is_not_allowed_and_says_why(run: Run, api: FakeApi, tmp_path: Path):
    command = f"{sys.executable} -c 'import sys; sys.exit(\\\"vault is sealed\\\")'"
    (tmp_path / "config.toml").write_text(f'[profiles.prod]\nurl = "{api.url}"\nkey_command = "{command}"\n')
    result = run("--profile", "prod", "services")
    assert (result.exit_code, api.asked) == (4, [])
    assert "vault is sealed" in result.stderr


def test_a_profile_named_local_goes_before_the_local_cloud(local: Run, api: FakeApi, tmp_path: Path):
    with serving() as other:
        (tmp_path / "config.toml").write_text(f'[profiles.local]\nurl = "{other.url}"\nkey = "k"\n')
        other.will("GET /v1/services", {"services": []})
        assert local("services").exit_code == 0
        assert (len(other.asked), api.asked) == (1, [])


@pytest.mark.parametrize(
    "config", ["not toml", "[profiles.prod]\n", '[profiles.prod]\nurl = "https://x"\nkey_comand = "typo"\n']
)
def test_a_broken_configuration_is_a_usage_error(run: Run, tmp_path: Path, config: str):
    (tmp_path / "config.toml").write_text(config)
    result = run("--profile", "prod", "services")
    assert result.exit_code == 2
    assert "config.toml" in result.stderr


def test_the_stack_gives_each_scope_its_key(local: Run, api: FakeApi):
    api.will("GET /v1/keys", {"keys": []})
    local("keys", "list")
    assert api.asked[0].headers["authorization"] == f"Bearer {KEYS['admin_key']}"


def test_a_key_is_asked_for_only_where_it_is_needed():
    asked: list[str] = []

    def find(scope: str) -> str:
        asked.append(scope)
        return "key"

    with serving() as api:
        api.will("GET /health/ready", {})
        Client(Target(api.url, "test", find)).send("GET", "/health/ready")
    assert asked == []


def test_what_operators_do_goes_with_the_operate_key_where_there_is_one() -> None:
    both, one = {"operate_key": "o", "admin_key": "a"}, {"admin_key": "a"}
    assert [key_of("operate", both), key_of("operate", one), key_of("read", one)] == ["o", "a", None]

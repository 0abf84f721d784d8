"""The database of the demo as `make run` treats it: kept with the demo, told to the backups, proven once."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local import run, services
from local.console import StepFailedError, console
from local.database import account
from local.database.server import Facts
from local.state import StateDir
from local.steps import backups, cloud, databases
from tests.unit.demo.front_door import FrontDoor, serving

FACTS = Facts(5433, {"postgres": "a", "opsloop_backup": "b", "orders": "c", "payments": "d"})
NAME = "opsloop-local/backup/orders"
SINCE = "2026-11-21T08:00:00Z"
DUMP = {"dump_id": "orders/1", "verdict": "proven", "reason": None, "rows": 443_800, "size_bytes": 62_400_000}
DUMP |= {"bytes": 4_550_000, "restore_s": 2.34, "taken_at": "2026-11-21T08:00:03.5+00:00"}


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path)


@pytest.fixture
def secrets():
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="us-east-1")


def stored(secrets: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(secrets.get_secret_value(SecretId=NAME)["SecretString"])
    return content


def test_the_secret_says_how_the_role_of_backups_connects(secrets):
    databases.put_secret(secrets, NAME, FACTS.secret("orders"))
    expected = {"host": "127.0.0.1", "port": 5433, "username": "opsloop_backup", "password": "b", "dbname": "orders"}
    assert stored(secrets) == expected


def test_a_secret_of_an_earlier_run_follows_the_port(secrets):
    databases.put_secret(secrets, NAME, FACTS.secret("orders"))
    databases.put_secret(secrets, NAME, Facts(5555, FACTS.passwords).secret("orders"))
    assert stored(secrets)["port"] == 5555


def test_a_secret_that_names_another_machine_stays(secrets):
    secrets.create_secret(Name=NAME, SecretString=json.dumps({"host": "db.example.com"}))
    databases.put_secret(secrets, NAME, FACTS.secret("orders"))
    assert stored(secrets) == {"host": "db.example.com"}


def test_the_catalog_names_the_databases_of_the_demo():
    assert [one.name for one in databases.catalogued()] == ["orders", "payments"]


def test_every_service_that_can_be_started_has_its_place_in_the_order():
    assert set(services.ORDER) == set(services.BUILDERS)
    assert services.ORDER.index("database") < services.ORDER.index("demo")


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (["database", "sink", "cloud", "pump", "demo"], ["database", "demo"]),
        (["sink", "cloud", "pump", "demo"], []),  # a demo from before there was a database starts again with it
        (["sink", "cloud", "pump"], []),
    ],
    ids=["both", "demo alone", "none"],
)
def test_a_demo_with_its_database_goes_on_while_the_stacks_are_deployed(state, monkeypatch, wanted, kept):
    monkeypatch.setattr(cloud, "is_supervised", lambda _: True)
    cloud.want(state, *wanted)
    assert run.demo_services(state) == kept
    monkeypatch.setattr(cloud, "is_supervised", lambda _: False)
    assert run.demo_services(state) == []


@pytest.fixture
def api(monkeypatch, state) -> dict[str, Any]:
    """Return what the API answers by path; every request is noted under ``asked``."""
    answers: dict[str, Any] = {"asked": []}

    def ask(_: StateDir, key: str, path: str, *, method: str = "GET") -> Any:
        path = path.partition("?")[0]
        answers["asked"].append((method, key, path))
        return answers[path]

    monkeypatch.setattr(backups, "_ask", ask)
    monkeypatch.setattr(backups, "POLL_S", 0.0)
    for name in ("orders", "payments"):
        answers[f"/{name}/take"] = {"slot": SINCE}
        answers[f"/{name}/dumps"] = {"dumps": [{**DUMP, "dump_id": f"{name}/1"}]}
        answers[f"/{name}"] = {"takes": []}
    return answers


def test_each_database_is_asked_for_waited_for_and_told_of_once(state, api):
    backups.begin(state)
    assert [one for one in api["asked"] if one[0] == "POST"] == [
        ("POST", "admin_key", "/orders/take"),
        ("POST", "admin_key", "/payments/take"),
    ]
    with console.capture() as said:
        backups.show(state)
    line = (
        "443,800 rows, 62 MB in a dump of 4.5 MB: proven by a restore in 2.3 s; all of 08:00:03 UTC could be recovered"
    )
    assert line in said.get()
    assert said.get().count("could be recovered") == 2
    api["asked"].clear()
    backups.begin(state)
    with console.capture() as said:
        backups.show(state)
    assert api["asked"] == []
    assert "opsloop backup list" in said.get()


def test_what_an_interrupted_run_asked_for_is_asked_again_only_if_nothing_is_under_way(state, api):
    backups.begin(state)
    api["/orders"]["takes"] = [{"state": "taking"}]
    api["asked"].clear()
    backups.begin(state)
    assert [path for method, _, path in api["asked"] if method == "POST"] == ["/payments/take"]


def test_a_dump_that_does_not_restore_fails_the_run_with_its_reason(state, api):
    api["/payments/dumps"]["dumps"] = [{**DUMP, "verdict": "failed", "reason": "row_count_mismatch"}]
    backups.begin(state)
    with pytest.raises(StepFailedError, match="payments is not proven: failed, row_count_mismatch"):
        backups.show(state)
    assert "told" not in state.read("backups")


def test_a_dump_that_never_comes_is_said_with_what_its_attempt_failed_at(state, api, monkeypatch):
    monkeypatch.setattr(backups, "PATIENCE_S", 0.05)
    api["/orders/dumps"]["dumps"] = [{**DUMP, "verdict": None}]  # there, and not verified yet
    api["/orders"]["takes"] = [{"state": "taking", "attempts": 2, "why": "connection refused"}]
    backups.begin(state)
    with pytest.raises(StepFailedError, match=r"no proven dump of orders .*taking, attempt 2, connection refused"):
        backups.show(state)


def test_an_api_that_refuses_fails_the_run_with_its_words(state):
    with serving(FrontDoor()) as url:  # this door takes telemetry alone
        state.write("stack", {"api_url": url, "read_key": "opsloop_test_key"})
        with pytest.raises(StepFailedError, match="GET /v1/backups/orders: 501"):
            backups.standing(state, "orders")


def test_root_becomes_nobody_and_others_stay_who_they_are():
    assert account.owner(0) == (65534, 65534)
    assert account.owner(1000) is None


def test_a_folder_behind_a_closed_door_is_not_reachable(tmp_path):
    inner = tmp_path / "home" / "state"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        folder.chmod(0o755)
    tmp_path.chmod(0o755)
    open_before = account.is_reachable(tmp_path)
    assert account.is_reachable(inner) == open_before
    inner.parent.chmod(0o700)
    assert not account.is_reachable(inner)

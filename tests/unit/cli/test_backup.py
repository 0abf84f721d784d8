"""opsloop backup verify, list, history and request: what they show, what they ask for, how they end."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from opsloop.adapters import postgres_restore
from opsloop.backup.document import dump_json, manifest_json, to_bytes
from opsloop.backup.model import Cause, Phase, Reason, Verdict
from opsloop.backup.shelf import dump_of
from opsloop_cli import backup_engine
from opsloop_cli.backup_files import manifest_path, read_attempts, read_one
from tests.unit.backup.test_shelf import MANIFEST, attempt
from tests.unit.cli.conftest import KEYS, Run
from tests.unit.cli.fake_api import FakeApi
from tests.unit.cli.fake_backup import FakeEngine, installed, shelve

TAKEN = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    return installed(monkeypatch)


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    return shelve(tmp_path / "shelf", TAKEN, None)


@pytest.mark.parametrize(
    ("verdict", "code"),
    [(Verdict.PROVEN, 0), (Verdict.RESTORABLE, 0), (Verdict.FAILED, 1), (Verdict.UNKNOWN, 5)],
)
def test_only_what_restores_ends_with_0_and_what_nobody_knows_with_a_code_of_its_own(
    run: Run, engine: FakeEngine, dump: Path, verdict: Verdict, code: int
):
    engine.verification = attempt(verdict)
    assert run("backup", "verify", str(dump)).exit_code == code
    assert run("backup", "verify", str(dump), "--json").exit_code == code


def test_a_verification_is_one_json_object_with_its_phases_by_name(run: Run, engine: FakeEngine, dump: Path):
    phases = (Phase("read", 0.5), Phase("assert", 1.0), Phase("assert", 2.0))
    engine.verification = replace(attempt(Verdict.FAILED), reason=Reason.TRUNCATED, detail="It ends.", phases=phases)
    told = json.loads(run("backup", "verify", str(dump), "--json").stdout)
    assert (told["verdict"], told["reason"], told["detail"]) == ("failed", "truncated", "It ends.")
    assert told["phases"] == {"read": 0.5, "assert": 3.0}
    assert {"findings", "compared", "messages", "peak_memory_bytes", "restored_bytes", "sha256"} <= told.keys()


def test_a_restore_that_never_ends_is_ended(run: Run, engine: FakeEngine, dump: Path):
    with dump.open("r+b") as file:
        file.truncate(3_000_000)
    run("backup", "verify", str(dump))
    limits = engine.done[0][2].limits
    assert (limits.seconds, limits.statement_s) == (600 + 30, 600 + 30)


def test_what_nobody_foresaw_is_unknown_and_still_one_json_object(
    run: Run, dump: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken() -> None:
        raise TypeError("not what was expected")

    monkeypatch.setattr(postgres_restore, "verifier_here", broken)
    done = run("backup", "verify", str(dump), "--json")
    told = json.loads(done.stdout)
    assert (told["verdict"], told["reason"], done.exit_code) == ("unknown", "not_started", 5)
    assert told["detail"] == "TypeError: not what was expected"


def test_the_manifest_beside_the_dump_is_found_and_another_one_can_be_named(
    run: Run, engine: FakeEngine, dump: Path, tmp_path: Path
):
    run("backup", "verify", str(dump))
    other = tmp_path / "other.json"
    other.write_bytes(to_bytes(manifest_json(replace(MANIFEST, database="other"))))
    run("backup", "verify", str(dump), "--manifest", str(other))
    manifest_path(dump).unlink()
    run("backup", "verify", str(dump))
    assert [one[1] and one[1].database for one in engine.done] == ["shop", "other", None]


def test_the_catalog_gives_assertions_and_the_servers_name(run: Run, engine: FakeEngine, dump: Path, tmp_path: Path):
    (tmp_path / "databases.yaml").write_text(
        "databases:\n"
        "  - {name: orders, source_name: shop, assertions: [{name: some, sql: SELECT true}]}\n"
        "  - {name: payments}\n"
    )
    options = ("--catalog", "databases.yaml", "--database", "orders", "--max-age", "1d12h")
    assert run("backup", "verify", str(dump), *options).exit_code == 0
    wanted = engine.done[0][2]
    assert (wanted.database, wanted.source_name, wanted.max_age_s) == ("orders", "shop", 36 * 3600)
    assert [(one.name, one.sql) for one in wanted.assertions] == [("some", "SELECT true")]
    assert (wanted.where, wanted.cause, wanted.dump_id) == ("command", Cause.REQUEST, dump.name)
    unnamed = run("backup", "verify", str(dump), "--catalog", "databases.yaml")
    assert (unnamed.exit_code, "orders, payments" in unnamed.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("shelf/none.dump",), "there is no file"),
        (("FILE", "--database", "orders"), "--catalog"),
        (("FILE", "--max-age", "soon"), "--max-age: 'soon' is not a time"),
        (("FILE", "--manifest", "none.json"), "--manifest: there is no"),
        (("FILE", "--catalog", "none.yaml"), "is no catalog"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(
    run: Run, engine: FakeEngine, dump: Path, options: tuple[str, ...], sentence: str
):
    result = run("backup", "verify", *(str(dump) if one == "FILE" else one for one in options))
    assert (result.exit_code, sentence in result.stderr, engine.done) == (2, True, [])


def test_the_result_is_kept_beside_the_dump_unless_it_is_not_wanted(run: Run, engine: FakeEngine, dump: Path):
    run("backup", "verify", str(dump), "--no-keep")
    assert read_attempts(dump) == ()
    run("backup", "verify", str(dump))
    assert [one.verdict for one in read_attempts(dump)] == [Verdict.PROVEN]


def test_a_folder_is_listed_newest_first_with_what_is_known(run: Run, tmp_path: Path):
    shelve(tmp_path / "shelf", TAKEN, Verdict.PROVEN)
    shelve(tmp_path / "shelf", TAKEN + timedelta(hours=6), None)
    result = run("backup", "list", "shelf")
    rows = [line.split() for line in result.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == ["2026-11-20T12:00:00Z", "2026-11-20T06:00:00Z"]
    assert "not verified" in result.stdout
    assert "2 dumps, 1 proven" in result.stderr
    told = json.loads(run("backup", "list", "shelf", "--limit", "1", "--json").stdout)
    assert ([one["rows"] for one in told["dumps"]], told["has_more"]) == ([7], True)
    assert json.loads(run("backup", "list", "shelf", "--database", "nobody", "--json").stdout)["dumps"] == []


def test_the_history_of_a_folder_has_each_dump_and_each_attempt(run: Run, tmp_path: Path):
    shelve(tmp_path / "shelf", TAKEN, Verdict.PROVEN)
    told = json.loads(run("backup", "history", "shelf", "--json").stdout)["events"]
    assert [(one["at"], one["what"]) for one in told] == [
        ("2026-11-21T06:10:09Z", "proven"),
        ("2026-11-20T06:00:00Z", "taken"),
    ]
    assert "restored in 2.5 s" in run("backup", "history", "shelf").stdout


def record(path: Path, **changes: Any) -> dict[str, Any]:
    return dump_json(replace(dump_of(read_one(path)), database="orders", **changes))


def test_without_a_folder_every_database_is_listed_by_the_api(local: Run, api: FakeApi):
    checks = {"rpo": {"measured": 9000.0}, "rto": {"measured": None}}
    one = {"database": "orders", "standing": "missed", "rpo_s": 900, "rto_s": 14_400, "checks": checks}
    whole = {**one, "newest_proof": None, "summary": "Too old."}
    api.will("GET /v1/backups", {"backups": [whole], "next": None})
    result = local("backup", "list")
    cells = [cell for cell in result.stdout.splitlines()[2].split("  ") if cell.strip()]
    assert [cell.strip() for cell in cells] == [
        *("orders", "missed", "2 h 30 min", "15 min", "unknown", "4 h", "none", "Too old."),
    ]
    assert api.asked[0].headers["authorization"] == f"Bearer {KEYS['read_key']}"
    assert json.loads(local("backup", "list", "--json").stdout) == {"backups": [whole]}


def test_the_dumps_of_a_database_come_from_the_api_without_deleted_ones(local: Run, api: FakeApi, dump: Path):
    gone = record(dump, dump_id="orders/gone", deleted_at=TAKEN, deleted_why="30 days")
    api.will("GET /v1/backups/orders/dumps", {"dumps": [record(dump), gone], "next": "more"})
    api.will("GET /v1/backups/orders/dumps", {"dumps": [], "next": None})
    told = json.loads(local("backup", "list", "--database", "orders", "--json").stdout)
    assert [one["dump_id"] for one in told["dumps"]] == [dump.name]
    assert api.asked[0].query["from"] == "2000-01-01T00:00:00Z"
    assert api.asked[1].query["cursor"] == "more"


def test_the_history_from_the_api_has_deletions_and_dumps_that_were_asked_for(local: Run, api: FakeApi, dump: Path):
    gone = record(
        dump, deleted_at=TAKEN + timedelta(days=1), deleted_why="30 days", verdict=Verdict.FAILED,
        reason=Reason.STALE, verified_at=TAKEN + timedelta(hours=1),
    )  # fmt: skip
    api.will("GET /v1/backups/orders/dumps", {"dumps": [gone], "next": None})
    take = {
        "id": "orders/2026", "state": "failed", "attempts": 3, "why": "no route", "dump_id": None, "started_at": None,
        "requested_at": "2026-11-22T00:00:00Z",
    }  # fmt: skip
    api.will("GET /v1/backups/orders", {"takes": [take]})
    told = json.loads(local("backup", "history", "--database", "orders", "--json").stdout)["events"]
    assert [(one["what"], one["detail"]) for one in told] == [
        ("failed", "3 attempts: no route"),
        ("deleted", "30 days"),
        ("failed", "stale"),
        ("taken", "1.0 kB, 7 rows"),
    ]


def test_the_history_needs_a_folder_or_a_name(local: Run):
    assert local("backup", "history").exit_code == 2


def test_a_dump_is_asked_for_with_a_key_that_may(local: Run, api: FakeApi):
    api.will("POST /v1/backups/or%2Fders/take", {"id": "or/ders/2026", "state": "requested"}, status=202)
    result = local("backup", "request", "or/ders")
    assert (result.exit_code, result.stdout) == (0, "requested  or/ders/2026\n")
    assert api.asked[0].headers["authorization"] == f"Bearer {KEYS['admin_key']}"


def test_an_unknown_database_ends_with_1(local: Run, api: FakeApi):
    api.problem("POST /v1/backups/nobody/take", 404, "Not found", "there is no database 'nobody'")
    result = local("backup", "request", "nobody")
    assert (result.exit_code, "there is no database 'nobody'" in result.stderr) == (1, True)


@pytest.mark.parametrize(("verb", "is_held", "word"), [("hold", True, "held"), ("release", False, "not held")])
def test_a_dump_is_held_and_released(local: Run, api: FakeApi, verb: str, is_held: bool, word: str):
    dump_id = "orders/2026/11/orders-20261121T060000Z.dump"
    api.will(f"POST /v1/backups/orders/{verb}", {"database": "orders", "dump_id": dump_id, "legal_hold": is_held})
    assert local("backup", verb, dump_id).stdout == f"{word}  {dump_id}\n"
    assert json.loads(api.asked[0].body) == {"dump_id": dump_id}


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_a_drill_that_a_bad_dump_passes_ends_with_1(run: Run, monkeypatch: pytest.MonkeyPatch, passed: bool, code: int):
    control = {"name": "truncated", "expected": "failed: truncated", "got": "proven", "seconds": 1.0, "passed": passed}
    monkeypatch.setattr(backup_engine, "drill", lambda _now, _bars: {"passed": passed, "controls": [control]})
    result = run("backup", "drill")
    assert (result.exit_code, "WRONG" in result.stdout) == (code, not passed)
    assert json.loads(run("backup", "drill", "--json").stdout)["passed"] is passed

"""opsloop backup restore: which dump, what is refused, what is left behind, and how it ends."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from opsloop.adapters.postgres_recover import Restored
from opsloop.backup.model import Finding, Reason, Verdict
from opsloop.errors import DependencyUnavailableError
from opsloop_cli import backup_engine
from tests.unit.backup.test_restore_plan import TARGET
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_backup import BODY, FakeEngine, installed, shelve

OLD = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
NEW = OLD + timedelta(hours=12)
TO = ("--to", "host=db.example dbname=shop")
FROM_SHELF = ("backup", "restore", "shop", "--from", "shelf", *TO)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    return installed(monkeypatch)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    shelve(tmp_path / "shelf", OLD, Verdict.PROVEN)
    return tmp_path / "shelf"


def test_the_newest_proven_dump_is_restored_and_compared(run: Run, engine: FakeEngine, shelf: Path):
    shelve(shelf, OLD - timedelta(hours=6), Verdict.PROVEN)
    shelve(shelf, NEW, Verdict.FAILED)
    result = run(*FROM_SHELF, "--yes", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["outcome"]) == (0, "equal")
    assert told["dump"]["taken_at"] == "2026-11-20T06:00:00Z"
    assert [one["taken_at"] for one in told["passed_over"]] == ["2026-11-20T18:00:00Z"]
    assert engine.done == ["create", ("restore", BODY, 4, False), "analyze", ("compare",)]
    assert told["compared"] == {"tables": 1, "rows": 7}
    assert list(told["phases"]) == ["read", "create", "restore", "analyze", "compare"]


def test_a_time_takes_the_newest_dump_not_later_and_says_what_is_lost(run: Run, engine: FakeEngine, shelf: Path):
    shelve(shelf, NEW, Verdict.PROVEN)
    result = run(*FROM_SHELF, "--at", "2026-11-20T09:30:00Z", "--plan", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["outcome"], told["dump"]["taken_at"]) == (0, "planned", "2026-11-20T06:00:00Z")
    assert (told["lost_s"], told["expected_s"], told["measured_restores"]) == (3.5 * 3600, 2.5, 2)
    assert engine.done == []


def test_a_server_whose_clock_is_ahead_of_ours_loses_us_no_dump(run: Run, engine: FakeEngine, tmp_path: Path):
    ahead = datetime.now(UTC) + timedelta(minutes=5)
    shelve(tmp_path / "shelf", ahead.replace(microsecond=0), Verdict.PROVEN)
    now = json.loads(run(*FROM_SHELF, "--plan", "--json").stdout)
    assert (now["outcome"], now["lost_s"]) == ("planned", 0)
    assert run(*FROM_SHELF, "--plan", "--at", "-0s").exit_code == 1


def test_the_plan_is_shown_before_anything_is_asked(run: Run, engine: FakeEngine, shelf: Path):
    result = run(*FROM_SHELF, "--at", "2026-11-20T09:30:00Z")
    assert "what was written in the 3 h 30 min after 2026-11-20T06:00:00Z" in result.stdout
    assert "about 2.5 s (by 1 measured)" in result.stdout
    assert "db.example:5432/shop, PostgreSQL 16.4, will be created" in result.stdout
    assert result.exit_code == 1  # nobody answered
    assert engine.done == []


@pytest.mark.parametrize("answer", ["y\n", "n\n"])
def test_nothing_is_done_without_a_yes(
    engine: FakeEngine, shelf: Path, monkeypatch: pytest.MonkeyPatch, run: Run, answer: str
):
    from typer.testing import CliRunner

    from opsloop_cli.main import app

    result = CliRunner().invoke(app, list(FROM_SHELF), input=answer)
    assert (result.exit_code == 0) is (answer == "y\n")
    assert bool(engine.done) is (answer == "y\n")


def test_json_asks_nothing_and_changes_what_is_in_use_only_with_a_yes(run: Run, engine: FakeEngine, shelf: Path):
    result = run(*FROM_SHELF, "--json", "--into-non-empty")
    assert (result.exit_code, result.stdout, engine.done) == (2, "", [])
    assert "--yes" in result.stderr
    assert json.loads(run(*FROM_SHELF, "--json").stdout)["outcome"] == "equal"
    assert engine.done


@pytest.mark.parametrize(
    ("verdict", "is_ours", "flag"),
    [
        (Verdict.RESTORABLE, False, "--accept-restorable"),
        (None, True, "--accept-unproven"),
        (Verdict.UNKNOWN, True, "--accept-unproven"),
        (Verdict.FAILED, True, "--accept-failed"),
    ],
)
def test_less_than_a_proof_must_be_asked_for(
    run: Run, engine: FakeEngine, tmp_path: Path, verdict: Verdict | None, is_ours: bool, flag: str
):
    shelve(tmp_path / "shelf", OLD, verdict, is_ours=is_ours)
    refused = run(*FROM_SHELF, "--yes")
    assert (refused.exit_code, engine.done) == (1, [])
    assert flag in refused.stderr
    taken = run(*FROM_SHELF, "--yes", "--json", flag)
    assert taken.exit_code == 0
    assert json.loads(taken.stdout)["outcome"] == ("equal" if is_ours else "restored")


def test_a_target_that_holds_anything_is_refused_and_nothing_done(run: Run, engine: FakeEngine, shelf: Path):
    engine.target = replace(TARGET, exists=True, objects=("table public.orders",))
    result = run(*FROM_SHELF, "--yes")
    assert (result.exit_code, engine.done) == (1, [])
    assert "is not empty: it has table public.orders" in result.stdout
    told = json.loads(run(*FROM_SHELF, "--yes", "--json").stdout)
    assert (told["outcome"], [one["kind"] for one in told["obstacles"]]) == ("refused", ["not_empty"])
    assert run(*FROM_SHELF, "--yes", "--into-non-empty").exit_code == 0
    assert engine.done[0] == ("restore", BODY, 4, False)


def test_a_missing_role_stops_before_anything_happens_unless_it_may_be_made(run: Run, engine: FakeEngine, shelf: Path):
    engine.target = replace(TARGET, roles=frozenset({"postgres"}))
    assert run(*FROM_SHELF, "--yes").exit_code == 1
    assert engine.done == []
    assert run(*FROM_SHELF, "--yes", "--create-roles").exit_code == 0
    assert engine.done[0] == ("roles", "shop")


def test_without_owners_neither_roles_nor_privileges_are_compared(run: Run, engine: FakeEngine, shelf: Path):
    engine.target = replace(TARGET, roles=frozenset({"postgres"}))
    assert run(*FROM_SHELF, "--yes", "--no-owner", "--jobs", "2").exit_code == 0
    assert engine.done[1:] == [
        ("restore", BODY, 2, True),
        "analyze",
        ("compare", "owners", "grants", "grants_maintain"),
    ]


def test_a_copy_that_is_not_equal_ends_with_1_and_stays_to_be_looked_at(run: Run, engine: FakeEngine, shelf: Path):
    engine.findings = (Finding(Reason.ROW_COUNT_MISMATCH, "public.orders", "7", "6"),)
    result = run(*FROM_SHELF, "--yes", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["outcome"], "drop" in engine.done) == (1, "differs", False)
    finding = {"reason": "row_count_mismatch", "where": "public.orders", "expected": "7", "found": "6"}
    assert told["findings"] == [finding]


def test_an_error_of_the_server_ends_with_1_although_the_facts_are_equal(run: Run, engine: FakeEngine, shelf: Path):
    engine.restored = Restored(is_complete=True, errors=("out of shared memory",), harmless=())
    result = run(*FROM_SHELF, "--yes")
    assert result.exit_code == 1
    assert "incomplete" in result.stdout
    assert "out of shared memory" in result.stderr


def test_a_restore_that_breaks_off_leaves_no_database_that_it_made(run: Run, engine: FakeEngine, shelf: Path):
    engine.restored = Restored(is_complete=False, errors=("no space left on device",), harmless=())
    assert run(*FROM_SHELF, "--yes").exit_code == 1
    assert engine.done[-1] == "drop"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DependencyUnavailableError("the server is gone")])
def test_ctrl_c_and_a_lost_server_leave_nothing_either(run: Run, engine: FakeEngine, shelf: Path, error: BaseException):
    engine.restored = error
    assert run(*FROM_SHELF, "--yes").exit_code != 0
    assert engine.done[-1] == "drop"


@pytest.mark.parametrize(
    ("exists", "objects", "ends"), [(True, (), ["drop"]), (True, ("table t",), []), (False, (), [])]
)
def test_a_database_that_the_server_had_just_made_when_it_was_stopped_is_dropped(
    run: Run,
    engine: FakeEngine,
    shelf: Path,
    monkeypatch: pytest.MonkeyPatch,
    exists: bool,
    objects: tuple[str, ...],
    ends: list[str],
):
    engine.target = replace(TARGET, exists=False)

    def stopped(_dsn: str, _manifest: object) -> str:
        engine.target = replace(TARGET, exists=exists, objects=objects)
        raise KeyboardInterrupt

    monkeypatch.setattr(backup_engine, "create_database", stopped)
    assert run(*FROM_SHELF, "--yes").exit_code != 0
    assert engine.done == ends


def test_a_database_that_was_there_is_never_dropped(run: Run, engine: FakeEngine, shelf: Path):
    engine.target = replace(TARGET, exists=True)
    engine.restored = Restored(is_complete=False, errors=("gone",), harmless=())
    result = run(*FROM_SHELF, "--yes")
    assert "drop" not in engine.done
    assert "create" not in engine.done
    assert "holds what was restored so far" in result.stdout


def test_what_can_be_had_of_a_bad_dump_stays_and_one_connection_restores_it(
    run: Run, engine: FakeEngine, tmp_path: Path
):
    shelve(tmp_path / "shelf", OLD, Verdict.FAILED)
    engine.restored = Restored(is_complete=False, errors=("end of file",), harmless=())
    assert run(*FROM_SHELF, "--yes", "--accept-failed").exit_code == 1
    assert engine.done == ["create", ("restore", BODY, 1, False)]


def test_a_file_that_was_changed_after_its_proof_is_not_restored(run: Run, engine: FakeEngine, shelf: Path):
    changed = next(shelf.glob("*.dump"))
    changed.write_bytes(b"y" * len(BODY))
    result = run(*FROM_SHELF, "--yes")
    assert (result.exit_code, engine.done) == (1, [])
    assert "is not the file that was taken and proven" in result.stderr


def test_one_file_is_restored_by_its_name(run: Run, engine: FakeEngine, shelf: Path):
    path = next(shelf.glob("*.dump"))
    result = run("backup", "restore", str(path), *TO, "--yes", "--json")
    assert json.loads(result.stdout)["outcome"] == "equal"


def test_a_file_that_is_not_there_is_not_taken_for_a_database(run: Run, engine: FakeEngine):
    result = run("backup", "restore", "shelf/none.dump", *TO, "--yes")
    assert result.exit_code == 2
    assert "there is no file shelf/none.dump" in result.stderr

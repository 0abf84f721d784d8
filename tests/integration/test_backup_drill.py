"""The nightly drill with a real PostgreSQL, real dumps and the real verifier; what is stored and told of it."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from opsloop.adapters.backup_drills import DrillTable
from opsloop.adapters.postgres_drill import drill_here, make_specimens
from opsloop.adapters.postgres_restore import verifier_here
from opsloop.backup.damage import CONTROLS, DONE_TO_DATABASE, Specimen
from opsloop.backup.drill import Drill, Trial, run
from opsloop.backup.model import Verdict, Verification
from tests.integration.backup_pruning import Bus

pytestmark = pytest.mark.xdist_group("drill")  # one night for all
NOW = datetime(2026, 11, 21, 2, 40, tzinfo=UTC)  # of the scheduled sample


@pytest.fixture(scope="module")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> list[Specimen]:
    """Return what one night makes; every test of this module shares it."""
    return make_specimens(tmp_path_factory.mktemp("drill"))


@pytest.fixture(scope="module")
def drill(specimens: list[Specimen]) -> Drill:
    """Return what the real verifier makes of it."""
    return run("20261121T024000Z", NOW, lambda: specimens, verifier_here(), time.monotonic)


class Liar:
    """Finds that everything is as it should be, without looking."""

    def verify(self, _path: Path, manifest: Any, wanted: Any) -> Verification:
        verdict = Verdict.PROVEN if manifest else Verdict.RESTORABLE
        return Verification("v", "d", "drill", wanted.cause, verdict, None, "All is well.", wanted.now, wanted.now)


def test_every_damaged_dump_is_rejected_for_the_right_reason_and_the_sound_ones_are_not(drill):
    assert {one.name: one.got for one in drill.trials if not one.passed} == {}
    assert {one.name: one.got for one in drill.trials} == {
        one.name: f"failed: {one.reasons[0]}" if one.reasons else one.verdict for one in CONTROLS
    }
    assert drill.passed
    assert drill.engine_version.startswith("18")


def test_a_verifier_that_lies_is_found_out_by_every_damaged_dump(specimens):
    drill = run("x", NOW, lambda: specimens, Liar(), time.monotonic)
    assert {one.name for one in drill.trials if one.passed} == {"sound", "sound_alone"}
    assert len(drill.failures) == len(CONTROLS) - 2


def test_what_is_done_to_the_database_is_in_the_dump_and_the_manifest_is_the_sound_ones(specimens):
    by_name = {one.name: one for one in specimens}
    sound = by_name["sound"].manifest
    assert sound is not None
    assert (sound.rows, sound.large_objects["count"], len(sound.tables)) == (10_502, 3, 9)
    for name in DONE_TO_DATABASE:
        lost = by_name[name].manifest
        assert lost is not None
        assert lost.sha256 != sound.sha256
        assert lost == replace(sound, sha256=lost.sha256, dump_bytes=lost.dump_bytes)
    alone = {name for name, one in by_name.items() if one.manifest is None}
    assert alone >= {"sound_alone", "truncated_alone", "bit_flipped_alone"}
    flipped, whole = (by_name[name].path.read_bytes() for name in ("bit_flipped", "sound"))
    assert sum((one ^ two).bit_count() for one, two in zip(flipped, whole, strict=True)) == 1


def test_a_machine_without_room_says_so_of_every_control(monkeypatch):
    def make(_folder: Path) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("opsloop.adapters.postgres_drill.make_specimens", make)
    drill = drill_here("x", NOW, verifier=Liar())
    assert {one.got for one in drill.trials} == {"not tried"}
    assert "No space left" in drill.trials[0].detail


@pytest.fixture
def handler(aws: Any, load_handler: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    module = load_handler("backup_drill")
    monkeypatch.setattr(module, "bus", Bus())
    return module


def broken(drill: Drill) -> Drill:
    trial = Trial("empty", "a file with nothing in it", "failed: empty", "proven", False, 0.5, "All is well.")
    return replace(drill, trials=tuple(trial if one.name == "empty" else one for one in drill.trials))


@pytest.mark.parametrize("is_broken", [False, True])
def test_a_drill_is_stored_told_and_counted(aws, handler, drill, event, context, monkeypatch, capsys, is_broken):
    wanted = broken(drill) if is_broken else drill
    asked: list[Any] = []
    monkeypatch.setattr(handler, "drill_here", lambda *about, has_time: asked.append((*about, has_time())) or wanted)
    for _ in range(2):  # delivered twice
        answer = handler.lambda_handler(event("backup_drill/schedule"), context)
    assert answer == {"passed": not is_broken, "controls": len(CONTROLS), "wrong": ["empty"] if is_broken else []}
    assert asked[0] == ("20261121T024000Z", NOW, False)  # the context has 20 s left
    assert list(DrillTable(aws.names["BACKUP_TABLE"]).newest_first()) == [wanted]
    kind = "backup.drill_failed" if is_broken else "backup.drill_passed"
    assert {(one["type"], one["id"]) for one in handler.bus.told} == {(kind, "drill/2026-11-21T02:40:00Z")}
    if is_broken:
        (failure,) = handler.bus.of(kind)[0]["failures"]
        assert (failure["way"], failure["expected"], failure["got"]) == ("empty", "failed: empty", "proven")
    out = capsys.readouterr().out.replace(" ", "")
    assert f'"DrillsPassed":[{0.0 if is_broken else 1.0}]' in out
    assert f'"DrillsFailed":[{1.0 if is_broken else 0.0}]' in out

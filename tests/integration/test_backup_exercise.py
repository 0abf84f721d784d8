"""Disasters are exercised step by step over HTTP, by several people at once, and told of where they wait."""

import importlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from opsloop.adapters.backup_drills import DrillTable, ExerciseTable
from opsloop.adapters.backup_table import DumpTable
from opsloop.alert.receive import read_event
from opsloop.backup.drill import Drill, Trial
from opsloop.backup.model import Dump, Verdict
from opsloop.errors import ConflictError
from tests.conftest import NOW
from tests.integration.backup_pruning import JSON, ORDERS, WEEK, Bus
from tests.integration.conftest import CATALOG
from tests.integration.described import as_described

MINUTE = timedelta(minutes=1)
PATH = "/v1/backups/exercises"
STEPS = [
    {"phase": "assess", "do": "Look."},
    {"phase": "fail_over", "do": "Restore.", "target_minutes": 30},
    {"phase": "validate", "do": "Compare."},
    {"phase": "communicate", "do": "Tell."},
]
DISASTERS = [
    {"name": "database-lost", "databases": ["orders"], "description": "The server is gone.", "steps": STEPS},
    {"name": "data-deleted", "databases": ["orders"], "description": "", "steps": []},
]
DUMP = "orders/2026/11/orders-20261121T082000Z.dump"


@pytest.fixture
def handler(aws: Any, tokens: Any, load_handler: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    catalog_layer = importlib.import_module("opsloop.adapters.catalog_layer")
    catalog_layer.load_catalog.cache_clear()
    document = {**CATALOG, "databases": [ORDERS], "retention": [WEEK], "disasters": DISASTERS}
    monkeypatch.setattr(catalog_layer, "_read", lambda _name: json.dumps(document).encode())
    module: ModuleType = load_handler("backup_exercise")
    monkeypatch.setattr(module, "bus", Bus())
    yield module
    catalog_layer.load_catalog.cache_clear()


@pytest.fixture
def proven(aws: Any) -> Dump:
    """Store a dump of ten minutes ago that is proven, and a newer one that is not."""
    table, taken = DumpTable(aws.names["BACKUP_TABLE"]), NOW - 10 * MINUTE
    newer = Dump("orders/newer.dump", "orders", "dumps/orders/newer.dump", "v", 9, NOW - MINUTE, NOW - MINUTE)
    table.save(newer)
    good = replace(newer, dump_id=DUMP, key=f"dumps/{DUMP}", taken_at=taken, verdict=Verdict.PROVEN, proven_at=NOW)
    return table.save(replace(good, restore_s=42.5, bytes=1_000))


@pytest.fixture
def post(handler: ModuleType, http_event: Any, context: Any, tokens: Any) -> Any:
    def send(path: str, body: Any, *, minute: float = 0, status: int = 200, key: str = "admin") -> Any:
        now = NOW + minute * MINUTE
        event = http_event("POST", path, headers=JSON, body=json.dumps(body), token=tokens[key], now=now)
        answer = handler.lambda_handler(event, context)
        assert answer["statusCode"] == status, answer["body"]
        return as_described("POST", described(path), answer)

    return send


def described(path: str) -> str:
    parts = path.split("/")
    if len(parts) > 4:
        parts[4] = "{id}"
    if len(parts) > 6:
        parts[6] = "{n}"
    return "/".join(parts)


@pytest.fixture
def get(handler: ModuleType, http_event: Any, context: Any, tokens: Any) -> Any:
    def send(path: str = PATH, *, query: str = "", days: int = 0) -> Any:
        event = http_event("GET", path, query=query, token=tokens["read"], now=NOW + timedelta(days=days))
        return as_described("GET", described(path), handler.lambda_handler(event, context))

    return send


def work_off(post: Any, exercise: str) -> None:
    for step, state, minute in ((1, "done", 5), (2, "begun", 8), (2, "done", 38), (3, "done", 50), (4, "skipped", 55)):
        post(f"{PATH}/{exercise}/steps/{step}", {"state": state}, minute=minute)


def test_an_exercise_shows_what_could_be_restored_when_it_begins(proven, post):
    begun = post(PATH, {"disaster": "database-lost"}, status=201)
    assert begun["id"] == "database-lost.20261121T083000Z"
    assert [one["do"] for one in begun["steps"]] == ["Look.", "Restore.", "Compare.", "Tell."]
    assert begun["restorable"] == [
        {"database": "orders", "dump_id": DUMP, "taken_at": "2026-11-21T08:20:00Z", "age_s": 600.0, "dump_bytes": 1_000,
         "expected_restore_s": 42.5, "rpo_target_s": 900, "rto_target_s": 14400}
    ]  # fmt: skip
    assert len(post(PATH, {"disaster": "data-deleted"}, status=201)["steps"]) == 13  # the usual ones


def test_an_exercise_is_worked_off_finished_told_and_kept_as_evidence(aws, handler, proven, post, get):
    exercise = post(PATH, {"disaster": "database-lost"}, status=201)["id"]
    assert get()["disasters"][1]["running"] == exercise
    work_off(post, exercise)
    for _ in range(2):
        ended = post(f"{PATH}/{exercise}/finish", {"note": "Went well."}, minute=60)
    assert (ended["state"], ended["result"], ended["rto_s"]) == ("finished", "passed", 42 * 60)
    assert {one["id"] for one in handler.bus.told} == {exercise}
    told = handler.bus.of("backup.exercise_finished")[0]
    assert (told["result"], told["databases"][0]["rpo"], told["databases"][0]["rpo_s"]) == ("passed", "met", 600)
    kept = json.loads(aws.objects("BACKUP_BUCKET")[f"evidence/exercises/{exercise}.json"])
    assert kept == get(f"{PATH}/{exercise}")
    assert kept["steps"][0]["said"] == [
        {"state": "done", "by": "aaaaaaaaaaaa", "at": "2026-11-21T08:35:00Z", "note": ""}
    ]
    deleted, lost = get(days=1)["disasters"]
    assert (lost["standing"], lost["running"], deleted["standing"]) == ("done", None, "unknown")
    assert get(days=60)["disasters"][1]["standing"] == "due"
    assert get(days=150)["disasters"][1]["standing"] == "overdue"


def test_an_exercise_that_is_abandoned_is_told_and_keeps_no_evidence(aws, handler, proven, post):
    exercise = post(PATH, {"disaster": "database-lost"}, status=201)["id"]
    post(f"{PATH}/{exercise}/steps/1", {"state": "done"}, minute=5)
    for _ in range(2):
        post(f"{PATH}/{exercise}/finish", {"abandon": True, "note": "Fire drill."}, minute=6)
    (told, again) = handler.bus.of("backup.exercise_abandoned")
    assert told == again
    assert (told["disaster"], told["settled"], told["steps"], told["note"]) == ("database-lost", 1, 4, "Fire drill.")
    assert {one["id"] for one in handler.bus.told} == {exercise}
    assert aws.objects("BACKUP_BUCKET") == {}


def test_what_is_told_of_exercises_is_what_alerts_understand(handler, event, context, proven, post):
    exercise = post(PATH, {"disaster": "database-lost"}, status=201)["id"]
    handler.lambda_handler(event("backup_exercise/schedule"), context)
    post(f"{PATH}/{exercise}/steps/1", {"state": "failed", "note": "No rights."}, minute=1)
    for step in (2, 3, 4):
        post(f"{PATH}/{exercise}/steps/{step}", {"state": "done"}, minute=5)
    post(f"{PATH}/{exercise}/finish", {"note": "Late."}, minute=60)
    other = post(PATH, {"disaster": "database-lost"}, minute=61, status=201)["id"]
    post(f"{PATH}/{other}/finish", {"abandon": True}, minute=62)
    read = {one["type"]: read_event(one) for one in handler.bus.told if one["subject"] == "database-lost"}
    causes = {kind.removeprefix("backup.exercise_"): wish.cause for kind, wish in read.items()}
    assert causes == {"due": "due-2026-Q4", "finished": f"result-{exercise}", "abandoned": f"abandoned-{other}"}
    assert read["backup.exercise_due"].telling.data["running"] == exercise
    assert read["backup.exercise_due"].telling.severity.value == "warning"  # it never was exercised
    assert read["backup.exercise_finished"].telling.data["failed"] == ({"n": 1, "do": "Look.", "note": "No rights."},)
    assert read["backup.exercise_finished"].ends.subject == read["backup.exercise_due"].subject


def test_one_exercise_of_a_disaster_runs_at_a_time(proven, post):
    first = post(PATH, {"disaster": "database-lost"}, status=201)["id"]
    post(PATH, {"disaster": "database-lost"}, minute=1, status=409)
    post(f"{PATH}/{first}/finish", {"abandon": True, "note": "A real incident."}, minute=2)
    assert post(PATH, {"disaster": "database-lost"}, minute=3, status=201)["id"] != first


def test_ticks_at_the_same_moment_do_not_lose_each_other(aws, handler, post, proven, monkeypatch):
    exercise = post(PATH, {"disaster": "data-deleted"}, status=201)["id"]
    assess = [1, 2, 3]
    table = ExerciseTable(aws.names["BACKUP_TABLE"])
    find, others = table.find, iter(assess[:2])

    def overtaken(exercise_id: str) -> Any:
        found = find(exercise_id)
        for number in others:  # somebody else ticks between our reading and our writing, twice
            post(f"{PATH}/{exercise}/steps/{number}", {"state": "done"}, minute=number)
            break
        return found

    monkeypatch.setattr(table, "find", overtaken)
    steps = handler.steps
    said = steps.Tick(3, steps.StepState.DONE, "bob", NOW + 9 * MINUTE)
    after = table.change(exercise, lambda one: steps.tick(one, said))
    assert [step.state for step in after.steps[:3]] == [steps.StepState.DONE] * 3
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda n: post(f"{PATH}/{exercise}/steps/{n}", {"state": "done"}, minute=20), (4, 12)))
    assert find(exercise).steps[3].state is find(exercise).steps[11].state is steps.StepState.DONE


def test_who_is_always_overtaken_is_told_so(aws, handler, post, proven):
    exercise = post(PATH, {"disaster": "data-deleted"}, status=201)["id"]
    table = ExerciseTable(aws.names["BACKUP_TABLE"])
    notes = iter(range(100))

    def changed(one: Any) -> Any:
        other = replace(one, note=f"{next(notes)}")
        ExerciseTable(aws.names["BACKUP_TABLE"]).change(exercise, lambda _: other)
        return replace(one, note="mine")

    with pytest.raises(ConflictError):
        table.change(exercise, changed)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("", {"disaster": "flood"}, 404), ("", {}, 400), ("", {"disaster": "data-deleted", "when": "now"}, 400),
        ("/lost.1/steps/1", {"state": "done"}, 404), ("/{id}/steps/9", {"state": "done"}, 400),
        ("/{id}/steps/one", {"state": "done"}, 400), ("/{id}/steps/1", {"state": "todo"}, 400),
        ("/{id}/steps/1", {"state": "done", "note": "x" * 2001}, 400), ("/{id}/steps/3", {"state": "done"}, 400),
        ("/{id}/steps/1", {"state": "done", "recovered_to": {"orders": "yesterday"}}, 400),
        ("/{id}/steps/1", {"state": "done", "recovered_to": {"payments": "2026-11-21T08:00:00Z"}}, 400),
        ("/{id}/finish", {}, 400), ("/{id}/finish", {"abandon": "yes"}, 400), ("/lost.1/finish", {}, 404),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(proven, post, path, body, status):
    exercise = post(PATH, {"disaster": "database-lost"}, status=201)["id"]
    post(PATH + path.replace("{id}", exercise), body, minute=1, status=status)


def test_only_who_may_operate_exercises(proven, post):
    for path in ("", "/x/steps/1", "/x/finish"):
        post(PATH + path, {"disaster": "database-lost"}, status=403, key="read")


def test_disasters_that_wait_are_told_of_once_a_quarter(handler, event, context, proven, post):
    sample = event("backup_exercise/schedule")
    for _ in range(2):
        handler.lambda_handler(sample, context)
    told = handler.bus.of("backup.exercise_due")
    assert [(one["disaster"], one["quarter"], one["last"]) for one in told] == [
        ("data-deleted", "2026-Q4", ""), ("database-lost", "2026-Q4", ""),
    ]  # fmt: skip
    exercise = post(PATH, {"disaster": "database-lost"}, status=201)["id"]
    work_off(post, exercise)
    post(f"{PATH}/{exercise}/finish", {}, minute=60)
    january = handler.lambda_handler({**sample, "time": "2027-01-01T07:00:00Z"}, context)
    assert january == {"waiting": 2, "overdue": 1, "told": 1}  # the lost one has until March
    march = handler.lambda_handler({**sample, "time": "2027-03-05T07:00:00Z"}, context)
    assert march["told"] == 1


def test_the_nightly_drills_are_listed_newest_first(aws, handler, get, event, context):
    table = DrillTable(aws.names["BACKUP_TABLE"])
    for day in (19, 20, 21):
        at = datetime(2026, 11, day, 2, 40, tzinfo=UTC)
        trial = Trial("sound", "a sound dump", "proven", "proven", True, 2.25, "Restored whole.")
        table.save(Drill(f"{at:%Y%m%dT%H%M%SZ}", at, 30.0, 5.0, "18.4", (trial,)))
    first = get("/v1/backups/drills", query="limit=2")
    assert [one["id"] for one in first["drills"]] == ["20261121T024000Z", "20261120T024000Z"]
    assert first["drills"][0]["passed"] is False  # one control is not all of them
    rest = get("/v1/backups/drills", query=f"limit=2&cursor={first['next']}")
    assert ([one["id"] for one in rest["drills"]], rest["next"]) == (["20261119T024000Z"], None)


@pytest.mark.parametrize("sample", ["begin", "exercises", "drills"])
def test_samples_are_answered(handler, event, context, proven, sample):
    assert handler.lambda_handler(event(f"backup_exercise/{sample}"), context)["statusCode"] < 300


@pytest.mark.parametrize("sample", ["exercise", "step"])
def test_samples_of_an_exercise_are_answered(handler, event, context, proven, post, sample):
    post(PATH, {"disaster": "database-lost"}, status=201)
    answer = handler.lambda_handler(event(f"backup_exercise/{sample}"), context)
    assert answer["statusCode"] == 200
    too_early = handler.lambda_handler(event("backup_exercise/finish"), context)
    assert too_early["statusCode"] == 400

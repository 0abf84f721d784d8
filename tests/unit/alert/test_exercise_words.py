"""What people hear of exercises: one that is due, abandoned or failed, each once, none as an emergency."""

import json
from pathlib import Path

import pytest

from opsloop.alert.exercise_event import TYPES
from opsloop.alert.mail_text import plain_text
from opsloop.alert.mime import mail
from opsloop.alert.model import Begun, DeliveryKey, Recovered
from opsloop.alert.places import Places
from opsloop.alert.route import route
from opsloop.alert.slack_blocks import payload
from opsloop.alert.story import compose
from opsloop.alert.trouble import begin, end
from opsloop.anomaly.model import Severity
from opsloop.backup.model_upkeep import ExerciseAbandoned, ExerciseDue, ExerciseFinished
from opsloop.catalog import Channel
from opsloop.errors import InvalidInputError
from tests.unit.alert.backup_samples import message
from tests.unit.alert.exercise_samples import ABANDONED, CASES, DUE, EXERCISE, FAILED, NEVER, PASSED, UNKNOWN, read
from tests.unit.alert.test_backup_trouble import Told

DISASTER = "database-lost"


class Exercised(Told):
    """A world that hears of exercises of a disaster."""

    def exercise(self, name: str, at: str, **changes: object) -> None:
        kind, data = next((kind, data) for of, kind, data in (*CASES, ("passed", CASES[2][1], PASSED)) if of == name)
        wish = read(kind, {**data, **changes}, at)
        self.now = max(self.now, (wish.telling if isinstance(wish, Begun) else wish).at + 30)
        if isinstance(wish, Recovered):
            end(self.troubles, wish, self.tell)
            return
        if wish.ends:
            end(self.troubles, wish.ends, self.tell)
        begin(self.troubles, wish, self.tell)

    def subjects(self) -> list[str]:
        return [one.subject for one in self.mail.got]


def test_every_fact_of_exercises_is_told():
    assert {ExerciseAbandoned.TYPE, ExerciseDue.TYPE, ExerciseFinished.TYPE} == TYPES


def test_a_due_exercise_is_told_once_a_quarter_however_often_it_is_said():
    world = Exercised()
    for day in ("04", "04", "05", "20"):
        world.exercise("due", f"2026-12-{day}T07:00:00Z")
    assert world.subjects() == [f"[opsloop] INFO disaster exercise due before 2027-01-01: {DISASTER}"]
    world.exercise("due", "2027-01-01T07:00:00Z", quarter="2027-Q1")
    assert world.said() == ["detected", "detected"]


def test_a_quarter_without_any_exercise_is_a_warning():
    overdue = read("backup.exercise_due", {**DUE, "last": "2026-Q2", "standing": "overdue"})
    assert overdue.telling.severity is Severity.WARNING


def test_an_exercise_that_is_finished_ends_every_notice_of_its_disaster_and_of_no_other():
    world = Exercised()
    world.exercise("due", "2026-12-04T07:00:00Z")
    world.exercise("due", "2026-12-04T07:00:00Z", disaster="data-deleted")
    world.exercise("abandoned", "2026-12-05T10:00:00Z")
    for _ in range(2):
        world.exercise("passed", "2026-12-08T10:00:00Z")
    assert world.said() == ["detected", "detected", "detected", "ended", "ended"]
    assert {one.thread for one in world.mail.got[3:]} == {world.mail.got[0].thread, world.mail.got[2].thread}


def test_one_that_failed_ends_that_it_was_due_and_is_told_until_a_later_one_is_finished():
    world = Exercised()
    world.exercise("due", "2026-12-04T07:00:00Z")
    for _ in range(2):
        world.exercise("failed", "2026-12-08T10:00:00Z")
    assert world.said() == ["detected", "ended", "detected"]
    world.exercise("failed", "2026-12-09T10:00:00Z", exercise_id=f"{DISASTER}.20261209T090000Z")
    assert world.said()[3:] == ["ended", "detected"]
    assert "finished at 2026-12-09 10:00 UTC: it failed" in world.mail.got[3].summary
    world.exercise("passed", "2026-12-10T10:00:00Z", exercise_id=f"{DISASTER}.20261210T090000Z")
    assert world.said()[5:] == ["ended"]


def test_a_passed_exercise_that_nobody_waited_for_is_told_to_nobody():
    world = Exercised()
    world.exercise("passed", "2026-12-08T10:00:00Z")
    assert world.said() == []


@pytest.mark.parametrize(("name", "kind", "data"), CASES, ids=[name for name, _, _ in CASES])
def test_nothing_of_an_exercise_is_critical_so_that_it_wakes_nobody(name, kind, data):
    telling = read(kind, data).telling
    expected = Severity.WARNING if name in ("never", "failed", "unknown") else Severity.INFO
    assert telling.severity is expected
    assert route((Channel("pager", "slack", min_severity="critical"),), telling) == []


def test_a_due_exercise_says_at_once_that_nothing_is_broken_and_until_when():
    found = message(read("backup.exercise_due", DUE).telling)
    assert found.status == "Due since 2026-12-04 07:00 UTC"
    assert found.summary == (
        "Nothing is broken. database-lost was not exercised in 2026-Q4 yet. The last time was in 2026-Q3."
        " Choose an hour by day for it, before 2027-01-01."
    )
    assert found.links == (
        ("Open the exercises", "https://ops.example.com/backups"),
        ("How a disaster is exercised", "https://docs.example.com/runbooks/backup-exercise.md"),
    )
    assert (Path(__file__).parents[3] / "docs" / "runbooks" / "backup-exercise.md").is_file()


def test_one_that_never_was_and_is_under_way_says_so_and_leads_there():
    found = message(read("backup.exercise_due", NEVER).telling)
    assert "It never was: nobody knows whether we could recover. Finish the exercise that is under way" in found.summary
    assert found.links[0] == ("Open the exercise", f"https://ops.example.com/backups/exercises/{EXERCISE}")


@pytest.mark.parametrize(("quarter", "end"), [("2026-Q1", "2026-04-01"), ("2026-Q3", "2026-10-01")])
def test_the_last_day_is_the_quarters(quarter, end):
    assert f"before {end}" in message(read("backup.exercise_due", {**DUE, "quarter": quarter}).telling).subject


def test_a_failed_exercise_says_which_objectives_were_missed_by_how_much_and_what_failed():
    found = message(read("backup.exercise_finished", FAILED).telling)
    assert found.summary == (
        "database-lost was exercised: orders was back after 5 hours, the RTO is 4 hours;"
        " 6 hours of orders would be lost, the RPO is 15 minutes; 1 step failed."
        " In earnest it would have gone the same way."
    )
    assert {one.heading: one.lines for one in found.sections} == {
        "What was achieved": (
            "orders: back after 5 hours (RTO 4 hours: missed), 6 hours of data lost (RPO 15 minutes: missed)",
        ),
        "Steps that failed": ("8. Point applications at the new database. - The password is in no vault.",),
    }
    assert dict(found.facts)["Note"] == FAILED["note"]


def test_what_was_not_measured_is_never_said_as_good():
    found = message(read("backup.exercise_finished", UNKNOWN).telling)
    assert found.headline == "disaster exercise without a result: database-lost"
    text = plain_text(found)
    assert "how long it took to get orders back was\nnot measured" in text
    assert "met" not in text.split()


def test_an_abandoned_exercise_says_why_and_how_far_it_came():
    found = message(read("backup.exercise_abandoned", ABANDONED).telling)
    assert found.summary == (
        "Nothing is broken. The exercise of database-lost was given up after 3 of 13 steps:"
        " A real incident came between. It counts for nothing."
    )
    bare = message(read("backup.exercise_abandoned", {**ABANDONED, "note": ""}).telling)
    assert "without a reason given." in bare.summary


def test_the_owner_of_the_databases_is_told_and_of_several_owners_those_of_everything():
    channels = (Channel("all", "mail"), Channel("orders", "slack", services=("orders",)))

    def told(databases: list[str]) -> list[str]:
        wish = read("backup.exercise_due", {**DUE, "databases": databases})
        return [one.name for one in route(channels, wish.telling)]

    assert told(["orders"]) == ["all", "orders"]
    assert told(["orders", "payments"]) == told(["orders", "gone"]) == ["all"]


def test_what_people_wrote_is_text_in_mail_and_slack():
    nasty = "<script>x</script> <!channel>\r\nBcc: x@example.com"
    step = {"n": 1, "do": nasty, "note": nasty}
    found = message(read("backup.exercise_finished", {**FAILED, "note": nasty, "by": nasty, "failed": [step]}).telling)
    sent = mail(found, sender="opsloop@example.com", to=["shop@example.com"])
    assert b"<script>" not in sent.partition(b"text/html")[2]
    assert b"\r\nBcc:" not in sent
    assert "<!channel>" not in json.loads(json.dumps(payload(found)))["text"]


def test_without_a_console_links_lead_to_the_api_and_the_page_is_named():
    telling = read("backup.exercise_due", DUE).telling
    bare = Places("", "https://api.example.com", "", lambda _: "")
    found = compose(telling, DeliveryKey(telling.day, telling.topic, telling.state, "mail"), None, False, places=bare)
    assert found.links == (("The exercises, as JSON (needs a key)", "https://api.example.com/v1/backups/exercises"),)
    assert dict(found.facts)["How"] == "docs/runbooks/backup-exercise.md"


@pytest.mark.parametrize("kind", sorted(TYPES))
@pytest.mark.parametrize(
    ("change", "said"),
    [({"disaster": ""}, "disaster"), ({"quarter": None}, "quarter"), ({"quarter": "2026-Q5"}, "quarter")],
)
def test_an_event_that_cannot_be_told_is_refused_by_the_name_of_its_field(kind, change, said):
    with pytest.raises(InvalidInputError, match=said):
        read(kind, {**FAILED, **change})


def test_a_finished_one_without_an_id_or_a_result_is_refused():
    for name in ("exercise_id", "result"):
        with pytest.raises(InvalidInputError, match=name):
            read("backup.exercise_finished", {**FAILED, name: None})

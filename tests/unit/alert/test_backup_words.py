"""What people read of backups: which database, what is wrong, what can be had back, and where to look."""

import json
from pathlib import Path

import pytest

from opsloop.alert.backup_words import recoverable
from opsloop.alert.mail_text import plain_text
from opsloop.alert.mime import mail
from opsloop.alert.model import ENDED, DeliveryKey, Trouble
from opsloop.alert.places import Places
from opsloop.alert.route import route
from opsloop.alert.slack_blocks import payload
from opsloop.alert.story import compose
from opsloop.alert.trouble import ended
from opsloop.anomaly.model import Severity
from opsloop.catalog import Channel
from opsloop.clock import parse_time
from opsloop.dataclass import replace
from opsloop.errors import InvalidInputError
from tests.unit.alert.backup_samples import PROVEN, RECOVERABLE, RPO, TRUNCATED, message, read

FAILED = {"database": "orders", "verification": TRUNCATED}
NOT_TAKEN = {"database": "orders", "slot": "2026-11-21T12:00:00Z", "why": "the source does not answer", "attempts": 3}
DRILL = {
    "drill_id": "20261121T030000Z",
    "trials": 8,
    "failures": [{"way": "bit-flipped", "expected": "corrupt", "got": "proven"}],
    "seconds": 41.0,
    "engine_version": "18.4",
}
AT = parse_time("2026-11-21T12:10:00Z", name="at").timestamp()


def of(kind, data, **changes):
    """Return the message of an event that begins something."""
    found = read(kind, data)
    telling = getattr(found, "telling", found)
    return message(replace(telling, data={**telling.data, **changes}))


def facts(message):
    return dict(message.facts)


def test_a_missed_objective_names_the_database_the_numbers_what_is_left_and_what_would_help():
    found = of("backup.objective_missed", RPO)
    assert found.subject == "[opsloop] CRITICAL orders: 2 hours 22 minutes of data would be lost, the RPO is 15 minutes"
    assert found.status == "Critical since 2026-11-21 08:22 UTC"
    assert found.summary == RPO["sentence"]
    assert facts(found)["Recoverable now"] == (
        "everything up to 2026-11-21 06:00 UTC (6 hours 10 minutes old), by the newest proven dump,"
        " whose restore took 2.2 s"
    )
    assert (facts(found)["Measured"], facts(found)["Objective"]) == ("2 hours 22 minutes", "15 minutes")
    assert [(one.heading, one.lines) for one in found.sections] == [("What would help", tuple(RPO["advice"]))]
    assert found.links == (
        ("Open the backups of orders", "https://ops.example.com/backups/orders"),
        ("What to do", "https://docs.example.com/runbooks/backup-objectives.md"),
        ("Recover orders", "https://docs.example.com/runbooks/database-recovery.md"),
    )


@pytest.mark.parametrize(
    ("kind", "data", "page"),
    [
        ("backup.failed", NOT_TAKEN, "backup-failed"),
        ("backup.verification_failed", FAILED, "backup-not-proven"),
        ("backup.drill_failed", DRILL, "backup-drill"),
        ("backup.objective_missed", RPO, "backup-objectives"),
    ],
)
def test_the_page_that_says_what_to_do_is_there(kind, data, page):
    assert dict(of(kind, data).links)["What to do"] == f"https://docs.example.com/runbooks/{page}.md"
    assert (Path(__file__).parents[3] / "docs" / "runbooks" / f"{page}.md").is_file()


@pytest.mark.parametrize(
    ("change", "headline"),
    [
        ({"measured": 120.0}, "orders: its backups cannot meet an RPO of 15 minutes"),
        (
            {"objective": "rto", "measured": 18_000.0, "target": 14_400.0},
            "orders: a restore takes 5 hours, the RTO is 4 hours",
        ),
        ({"objective": "freshness", "measured": 32_400.0}, "orders: the newest dump is 9 hours old"),
        ({"objective": "proof", "measured": 777_600.0}, "orders: no dump was restored for 9 days"),
        (
            {"objective": "size", "measured": 19e6, "target": 50e6, "unit": "bytes"},
            "orders: the newest dump is 62 % smaller",
        ),
        ({"objective": "sources", "measured": None}, "orders: another tool reports faults"),
        (
            {"objective": "freshness", "standing": "unknown", "measured": None},
            "orders: whether its dumps are new enough is not known",
        ),
    ],
)
def test_each_objective_has_its_own_headline(change, headline):
    assert of("backup.objective_missed", {**RPO, **change}).headline == headline


def test_a_dump_that_does_not_restore_says_which_why_and_what_the_engine_said():
    found = of("backup.verification_failed", FAILED, recoverable=RECOVERABLE)
    assert found.headline == "orders: a dump does not restore: truncated"
    assert found.summary == (
        "The dump of orders from 2026-11-21 12:00 UTC does not restore: The archive ends in the data of public.orders."
    )
    assert {one.heading: one.lines for one in found.sections} == {
        "What was found": ("truncated in public.orders: expected 310,412 rows, found end of file",),
        "PostgreSQL says": ("pg_restore: error: could not read from input file: end of file",),
    }
    assert facts(found)["Dump"] == TRUNCATED["dump_id"]
    assert found.severity is Severity.CRITICAL


def test_a_dump_that_could_not_be_tried_is_a_warning_and_no_verdict_on_the_dump():
    unknown = {**TRUNCATED, "verdict": "unknown", "reason": "too_large", "detail": "It needs 14 GB of disk."}
    found = of("backup.verification_failed", {"database": "orders", "verification": unknown})
    assert (found.severity, found.headline) == (Severity.WARNING, "orders: a dump could not be proven: too large")
    assert "does not restore" not in plain_text(found)


def test_a_dump_that_was_not_taken_says_why_and_for_when():
    found = of("backup.failed", NOT_TAKEN, recoverable=None)
    assert found.headline == "orders: a dump could not be taken"
    assert found.summary == "opsloop could not take a dump of orders: the source does not answer"
    assert facts(found)["Recoverable now"] == "nothing that is known of"
    assert (facts(found)["Due since"], facts(found)["Attempts"]) == ("2026-11-21T12:00:00Z", "3")


def test_a_broken_verifier_is_critical_and_says_what_it_let_through():
    found = of("backup.drill_failed", DRILL)
    assert (found.severity, found.headline) == (Severity.CRITICAL, "the verifier of backups is broken")
    assert found.sections[0].lines == ("bit-flipped: expected corrupt, got proven",)
    assert found.links[0] == ("Open the backups", "https://ops.example.com/backups")


def test_the_end_says_what_ended_it_and_what_it_was():
    begun = read("backup.verification_failed", FAILED)
    proven = read("backup.verified", {"database": "orders", "verification": PROVEN})
    told = ended(Trouble("orders", begun.cause, begun.telling, AT, ended_at=proven.at), proven.data)
    found = message(told)
    assert (told.state, found.headline) == (ENDED, "orders: backups are proven again")
    assert found.summary.startswith(
        "The dump from 2026-11-21 18:00 UTC was restored at 2026-11-21 18:03 UTC and is proven."
    )
    assert facts(found)["Recoverable now"].startswith("everything up to 2026-11-21 18:00 UTC (3 minutes old)")
    assert found.sections == ()
    assert "What it was: The dump of orders from 2026-11-21 12:00 UTC does not restore" in found.summary
    over = message(read("backup.objective_met", {**RPO, "standing": "met", "measured": 60.0}))
    assert (over.headline, over.status) == ("orders: its RPO is met again", "Ended at 12:10 UTC")
    assert over.sections == ()


@pytest.mark.parametrize(
    ("best", "said"),
    [
        (None, "nothing that is known of"),
        ({}, "not known: the last audit could not be read"),
        (
            {**RECOVERABLE, "by": "pgbackrest", "is_proven": False, "until": "2026-11-21T12:09:00Z"},
            "everything up to 2026-11-21 12:09 UTC (1 minute old), by what pgbackrest reports;"
            " no restore has proven that",
        ),
    ],
)
def test_what_can_be_had_back_is_never_said_better_than_it_is_known(best, said):
    assert recoverable(best, AT) == said


def test_the_urgency_follows_the_tier_and_what_is_unknown_is_a_warning():
    assert read("backup.objective_missed", RPO).severity is Severity.CRITICAL
    assert read("backup.objective_missed", {**RPO, "standing": "unknown"}).severity is Severity.WARNING
    of_payments = {**RPO, "database": "payments", "episode": "backup-payments-rpo-1"}
    assert read("backup.objective_missed", of_payments).severity is Severity.WARNING


def test_the_owning_services_channels_are_told_and_of_a_drill_those_of_everything():
    channels = (
        Channel("all", "mail"),
        Channel("orders", "slack", services=("orders",)),
        Channel("web", "mail", services=("web",)),
    )

    def told(wish):
        return [one.name for one in route(channels, getattr(wish, "telling", wish))]

    assert told(read("backup.objective_missed", RPO)) == ["all", "orders"]
    assert told(read("backup.verification_failed", FAILED)) == ["all", "orders"]
    assert told(read("backup.drill_failed", DRILL)) == ["all"]


def test_mail_and_slack_say_the_same_and_take_no_mark_up_from_a_dump():
    nasty = {**TRUNCATED, "detail": "<script>alert(1)</script> <!channel>\r\nBcc: x@example.com"}
    found = of("backup.verification_failed", {"database": "orders", "verification": nasty}, recoverable=RECOVERABLE)
    sent = mail(found, sender="opsloop@example.com", to=["shop@example.com"])
    assert b"<script>" not in sent.partition(b"text/html")[2]
    assert b"\r\nBcc:" not in sent
    post = json.dumps(payload(found))
    assert "<!channel>" not in json.loads(post)["text"]
    for said in ("public.orders", "everything up to 2026-11-21 06:00 UTC", "could not read from input file"):
        assert said in plain_text(found)
        assert said in post


def test_without_a_console_links_lead_to_the_api_and_the_page_is_named():
    telling = read("backup.objective_missed", RPO)
    bare = Places("", "https://api.example.com", "", lambda _: "")
    found = compose(telling, DeliveryKey(telling.day, telling.topic, telling.state, "mail"), None, False, places=bare)
    assert found.links == (("The backups, as JSON (needs a key)", "https://api.example.com/v1/backups/orders"),)
    assert facts(found)["What to do"] == "docs/runbooks/backup-objectives.md"


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("backup.objective_missed", {**RPO, "episode": "a/b"}, "episode"),
        ("backup.objective_missed", {**RPO, "since": "yesterday"}, "since"),
        ("backup.objective_missed", {**RPO, "sentence": None}, "sentence"),
        ("backup.objective_met", {}, "database"),
        ("backup.verification_failed", {"database": "orders"}, "verification"),
        ("backup.verification_failed", {"database": "orders", "verification": {"verdict": "failed"}}, "ended_at"),
        ("backup.verified", {"database": "orders", "verification": {}}, "ended_at"),
        ("backup.failed", {"database": "orders"}, "why"),
        ("backup.drill_failed", {}, "drill_id"),
    ],
)
def test_an_event_that_cannot_be_told_is_refused_by_the_name_of_its_field(kind, data, said):
    with pytest.raises(InvalidInputError, match=said):
        read(kind, data)


@pytest.mark.parametrize(
    ("taken_at", "until"),
    [
        ("2026-11-21T18:00:00Z", "2026-11-21T18:00:00Z"),
        ("2026-11-22T03:00:00Z", "2026-11-21T18:01:00Z"),  # by a clock nine hours ahead: the restore began at 18:01
        (None, None),
    ],
)
def test_what_a_proof_makes_recoverable_is_never_later_than_the_restore(taken_at: str | None, until: str | None):
    found = read("backup.verified", {"database": "orders", "verification": {**PROVEN, "taken_at": taken_at}})
    assert found.data["recoverable"]["until"] == until

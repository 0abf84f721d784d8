"""Backups, from the queue to mail and Slack: each told once, ended once, with what could be had back all the same."""

import json
from datetime import timedelta
from typing import Any

import pytest

from opsloop.adapters.alert_table import AlertTable
from opsloop.adapters.backup_assessments import AssessmentTable
from opsloop.adapters.backup_verifications import VerificationTable
from opsloop.alert.model import Trouble
from opsloop.backup.audit import Evidence, Remembered, audit
from opsloop.backup.audited import Audited
from opsloop.backup.document import read_verification
from opsloop.backup.standing import assessment_json
from opsloop.clock import parse_time
from opsloop.dataclass import replace
from opsloop.errors import ConflictError
from tests.integration.backup_world import ORDERS, dump
from tests.integration.test_alert_notify import World, slack, world
from tests.unit.alert.backup_samples import DATABASES, read

__all__ = ["slack", "world"]  # fixtures
NOON = parse_time("2026-11-21T12:00:00Z", name="noon")


@pytest.fixture
def people(world: World) -> World:
    """Return the world an hour after noon, with orders in its catalog."""
    world.handler.catalog = replace(world.handler.catalog, databases=DATABASES)
    world.now = (NOON + timedelta(hours=1)).timestamp()
    return world


def subjects(world: World) -> list[str]:
    return [mail["Subject"].strip() for mail in world.mails()]


def audited(aws: Any, *, minutes: float = 150) -> None:
    """Let the last audit have found a proven dump of ``minutes`` before 08:30."""
    found = audit(ORDERS, Evidence([dump(minutes)]), NOON)
    table = AssessmentTable(aws.names["BACKUP_TABLE"])
    table.save(Audited("orders", NOON, assessment_json(found), Remembered(NOON)))


def test_a_missed_objective_is_one_mail_and_one_post_and_its_end_answers_it(people: World, event: Any):
    for _ in range(2):
        assert people.notify(event("alert_notify/backup_objective_missed")) == []
    for _ in range(2):
        assert people.notify(event("alert_notify/backup_objective_met")) == []
    first = "[opsloop] CRITICAL orders: 2 hours 22 minutes of data would be lost, the RPO is 15 minutes"
    assert subjects(people) == [first, f"Re: {first}"]
    assert [one.document["blocks"][0]["text"]["text"][2:10] for one in people.posts()] == ["Critical", "Ended at"]
    assert "https://ops.example.com/backups/orders" in people.mails()[0].get_body(("plain",)).get_content()


def test_a_dump_that_does_not_restore_says_what_could_be_had_back_by_the_last_audit(people: World, event: Any):
    audited(people.aws)
    people.notify(event("alert_notify/backup_verification_failed"))
    (mail,), (post,) = people.mails(), people.posts()
    said = mail.get_body(("plain",)).get_content()
    for text in (
        "orders: a dump does not restore: truncated",
        "everything up to 2026-11-21 06:00 UTC (6 hours 10 minutes old), by the newest proven dump",
        "pg_restore: error: could not read from input file: end of file",
        "https://docs.example.com/runbooks/backup-not-proven.md",
        "https://docs.example.com/runbooks/database-recovery.md",
    ):
        assert text in said
    assert "everything up to 2026-11-21 06:00 UTC" in json.dumps(post.document)


def test_what_postgresql_said_is_looked_up_where_the_event_has_no_messages(people: World, event: Any):
    sample = event("alert_notify/backup_verification_failed")
    body = json.loads(sample["Records"][0]["body"])
    of_event = body["detail"]["data"]["verification"]
    table = VerificationTable(people.aws.names["BACKUP_TABLE"])
    said = [f"pg_restore: error: {number}" for number in range(7)]
    table.save(read_verification({**of_event, "messages": said}))
    of_event["messages"] = []
    sample["Records"][0]["body"] = json.dumps(body)
    people.notify(sample)
    mail = people.mails()[0].get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert "PostgreSQL says:\n- pg_restore: error: 2\n" in mail
    assert mail.count("pg_restore: error") == 5


def test_without_an_audit_it_is_told_all_the_same(people: World, event: Any):
    people.notify(event("alert_notify/backup_verification_failed"))
    assert "not known: the last audit could not be read" in people.mails()[0].get_body(("plain",)).get_content()


def test_every_failure_is_ended_by_a_later_proof_and_by_no_other(people: World, event: Any):
    samples = ("backup_verification_failed", "backup_verification_unknown", "backup_failed")
    for name in samples:
        assert people.notify(event(f"alert_notify/{name}")) == []
    assert len(people.mails()) == 3
    people.now = (NOON + timedelta(hours=6, minutes=5)).timestamp()
    for _ in range(2):
        assert people.notify(event("alert_notify/backup_verified")) == []
    ended = subjects(people)[3:]
    assert sorted(ended) == sorted(f"Re: {one}" for one in subjects(people)[:3])


def test_a_broken_verifier_is_told_until_its_drill_passes(people: World, event: Any):
    people.notify(event("alert_notify/backup_drill_failed"))
    people.now += 12 * 3600
    people.notify(event("alert_notify/backup_drill_passed"))
    first = "[opsloop] CRITICAL the verifier of backups is broken"
    assert subjects(people) == [first, f"Re: {first}"]


def test_an_exercise_is_told_when_it_is_due_given_up_failed_and_over_each_once(people: World, event: Any):
    for name, hour in (("due", 7), ("abandoned", 9), ("failed", 15), ("passed", 17)):
        people.now = (NOON + timedelta(days=12, hours=12 + hour)).timestamp()
        for _ in range(2):
            assert people.notify(event(f"alert_notify/backup_exercise_{name}")) == []
    due = "[opsloop] WARNING disaster exercise due before 2027-01-01: database-lost"
    failed = "[opsloop] WARNING disaster exercise failed: database-lost"
    told = subjects(people)
    assert told == [due, f"Re: {due}", failed, f"Re: {failed}"]  # given up is less than these channels want
    assert len(people.posts()) == 4
    assert "https://ops.example.com/backups" in people.mails()[0].get_body(("plain",)).get_content()


def test_a_proof_of_a_database_without_trouble_tells_nobody(people: World, event: Any):
    assert people.notify(event("alert_notify/backup_verified")) == []
    assert people.mails() == people.posts() == []


def test_the_bus_has_a_sample_of_each_objectives_event_as_it_is_told(event: Any):
    for kind in ("missed", "met"):
        sample = event(f"backup.objective_{kind}/rpo")["detail"]
        body = json.loads(event(f"alert_notify/backup_objective_{kind}")["Records"][0]["body"])
        assert body["detail"] == sample
        assert read(sample["type"], sample["data"]).topic == sample["data"]["episode"]


def test_a_trouble_is_kept_by_version_and_read_back_as_it_was(aws: Any):
    table = AlertTable(aws.names["ALERT_TABLE"])
    begun = read("backup.failed", {"database": "orders", "why": "no route", "slot": "x", "attempts": 1})
    kept = Trouble("orders", "take", begun.telling, 1.0)
    table.keep(kept)
    with pytest.raises(ConflictError):
        table.keep(kept)
    later = replace(kept, last_at=2.0, version=2)
    table.keep(later)
    assert (table.trouble("orders", "take"), table.troubles("orders")) == (later, [later])
    assert (table.trouble("orders", "else"), table.troubles("payments")) == (None, [])

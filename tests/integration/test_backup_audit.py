"""The audit's handler on a mocked AWS: what is stored, told once, measured, and what becomes of faults."""

import json
from datetime import timedelta
from pathlib import Path

import boto3
import pytest

from opsloop.backup.model import Verdict
from opsloop.catalog import BackupSource
from opsloop.clock import parse_time
from opsloop.dataclass import replace
from opsloop.errors import ConflictError, DependencyUnavailableError
from tests.conftest import NOW
from tests.integration.backup_world import (
    BUCKET,
    ORDERS,
    FakeBus,
    clock,
    declare,
    dump,
    sourced,
    store,
    verification,
)

REPORTS = Path(__file__).parents[1] / "data" / "backup"
MISSED, MET = "backup.objective_missed", "backup.objective_met"


class CrashError(BaseException):
    """The function was killed."""


@pytest.fixture
def auditor(aws, load_handler, monkeypatch):
    aws.client("s3").create_bucket(Bucket=BUCKET)
    handler = load_handler("backup_audit", BACKUP_BUCKET=BUCKET)
    monkeypatch.setattr(handler, "bus", FakeBus())
    declare(handler)
    return handler


def good(count=8):
    """Return half-hourly dumps, proven, the newest five minutes old."""
    return [dump(5 + 30 * at) for at in range(count)]


def test_the_sample_of_its_clock_judges_every_database_of_the_catalog(auditor, event, context):
    declare(auditor, ORDERS, replace(ORDERS, name="payments"))
    assert auditor.lambda_handler(event("backup_audit/schedule"), context) == {
        "audited": 2,
        "standings": {"orders": "unknown", "payments": "unknown"},
    }


def test_a_verdict_judges_its_database_at_once_and_those_that_the_clock_left_out(auditor, aws, event, context):
    verdict = event("backup_audit/verified")
    at = parse_time(verdict["time"], name="time")
    declare(auditor, ORDERS, replace(ORDERS, name="payments"))
    auditor.lambda_handler(clock(at - timedelta(minutes=20)), context)
    assert auditor.lambda_handler(verdict, context)["standings"].keys() == {"orders"}
    later = {**verdict, "time": (at + timedelta(minutes=2)).isoformat()}
    assert auditor.lambda_handler(later, context)["standings"].keys() == {"orders", "payments"}
    stranger = {**verdict, "detail": {"data": {"database": "billing"}}}
    assert auditor.lambda_handler(stranger, context) == {"audited": 0, "standings": {}}


def test_a_database_with_new_proven_dumps_is_met_and_nobody_is_told(auditor, aws, context):
    store(aws, dumps=good(), verifications=[verification(5 + 30 * at) for at in range(8)])
    assert auditor.lambda_handler(clock(), context)["standings"] == {"orders": "met"}
    assert auditor.bus.told == []
    found = auditor.assessments.find("orders")
    assert found.assessment["checks"]["rpo"]["measured"] == 300.0
    assert found.assessment["checks"]["rto"]["measured"] == pytest.approx(2.2)
    (point,) = auditor.assessments.points("orders", NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    assert (point["bytes"], point["rpo_s"], point["standing"]) == (40_000_000, 300.0, "met")


def test_a_late_dump_is_told_once_however_often_it_is_judged_and_its_end_once(auditor, aws, context):
    store(aws, dumps=[replace(one) for one in good()], verifications=[verification(5)])
    for minutes in (60, 75, 90):
        auditor.lambda_handler(clock(NOW + timedelta(minutes=minutes)), context)
    (told,) = auditor.bus.told
    assert (told["type"], told["data"]["objective"], told["data"]["standing"]) == (MISSED, "freshness", "missed")
    assert told["data"]["since"] == "2026-11-21T09:30:00Z"
    assert told["data"]["recoverable"]["until"] == "2026-11-21T08:25:00Z"
    store(aws, dumps=[dump(-95)])
    for minutes in (100, 115):
        auditor.lambda_handler(clock(NOW + timedelta(minutes=minutes)), context)
    assert [one["type"] for one in auditor.bus.told] == [MISSED, MET]
    assert auditor.bus.told[1]["data"]["episode"] == told["data"]["episode"]


def test_a_bus_that_refuses_is_told_by_the_next_run_under_the_same_id(auditor, aws, context):
    store(aws, dumps=good(), verifications=[verification(5)])
    auditor.bus.fails = [DependencyUnavailableError("bus does not answer")]
    with pytest.raises(DependencyUnavailableError):
        auditor.lambda_handler(clock(NOW + timedelta(minutes=60)), context)
    owed = auditor.assessments.find("orders").owed
    auditor.lambda_handler(clock(NOW + timedelta(minutes=75)), context)
    auditor.lambda_handler(clock(NOW + timedelta(minutes=90)), context)
    assert [one["id"] for one in auditor.bus.told] == [owed[0]["id"]]


@pytest.mark.parametrize("step", range(5))  # save, publish, save, note: before the first, and after each
def test_an_audit_that_is_killed_at_any_step_has_told_each_thing_once_after_the_next(
    auditor, aws, context, monkeypatch, step
):
    store(aws, dumps=good(), verifications=[verification(5)])
    done = []

    def dying(call):
        def step_of(*arguments):
            if len(done) == step:
                done.append("died")
                raise CrashError
            answer = call(*arguments)
            done.append(call.__name__)
            if len(done) == step:
                done.append("died")
                raise CrashError  # it was done, and nobody heard of it
            return answer

        return step_of

    for holder, name in ((auditor.assessments, "save"), (auditor.assessments, "note"), (auditor.bus, "publish")):
        monkeypatch.setattr(holder, name, dying(getattr(holder, name)))
    late = NOW + timedelta(minutes=60)
    try:
        auditor.lambda_handler(clock(late), context)
    except CrashError:
        auditor.lambda_handler(clock(late + timedelta(minutes=15)), context)
    auditor.lambda_handler(clock(late + timedelta(minutes=30)), context)
    assert {one["data"]["objective"] for one in auditor.bus.told} == {"freshness"}
    assert len({one["id"] for one in auditor.bus.told}) == 1
    assert auditor.assessments.find("orders").owed == ()


def test_of_two_audits_at_once_one_tells(auditor, aws, context, monkeypatch):
    store(aws, dumps=good(), verifications=[verification(5)])
    later = clock(NOW + timedelta(minutes=60))
    save, nested = auditor.assessments.save, []

    def overtaken(audited):
        if not nested:
            nested.append(1)
            auditor.lambda_handler(later, context)
        return save(audited)

    monkeypatch.setattr(auditor.assessments, "save", overtaken)
    auditor.lambda_handler(later, context)
    assert len(auditor.bus.of(MISSED)) == 1


def test_an_audit_of_an_earlier_moment_changes_nothing(auditor, aws, context):
    store(aws, dumps=good(), verifications=[verification(5)])
    auditor.lambda_handler(clock(NOW + timedelta(minutes=60)), context)
    before = aws.items("BACKUP_TABLE")
    assert auditor.lambda_handler(clock(NOW), context)["audited"] == 0
    assert aws.items("BACKUP_TABLE") == before


def test_an_audit_of_a_wrong_clock_far_ahead_stops_none_of_those_that_follow(auditor, aws, context):
    store(aws, dumps=good(), verifications=[verification(5 + 30 * at) for at in range(8)])
    auditor.lambda_handler(clock(NOW + timedelta(days=900)), context)
    assert auditor.assessments.find("orders").assessment["standing"] != "met"
    assert auditor.lambda_handler(clock(NOW), context)["audited"] == 1
    assert auditor.assessments.find("orders").assessment["standing"] == "met"


def test_a_proof_that_is_nearly_a_week_old_is_asked_for_once_a_day(auditor, aws, context):
    weekly = replace(ORDERS, every_h=168, rpo_s=700_000.0)
    declare(auditor, weekly)
    minutes = 6.6 * 1440
    store(aws, dumps=[dump(minutes)], verifications=[verification(minutes)])
    for hours in (0, 1, 2, 24):
        auditor.lambda_handler(clock(NOW + timedelta(hours=hours)), context)
    asked = auditor.bus.of("backup.verification_requested")
    assert [one["data"] for one in asked] == [
        {"database": "orders", "dump_id": dump(minutes).dump_id, "cause": "schedule"}
    ] * 2
    assert len({one["id"] for one in asked}) == 2


def test_a_report_in_the_bucket_gives_the_loss_that_dumps_cannot_and_says_that_it_is_only_reported(
    auditor, aws, context
):
    declare(auditor, replace(sourced(BackupSource("pgbackrest", report="reports/orders/pgbackrest.json")), rpo_s=300.0))
    store(aws, dumps=good(), verifications=[verification(5 + 30 * at) for at in range(8)])
    now = auditor_time_of_objects(aws)
    report = json.loads((REPORTS / "pgbackrest_wrapped.json").read_text())
    report["written_at"] = now.isoformat()
    report["archiver"]["last_archived_time"] = (now - timedelta(seconds=40)).isoformat()
    for one in report["reports"][0][0]["backup"]:
        one["timestamp"]["stop"] = int((now - timedelta(hours=3)).timestamp())
    aws.client("s3").put_object(Bucket=BUCKET, Key="reports/orders/pgbackrest.json", Body=json.dumps(report))
    store(aws, dumps=[dump((NOW - now).total_seconds() / 60 + 4)])
    auditor.lambda_handler(clock(now), context)
    found = auditor.assessments.find("orders").assessment
    assert (found["checks"]["rpo"]["by"], found["checks"]["rpo"]["measured"]) == ("pgbackrest", 40.0)
    assert found["checks"]["rpo"]["standing"] == "met"
    assert [one["is_proven"] for one in found["recoverable"]] == [False, True]


def auditor_time_of_objects(aws):
    """Return the time that the mocked S3 stamps objects with."""
    aws.client("s3").put_object(Bucket=BUCKET, Key="clock", Body=b"")
    return aws.client("s3").head_object(Bucket=BUCKET, Key="clock")["LastModified"]


def test_a_report_that_is_not_there_is_unknown_and_told_after_half_an_hour(auditor, aws, context):
    declare(auditor, sourced(BackupSource("barman", report="reports/orders/barman.json")))
    store(aws, dumps=good(), verifications=[verification(5 + 30 * at) for at in range(8)])
    for minutes in (0, 15, 30, 35):
        auditor.lambda_handler(clock(NOW + timedelta(minutes=minutes)), context)
    (told,) = auditor.bus.told
    assert (told["data"]["objective"], told["data"]["standing"]) == ("sources", "unknown")
    assert "there is no reports/orders/barman.json" in told["data"]["sentence"]
    assert auditor.assessments.find("orders").assessment["standing"] == "unknown"


def test_an_rds_instance_is_asked_by_its_name(auditor, aws, context):
    rds = boto3.client("rds", region_name="us-east-1")
    rds.create_db_instance(
        DBInstanceIdentifier="orders-production",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        BackupRetentionPeriod=7,
    )
    rds.create_db_snapshot(DBSnapshotIdentifier="orders-1", DBInstanceIdentifier="orders-production")
    declare(
        auditor, sourced(BackupSource("rds", instance="orders-production"), BackupSource("rds", instance="not-there"))
    )
    auditor.lambda_handler(clock(auditor_time_of_objects(aws)), context)
    found, missing = auditor.assessments.find("orders").assessment["sources"]
    assert (found["kind"], found["name"], found["bytes"]) == ("rds", "orders-production", 20 << 30)
    assert (found["standing"], found["backups"]) == ("met", 2)
    assert (missing["standing"], missing["errors"]) == ("unknown", ["RDS: there is no instance not-there"])


def test_a_database_that_cannot_be_judged_does_not_stop_the_others_and_fails_the_run(
    auditor, aws, context, monkeypatch
):
    declare(auditor, replace(ORDERS, name="broken"), ORDERS)
    store(aws, dumps=good())
    real = auditor.dumps.of

    def of(database, **range_):
        if database == "broken":
            raise DependencyUnavailableError("backup table: ThrottlingException")
        return real(database, **range_)

    monkeypatch.setattr(auditor.dumps, "of", of)
    with pytest.raises(DependencyUnavailableError):
        auditor.lambda_handler(clock(), context)
    assert (auditor.assessments.find("orders") is None, auditor.assessments.find("broken")) == (False, None)


def test_a_second_writer_is_noticed_by_the_revision(auditor, aws, context):
    auditor.lambda_handler(clock(), context)
    stale = auditor.assessments.find("orders")
    auditor.assessments.save(stale)
    with pytest.raises(ConflictError):
        auditor.assessments.save(stale)


def test_metrics_are_sent_by_database_and_what_is_not_known_is_not(auditor, aws, context, capsys):
    store(aws, dumps=[dump(5, verdict=Verdict.FAILED, proven_at=None, restore_s=None)])
    auditor.lambda_handler(clock(), context)
    sent = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    by_database = {
        one["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"]: one
        for one in sent
        if one.get("database") == "orders"
    }
    assert by_database["BackupAgeSeconds"]["BackupAgeSeconds"] == [300.0]
    assert "ProvenAgeSeconds" not in by_database
    assert "RpoSeconds" not in by_database
    whole = next(one for one in sent if "DatabasesMissingObjectives" in one)
    assert whole["DatabasesMissingObjectives"] == [1.0]

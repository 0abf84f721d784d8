"""The reading API of backups: answered as described, from the catalog, the last audit, the tables and the bucket."""

import json
from datetime import timedelta

import pytest

from opsloop.backup.key import evidence_key
from opsloop.backup.model import Cause, Reason, Verdict
from opsloop.backup.take import Take, TakeState
from opsloop.dataclass import replace
from tests.conftest import NOW
from tests.integration.backup_world import BUCKET, ORDERS, FakeBus, clock, declare, dump, store, verification
from tests.integration.described import as_described

ONE = "/v1/backups/{database}"


@pytest.fixture
def world(aws, tokens, load_handler, monkeypatch):
    """Return the query's handler, and what runs an audit at NOW."""
    aws.client("s3").create_bucket(Bucket=BUCKET)
    auditor = load_handler("backup_audit", BACKUP_BUCKET=BUCKET)
    monkeypatch.setattr(auditor, "bus", FakeBus())
    query = load_handler("backup_query", BACKUP_BUCKET=BUCKET)
    for handler in (auditor, query):
        declare(handler, ORDERS, replace(ORDERS, name="payments"))
    return query, auditor


@pytest.fixture
def ask(world, context, http_event, tokens):
    """Return ``ask("/v1/backups/orders", "limit=1", described="/v1/backups/{database}")``: the body of an answer."""

    def answer(path, query="", *, described, now=NOW):
        event = http_event("GET", path, query=query, token=tokens["read"], now=now)
        return as_described("GET", described, world[0].lambda_handler(event, context))

    return answer


def test_every_database_of_the_catalog_is_listed_before_its_first_audit_as_unknown(ask):
    found = ask("/v1/backups", described="/v1/backups")["backups"]
    assert [(one["database"], one["standing"], one["judged_at"]) for one in found] == [
        ("orders", "unknown", None),
        ("payments", "unknown", None),
    ]
    assert "not audited yet" in found[0]["summary"]


def test_a_database_is_answered_with_what_could_be_had_back_and_its_gauges(ask, world, aws, context):
    store(
        aws, dumps=[dump(5 + 30 * at) for at in range(6)], verifications=[verification(5 + 30 * at) for at in range(6)]
    )
    world[1].lambda_handler(clock(), context)
    orders, payments = ask("/v1/backups", described="/v1/backups")["backups"]
    assert (orders["standing"], payments["standing"]) == ("met", "unknown")
    assert orders["recoverable"][0]["until"] == "2026-11-21T08:25:00Z"
    assert orders["gauges"]["backup_last_success_timestamp_seconds"] == (NOW - timedelta(minutes=5)).timestamp()
    assert orders["gauges"]["backup_rpo_seconds"] == 300.0
    assert (orders["next_due"], orders["every_h"]) == ("2026-11-21T09:00:00Z", 0.5)
    assert "backup_rpo_seconds" not in payments["gauges"]


def test_an_audit_that_is_long_ago_says_nothing_of_now(ask, world, aws, context):
    store(
        aws, dumps=[dump(5 + 30 * at) for at in range(6)], verifications=[verification(5 + 30 * at) for at in range(6)]
    )
    world[1].lambda_handler(clock(), context)
    later = ask("/v1/backups", described="/v1/backups", now=NOW + timedelta(minutes=46))["backups"][0]
    assert (later["standing"], later["judged_at"]) == ("unknown", "2026-11-21T08:30:00Z")
    assert "46 minutes ago" in later["summary"]


def test_one_database_is_answered_with_takes_under_way_and_its_last_failure(ask, world, aws, context):
    query, auditor = world
    bad = dump(5, verdict=Verdict.FAILED, reason=Reason.TRUNCATED, proven_at=None, restore_s=None)
    store(aws, dumps=[bad, dump(35)], verifications=[verification(5, verdict=Verdict.FAILED), verification(35)])
    auditor.lambda_handler(clock(), context)
    for minutes, state in ((0, TakeState.TAKING), (30, TakeState.TAKEN)):
        slot = NOW - timedelta(minutes=minutes)
        query.takes.save(Take("orders", slot, Cause.SCHEDULE, slot, state))
    found = ask("/v1/backups/orders", described=ONE)
    assert [one["state"] for one in found["takes"]] == ["taking"]
    assert (found["last_failure"]["reason"], found["last_failure"]["verification_id"]) == ("truncated", "proof-5")
    assert [(one["verdict"], one["messages"]) for one in found["verifications"]] == [("failed", []), ("proven", [])]
    assert found["checks"]["proof"]["standing"] == found["episodes"]["proof"]["standing"] == "missed"
    assert found["assertions"] == ["there are orders"]


def test_a_database_that_is_not_in_the_catalog_is_404_with_those_that_are(world, context, http_event, tokens):
    for path, described in (("", ONE), ("/dumps", f"{ONE}/dumps"), ("/history", f"{ONE}/history")):
        event = http_event("GET", f"/v1/backups/billing{path}", token=tokens["read"])
        answer = world[0].lambda_handler(event, context)
        assert answer["statusCode"] == 404
        as_described("GET", described, answer)
        assert "orders, payments" in json.loads(answer["body"])["detail"]


def test_dumps_come_newest_first_page_by_page_each_once_even_those_of_one_moment(ask, aws):
    twins = [replace(dump(30), dump_id=f"orders/{name}", key=f"dumps/orders/{name}") for name in ("b.dump", "a.dump")]
    store(aws, dumps=[dump(10), *twins, dump(50, deleted_at=NOW, deleted_why="30 days"), dump(70)])
    whole = ask("/v1/backups/orders/dumps", described=f"{ONE}/dumps")["dumps"]
    expected = [dump(10).dump_id, "orders/a.dump", "orders/b.dump", dump(50).dump_id, dump(70).dump_id]
    assert [one["dump_id"] for one in whole] == expected
    seen, cursor = [], ""
    while cursor is not None:
        query = "limit=2" + (f"&cursor={cursor}" if cursor else "")
        page = ask("/v1/backups/orders/dumps", query, described=f"{ONE}/dumps")
        seen += [one["dump_id"] for one in page["dumps"]]
        cursor = page["next"]
    assert seen == expected
    some = ask(
        "/v1/backups/orders/dumps", "from=2026-11-21T07:35:00Z&to=2026-11-21T08:10:00Z", described=f"{ONE}/dumps"
    )
    assert [one["dump_id"] for one in some["dumps"]] == expected[1:4]


def test_the_history_has_a_point_per_audited_hour_and_of_a_day_the_worst(ask, world, aws, context):
    store(aws, dumps=[dump(5 + 30 * at) for at in range(6)], verifications=[verification(5)])
    for hours in (0, 1, 2):
        world[1].lambda_handler(clock(NOW + timedelta(hours=hours)), context)
    later = NOW + timedelta(hours=3)
    found = ask("/v1/backups/orders/history", described=f"{ONE}/history", now=later)
    assert [(one["at"], one["rpo_s"]) for one in found["points"]] == [
        ("2026-11-21T08:30:00Z", 300.0),
        ("2026-11-21T09:30:00Z", 3900.0),
        ("2026-11-21T10:30:00Z", 7500.0),
    ]
    (day,) = ask("/v1/backups/orders/history", "resolution=day", described=f"{ONE}/history", now=later)["points"]
    assert (day["at"], day["rpo_s"], day["standing"]) == ("2026-11-21T10:30:00Z", 7500.0, "missed")


WRONG = ["resolution=minute", "from=2026-01-01T00:00:00Z", "from=x", "limit=3", "to=0001-01-01T00:00:00Z"]


@pytest.mark.parametrize("query", [*WRONG, "to=9999-12-31T23:59:59-14:00", "from=0001-01-01T00:00:00%2B14:00"])
def test_a_range_that_cannot_be_answered_is_refused_by_name(world, context, http_event, tokens, query):
    event = http_event("GET", "/v1/backups/orders/history", query=query, token=tokens["read"])
    answer = world[0].lambda_handler(event, context)
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["detail"].startswith(query.partition("=")[0])


def test_a_verification_is_answered_whole_and_its_evidence_byte_for_byte(ask, world, aws, context, http_event, tokens):
    one = verification(5)
    store(aws, verifications=[one])
    path = f"/v1/backups/verifications/{one.verification_id}"
    found = ask(path, described="/v1/backups/verifications/{id}")
    assert (found["messages"], found["restore_s"]) == (list(one.messages), pytest.approx(2.2))
    stored = b'{"control":  "A.8.13"}\n'
    key = evidence_key("orders", one.verification_id)
    aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=stored)
    described = "/v1/backups/verifications/{id}/evidence"
    event = http_event("GET", f"{path}/evidence", token=tokens["read"])
    answer = world[0].lambda_handler(event, context)
    as_described("GET", described, answer)
    assert answer["body"].encode() == stored
    event["headers"]["if-none-match"] = answer["headers"]["etag"]
    assert world[0].lambda_handler(event, context)["statusCode"] == 304


def test_what_was_never_verified_or_left_no_evidence_is_404(world, aws, context, http_event, tokens):
    store(aws, verifications=[verification(5)])
    for path in ("nobody", "nobody/evidence", "proof-5/evidence"):
        event = http_event("GET", f"/v1/backups/verifications/{path}", token=tokens["read"])
        assert world[0].lambda_handler(event, context)["statusCode"] == 404


@pytest.mark.parametrize("name", ["databases", "database", "dumps", "history", "verification", "evidence"])
def test_each_sample_is_answered_and_refused_without_a_key(world, aws, context, event, name):
    sample = event(f"backup_query/{name}")
    assert world[0].lambda_handler(sample, context)["statusCode"] in (200, 404)
    del sample["headers"]["authorization"]
    assert world[0].lambda_handler(sample, context)["statusCode"] == 401


def test_a_key_that_only_sends_telemetry_reads_no_backups(world, context, http_event, tokens):
    event = http_event("GET", "/v1/backups", token=tokens["ingest"])
    assert world[0].lambda_handler(event, context)["statusCode"] == 403

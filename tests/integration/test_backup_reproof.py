"""A person asks for another proof of a dump: it is restored once more, and both verdicts stay."""

# ruff: noqa: F811 -- fixtures that are imported

import json
from typing import Any

import pytest

from opsloop.adapters.backup_claims import ClaimTable
from opsloop.adapters.backup_table import DumpTable
from opsloop.backup.claim import Claim, ClaimState
from opsloop.backup.model import Cause, Verdict
from opsloop.backup.prove import requested_job
from opsloop.dataclass import replace
from tests.conftest import NOW
from tests.integration.backup_source import (  # noqa: F401 -- fixtures
    debian_server,
    functions,
    source,
    source_database,
)
from tests.integration.backup_world import BUCKET, ORDERS, FakeBus, declare, dump, store, verification
from tests.integration.described import as_described
from tests.integration.test_backup_verify import arrived, taken, verdicts, verify  # noqa: F401 -- fixtures

PATH = "/v1/backups/{database}/verify"
JSON = {"content-type": "application/json"}
KIND = "backup.verification_requested"


@pytest.fixture
def query(aws, tokens, load_handler, monkeypatch):
    """Return the handler, with orders and payments in its catalog."""
    handler = load_handler("backup_query", BACKUP_BUCKET=BUCKET)
    monkeypatch.setattr(handler, "bus", FakeBus())
    declare(handler, ORDERS, replace(ORDERS, name="payments"))
    return handler


@pytest.fixture
def ask(query, http_event, context, tokens):
    """Return ``ask(body, status)``: what is answered to a request for a proof."""

    def send(body: Any = None, status: int = 202, *, database: str = "orders", key: str = "admin") -> Any:
        text = json.dumps({} if body is None else body)
        path = PATH.replace("{database}", database)
        event = http_event("POST", path, headers=JSON, body=text, token=tokens[key])
        answer = query.lambda_handler(event, context)
        assert answer["statusCode"] == status, answer["body"]
        return as_described("POST", PATH, answer)

    return send


def told(query: Any) -> list[Any]:
    return [(one["id"], one["data"]["dump_id"]) for one in query.bus.of(KIND)]


def test_until_there_is_a_verdict_asking_again_is_asking_for_the_same_proof(aws, query, ask):
    store(aws, dumps=[dump(5)])
    first, second = ask({"dump_id": dump(5).dump_id}), ask({"dump_id": dump(5).dump_id})
    assert first == second
    assert (first["dump_id"], first["cause"], first["state"]) == (dump(5).dump_id, "request", "requested")
    assert len(set(told(query))) == 1
    store(aws, verifications=[verification(5, verification_id=first["verification_id"], cause=Cause.REQUEST)])
    third = ask({"dump_id": dump(5).dump_id})
    assert third["verification_id"] != first["verification_id"]
    assert len(set(told(query))) == 2


def test_the_id_that_is_answered_is_the_one_under_which_the_verdict_will_be(aws, query, ask):
    store(aws, dumps=[dump(5)])
    answered = ask({"dump_id": dump(5).dump_id})
    job = requested_job({"detail": query.bus.told[0]})
    assert (job.verification_id, job.cause) == (answered["verification_id"], Cause.REQUEST)
    claim = Claim(job.claim_id, "somebody", NOW.replace(hour=9))
    ClaimTable(aws.names["BACKUP_TABLE"]).save(claim)
    assert ask({"dump_id": dump(5).dump_id})["state"] == "proving"


def test_who_died_at_it_is_at_it_no_more(aws, query, ask):
    store(aws, dumps=[dump(5)])
    ask()
    job = requested_job({"detail": query.bus.told[0]})
    claims = ClaimTable(aws.names["BACKUP_TABLE"])
    kept = claims.save(Claim(job.claim_id, "somebody", NOW.replace(hour=7)))
    assert ask()["state"] == "requested"
    claims.save(replace(kept, state=ClaimState.FREE, until=NOW.replace(hour=9)))
    assert ask()["state"] == "requested"


def test_without_a_name_the_newest_dump_that_is_there_is_proven(aws, query, ask):
    store(aws, dumps=[dump(1, deleted_at=NOW, deleted_why="30 days"), dump(5), dump(35)])
    assert ask()["dump_id"] == dump(5).dump_id
    ask(status=404, database="payments")


def test_a_replaced_version_is_another_proof(aws, query, ask):
    table = DumpTable(aws.names["BACKUP_TABLE"])
    saved = table.save(dump(5, verdict=None, verification_id=""))
    first = ask()
    table.save(replace(saved, version="v2"))
    assert ask()["verification_id"] != first["verification_id"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"dump_id": "orders/none.dump"}, 404, "there is no dump 'orders/none.dump' of orders"),
        ({"dump_id": "payments/a.dump"}, 404, "of orders"),
        ({"dump_id": ""}, 400, "dump_id"),
        ({"dump_id": ["a"]}, 400, "dump_id"),
        ({"dump": "x"}, 400, "dump: not a field"),
        ([], 400, "body"),
    ],
    ids=["unknown", "of-another", "empty", "list", "field", "array"],
)
def test_what_makes_no_sense_is_refused_by_name(aws, query, ask, body, status, said):
    store(aws, dumps=[dump(5), dump(5, dump_id="payments/a.dump", database="payments")])
    assert said in ask(body, status)["detail"]
    assert query.bus.told == []


def test_a_deleted_dump_is_not_proven(aws, query, ask):
    store(aws, dumps=[dump(5, deleted_at=NOW, deleted_why="older than 30 days")])
    assert "was deleted: older than 30 days" in ask({"dump_id": dump(5).dump_id}, 409)["detail"]
    assert query.bus.told == []


def test_only_who_may_operate_asks_for_proofs(aws, query, ask):
    store(aws, dumps=[dump(5)])
    ask(status=403, key="read")
    ask(status=404, database="billing")
    assert query.bus.told == []


def test_the_sample_is_answered(aws, query, event, context):
    sample = event("backup_query/verify")
    name = json.loads(sample["body"])["dump_id"]
    store(aws, dumps=[dump(5, dump_id=name)])
    assert query.lambda_handler(sample, context)["statusCode"] == 202
    assert [one for _, one in told(query)] == [name]


def test_a_dump_is_restored_once_more_and_both_verdicts_stay(verify, taken, aws, query, ask, event, context):
    assert verify.lambda_handler(arrived(event, taken), context) == {"batchItemFailures": []}
    (before,) = verdicts(aws)
    asked = ask({"dump_id": taken.removeprefix("dumps/")})
    sample = event("backup_verify/requested")
    body = json.loads(sample["Records"][0]["body"])
    sample["Records"][0]["body"] = json.dumps({**body, "detail": query.bus.told[-1]})
    for _ in range(2):
        assert verify.lambda_handler(sample, context) == {"batchItemFailures": []}
    after, first = verdicts(aws)
    assert first == before
    assert (after.verification_id, after.cause, after.verdict) == (
        asked["verification_id"],
        Cause.REQUEST,
        Verdict.PROVEN,
    )
    assert {f"evidence/orders/{one.verification_id}.json" for one in (before, after)} <= set(
        aws.objects("BACKUP_BUCKET")
    )
    known = DumpTable(aws.names["BACKUP_TABLE"]).find(asked["dump_id"])
    assert (known.verification_id, known.proven_at) == (after.verification_id, after.ended_at)
    assert ask({"dump_id": asked["dump_id"]})["verification_id"] not in {before.verification_id, after.verification_id}

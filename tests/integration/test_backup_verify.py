"""A dump that arrives is restored into a real PostgreSQL and gets one verdict, whatever is delivered how often."""

# ruff: noqa: F811 -- fixtures that are imported

import json
from typing import Any

import pytest

from opsloop.adapters.backup_claims import TakeTable
from opsloop.adapters.backup_strays import StrayTable
from opsloop.adapters.backup_table import DumpTable
from opsloop.adapters.backup_verifications import VerificationTable
from opsloop.backup.model import Cause, Reason, Verdict
from tests.integration.backup_source import (  # noqa: F401 -- fixtures
    ROWS,
    SLOT,
    debian_server,
    fields,
    functions,
    keep_secret,
    source,
    source_database,
)


def put(aws: Any, key: str, body: bytes) -> str:
    """Put an object and return its version."""
    answer = aws.client("s3").put_object(Bucket=aws.names["BACKUP_BUCKET"], Key=key, Body=body)
    return str(answer["VersionId"])


def arrived(event: Any, key: str, version: str = "") -> Any:
    """Return the message of an object's arrival."""
    sample = event("backup_verify/arrived")
    told = json.loads(sample["Records"][0]["body"])
    told["detail"]["object"] = {"key": key, "size": 1, "version-id": version}
    sample["Records"][0]["body"] = json.dumps(told)
    return sample


def verdicts(aws: Any) -> list[Any]:
    return list(VerificationTable(aws.names["BACKUP_TABLE"]).of("orders"))


def dump(aws: Any, dump_id: str) -> Any:
    return DumpTable(aws.names["BACKUP_TABLE"]).find(dump_id)


@pytest.fixture
def verify(functions, context):
    context.remaining_ms, context.memory_limit_in_mb = 800_000, 2_048
    return functions("backup_verify")


@pytest.fixture
def taken(functions, verify, aws, source, source_database, debian_server, event, context):
    """Return the key of a dump that backup_take made."""
    keep_secret(aws, debian_server.dsn(source_database, sslmode="require"))
    functions("backup_take").lambda_handler(event("backup_take/requested"), context)
    return f"dumps/{TakeTable(aws.names['BACKUP_TABLE']).find('orders', SLOT).dump_id}"


def test_a_dump_that_we_took_is_proven_once_however_often_its_arrival_is_told(verify, taken, aws, event, context):
    for _ in range(2):
        assert verify.lambda_handler(arrived(event, taken), context) == {"batchItemFailures": []}
    (found,) = verdicts(aws)
    assert (found.verdict, found.reason, found.cause, found.where) == (Verdict.PROVEN, None, Cause.ARRIVAL, "lambda")
    assert found.compared["tables"] == 2
    assert {"read", "restore", "compare"} <= {one.name for one in found.phases}
    known = dump(aws, taken.removeprefix("dumps/"))
    assert (known.verdict, known.verification_id, known.rows) == (Verdict.PROVEN, found.verification_id, ROWS)
    assert (known.proven_at, known.restore_s) == (found.ended_at, found.restore_s)
    told = [one for one in verify.told.told if one["type"] == "backup.verified"]
    assert [one["id"] for one in told] == [found.verification_id]
    assert fields(told[0]) == fields(event("backup.verified/proven")["detail"])


def test_the_evidence_of_a_proof_says_what_an_auditor_asks(verify, taken, aws, event, context):
    verify.lambda_handler(arrived(event, taken), context)
    (found,) = verdicts(aws)
    evidence = json.loads(aws.objects("BACKUP_BUCKET")[f"evidence/orders/{found.verification_id}.json"])
    assert set(evidence["controls"]) == {"SOC 2 A1.2", "SOC 2 A1.3", "ISO/IEC 27001:2022 A.8.13"}
    assert evidence["dump"]["object"] == taken
    assert evidence["verification"]["verdict"] == "proven"
    assert len(evidence["manifest_sha256"]) == 64
    assert evidence["who"] == "opsloop backup_verify on lambda"


def test_a_proof_that_is_asked_for_again_is_another_verdict(verify, taken, aws, event, context):
    verify.lambda_handler(arrived(event, taken), context)
    sample = event("backup_verify/requested")
    body = sample["Records"][0]["body"].replace("orders/2026/11/orders-20261121T083004Z.dump", taken[len("dumps/") :])
    sample["Records"][0]["body"] = body
    for _ in range(2):
        verify.lambda_handler(sample, context)
    assert [one.cause for one in verdicts(aws)] == [Cause.SCHEDULE, Cause.ARRIVAL]
    assert all(one.verdict is Verdict.PROVEN for one in verdicts(aws))


def test_a_truncated_copy_under_another_name_fails_and_says_so(verify, taken, aws, event, context):
    whole = aws.objects("BACKUP_BUCKET")[taken]
    key = "dumps/orders/elsewhere/orders.dump"
    put(aws, key, whole[: len(whole) // 2])
    assert verify.lambda_handler(arrived(event, key), context) == {"batchItemFailures": []}
    (found,) = verdicts(aws)
    assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.TRUNCATED)
    known = dump(aws, key.removeprefix("dumps/"))
    assert (known.origin, known.has_manifest, known.verdict, known.proven_at) == (
        "elsewhere",
        False,
        Verdict.FAILED,
        None,
    )
    (told,) = verify.told.told
    assert fields(told) == fields(event("backup.verification_failed/truncated")["detail"])


def test_a_dump_made_elsewhere_is_restorable_and_has_the_time_that_it_says_itself(verify, taken, aws, event, context):
    key = "dumps/orders/elsewhere/orders.dump"
    put(aws, key, aws.objects("BACKUP_BUCKET")[taken])
    verify.lambda_handler(arrived(event, key), context)
    (found,) = verdicts(aws)
    assert found.verdict is Verdict.RESTORABLE
    assert dump(aws, key.removeprefix("dumps/")).taken_at == found.taken_at


@pytest.mark.parametrize(
    ("manifest", "verdict", "reason", "words"),
    [
        (b"{", Verdict.FAILED, Reason.CORRUPT, "Expecting property name"),
        (b'{"format": 0}', Verdict.FAILED, Reason.CORRUPT, "manifest.format: 0 is not a whole number from 1"),
        (b'{"format": 2}', Verdict.UNKNOWN, Reason.UNSUPPORTED, "2 is newer than this opsloop understands"),
    ],
)
def test_a_manifest_that_cannot_be_read_fails_and_one_of_a_newer_opsloop_is_not_judged(
    verify, aws, event, context, manifest, verdict, reason, words
):
    key = "dumps/orders/elsewhere/orders.dump"
    put(aws, f"{key}.manifest.json", manifest)
    put(aws, key, b"PGDMP")
    assert verify.lambda_handler(arrived(event, key), context) == {"batchItemFailures": []}
    (found,) = verdicts(aws)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert words in found.detail


def test_a_manifest_and_what_is_no_dump_are_passed_over(verify, aws, event, context):
    assert verify.lambda_handler(event("backup_verify/manifest"), context) == {"batchItemFailures": []}
    assert verify.lambda_handler(arrived(event, "dumps/orders/README"), context) == {"batchItemFailures": []}
    assert (verdicts(aws), aws.items("BACKUP_TABLE")) == ([], [])


def test_a_dump_in_a_folder_of_no_database_is_set_aside_and_kept(verify, aws, event, context):
    put(aws, "dumps/ordres/x.dump", b"PGDMP")
    assert verify.lambda_handler(arrived(event, "dumps/ordres/x.dump"), context) == {"batchItemFailures": []}
    (stray,) = StrayTable(aws.names["BACKUP_TABLE"]).all()
    assert (stray.key, stray.reason) == (
        "dumps/ordres/x.dump",
        "dumps/ordres/x.dump: the catalog declares no such database",
    )
    assert (verdicts(aws), verify.told.told) == ([], [])


def test_a_dump_that_was_deleted_before_it_was_read_is_unknown(verify, aws, event, context):
    assert verify.lambda_handler(event("backup_verify/arrived"), context) == {"batchItemFailures": []}
    (found,) = verdicts(aws)
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.NOT_FOUND)
    assert dump(aws, found.dump_id).deleted_at is not None
    assert [one["type"] for one in verify.told.told] == ["backup.verification_failed"]


def test_a_dump_that_is_too_large_for_this_machine_is_unknown_where_there_is_no_larger_one(
    verify, taken, aws, event, context, monkeypatch
):
    monkeypatch.setattr(verify.Machine, "limits", lambda _self, _bytes: None)
    verify.lambda_handler(arrived(event, taken), context)
    (found,) = verdicts(aws)
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.TOO_LARGE)
    assert "there is no larger runner on this stage" in found.detail

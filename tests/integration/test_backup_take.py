"""A dump that is due is asked for once, streamed into the bucket whole with its manifest, or not there at all."""

# ruff: noqa: F811 -- fixtures that are imported

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opsloop.adapters.backup_claims import TakeTable
from opsloop.adapters.backup_table import DumpTable
from opsloop.backup.document import read_manifest
from opsloop.backup.take import TakeState
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
from tests.integration.described import as_described


def objects(aws: Any) -> dict[str, bytes]:
    return dict(aws.objects("BACKUP_BUCKET"))


def uploads(aws: Any) -> list[Any]:
    found = aws.client("s3").list_multipart_uploads(Bucket=aws.names["BACKUP_BUCKET"])
    return list(found.get("Uploads", []))


def kept(aws: Any) -> Any:
    return TakeTable(aws.names["BACKUP_TABLE"]).find("orders", SLOT)


@pytest.fixture
def take(aws, functions, source, source_database, debian_server, context):
    keep_secret(aws, debian_server.dsn(source_database, sslmode="require"))
    context.remaining_ms = 800_000
    return functions("backup_take")


def test_a_request_becomes_a_dump_with_its_manifest_told_once(take, aws, event, context):
    answer = take.lambda_handler(event("backup_take/requested"), context)
    assert answer == {"batchItemFailures": []}
    found = kept(aws)
    assert (found.state, found.attempts, found.rows) == (TakeState.TAKEN, 1, ROWS)
    stored = objects(aws)
    assert set(stored) == {f"dumps/{found.dump_id}", f"dumps/{found.dump_id}.manifest.json"}
    manifest = read_manifest(json.loads(stored[f"dumps/{found.dump_id}.manifest.json"]))
    assert stored[f"dumps/{found.dump_id}"].startswith(b"PGDMP")
    assert manifest.dump_bytes == len(stored[f"dumps/{found.dump_id}"]) == found.bytes
    assert manifest.tables["public.orders"].rows == 500
    (told,) = take.told.told
    assert (told["type"], told["data"]["dump"]["rows"]) == ("backup.taken", ROWS)
    assert fields(told) == fields(event("backup.taken/orders")["detail"])
    assert DumpTable(aws.names["BACKUP_TABLE"]).find(found.dump_id).sha256 == manifest.sha256


def test_a_request_that_is_delivered_twice_is_taken_and_told_once(take, aws, event, context):
    for _ in range(2):
        take.lambda_handler(event("backup_take/requested"), context)
    assert len(objects(aws)) == 2
    assert len(take.told.told) == 1


def test_a_dump_is_tagged_locked_and_held_as_the_catalog_says(take, functions, aws, event, context):
    take = functions("backup_take", object_lock_days=30, legal_hold=True)
    began: dict[str, Any] = {}  # moto keeps no lock of an upload in parts: what S3 is asked for
    register = take.bucket._client.meta.events.register
    register("before-parameter-build.s3.CreateMultipartUpload", lambda params, **_: began.update(params))
    take.lambda_handler(event("backup_take/requested"), context)
    where = {"Bucket": aws.names["BACKUP_BUCKET"], "Key": f"dumps/{kept(aws).dump_id}"}
    s3 = aws.client("s3")
    tags = {one["Key"]: one["Value"] for one in s3.get_object_tagging(**where)["TagSet"]}
    sha256 = tags.pop("sha256")
    assert tags == {"database": "orders", "tier": "2", "retention": "standard", "origin": "opsloop"}
    manifest = s3.head_object(Bucket=where["Bucket"], Key=f"{where['Key']}.manifest.json")
    for locked in (began, manifest):
        assert (locked["ObjectLockMode"], locked["ObjectLockLegalHoldStatus"]) == ("COMPLIANCE", "ON")
        assert locked["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=29)
    assert began["ChecksumAlgorithm"] == "SHA256"
    assert "ServerSideEncryption" not in began  # the bucket's own default holds: KMS with our key
    assert DumpTable(aws.names["BACKUP_TABLE"]).find(kept(aws).dump_id).sha256 == sha256


def test_a_wrong_password_is_told_at_once_and_leaves_nothing(
    take,
    aws,
    debian_server,
    source_database,
    event,
    context,
):
    keep_secret(aws, debian_server.dsn(source_database, sslmode="require").replace("password=", "password=x"))
    assert take.lambda_handler(event("backup_take/requested"), context) == {"batchItemFailures": []}
    found = kept(aws)
    assert (found.state, found.attempts) == (TakeState.FAILED, 1)
    assert "password authentication failed" in found.why
    assert (objects(aws), uploads(aws)) == ({}, [])
    (told,) = take.told.told
    assert (told["type"], told["data"]["attempts"]) == ("backup.failed", 1)
    assert fields(told) == fields(event("backup.failed/password")["detail"])


def test_a_server_that_is_down_is_tried_again_later_and_then_given_up(take, aws, event, context):
    keep_secret(aws, "postgresql://nobody:x@127.0.0.1:1/orders")
    for _ in range(3):
        assert take.lambda_handler(event("backup_take/requested"), context)["batchItemFailures"]
    assert take.queue.waits == [30.0, 120.0, 300.0]
    assert (kept(aws).state, take.told.told) == (TakeState.TAKING, [])
    assert take.lambda_handler(event("backup_take/requested"), context) == {"batchItemFailures": []}
    assert kept(aws).state is TakeState.FAILED
    assert [one["type"] for one in take.told.told] == ["backup.failed"]
    assert (objects(aws), uploads(aws)) == ({}, [])


def test_the_clock_asks_once_for_every_slot_and_not_for_what_was_missed(take, event, context):
    sample = event("backup_take/schedule")
    for _ in range(2):
        take.lambda_handler(sample, context)
    (told,) = take.told.told
    assert told == event("backup.requested/schedule")["detail"]
    later = {**sample, "time": "2026-11-22T19:00:00Z"}
    take.lambda_handler(later, context)
    assert [one["data"]["slot"] for one in take.told.told] == ["2026-11-21T06:00:00Z", "2026-11-22T18:00:00Z"]


def test_a_person_asks_for_a_dump_now(take, event, context):
    answer = take.lambda_handler(event("backup_take/now"), context)
    asked = as_described("POST", "/v1/backups/{database}/take", answer)
    assert (answer["statusCode"], asked["state"], asked["cause"]) == (202, "requested", "request")
    (told,) = take.told.told
    assert told["data"] == {"database": "orders", "slot": asked["slot"], "cause": "request"}


@pytest.mark.parametrize(("name", "status"), [("read", 403), ("admin", 404)])
def test_who_may_not_ask_or_asks_for_what_is_not_dumped_is_refused(take, http_event, context, tokens, name, status):
    answer = take.lambda_handler(http_event("POST", "/v1/backups/nothing/take", token=tokens[name]), context)
    assert answer["statusCode"] == status
    as_described("POST", "/v1/backups/{database}/take", answer)
    assert take.told.told == []

"""A database is dumped and proven by a restore, under the functions' own roles, with one verdict each."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.e2e.deployment import RUN, Deployment, wait_until
from tests.integration.backup_source import ROWS, SCHEMA
from tests.postgres import DebianServer, debian_server

__all__ = ["debian_server"]

SECRET = "opsloop-local/backup/orders"
LINES = """
ALTER TABLE orders ADD goods_cents int;
UPDATE orders SET goods_cents = cents;
CREATE TABLE order_lines (order_id bigint REFERENCES orders, amount_cents int);
INSERT INTO order_lines SELECT id, cents FROM orders;
"""  # of which the catalog asserts something


@pytest.fixture(scope="module")
def taken(deployment: Deployment, debian_server: DebianServer) -> Iterator[dict[str, Any]]:
    """Have a dump of a database on Debian's PostgreSQL taken; yield the verification of its arrival."""
    debian_server.create("orders")
    with psycopg.connect(debian_server.dsn("orders"), autocommit=True) as connection:
        connection.execute(SCHEMA + LINES)
    before = keep_secret(deployment, debian_server.dsn("orders", sslmode="require"))
    try:
        yield take(deployment)
    finally:
        if before is not None:
            keep_secret(deployment, before)
        debian_server.drop("orders")


def keep_secret(deployment: Deployment, text: str) -> str | None:
    """Keep how to connect; return what was kept before."""
    client = deployment.client("secretsmanager")
    try:
        before: str = client.get_secret_value(SecretId=SECRET)["SecretString"]
    except client.exceptions.ResourceNotFoundException:
        client.create_secret(Name=SECRET, SecretString=text)
        return None
    client.put_secret_value(SecretId=SECRET, SecretString=text)
    return before


def take(deployment: Deployment) -> dict[str, Any]:
    answer = deployment.request("POST", "/v1/backups/orders/take", key=deployment.stack["admin_key"])
    assert answer.status == 202, answer.body
    slot = answer.json()["slot"]
    took = wait_until("the dump", lambda: ended(deployment, slot))
    assert took["state"] == "taken", took
    return wait_until("its verdict", lambda: verdict_on(deployment, took["dump_id"]))


def ended(deployment: Deployment, slot: str) -> dict[str, Any] | None:
    key = {"pk": {"S": "takes#orders"}, "sk": {"S": slot if "." in slot else slot.replace("Z", ".000000Z")}}
    table = deployment.client("dynamodb")
    item = table.get_item(TableName=deployment.stack["backup_table"], Key=key).get("Item", {})
    found: dict[str, Any] = json.loads(item["body"]["S"]) if item else {}
    return found if found.get("state") in ("taken", "failed") else None


def verdicts(deployment: Deployment, dump_id: str) -> list[dict[str, Any]]:
    asked = {
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": "verifications#orders"}},
        "TableName": deployment.stack["backup_table"],
    }
    found = [json.loads(item["body"]["S"]) for item in deployment.client("dynamodb").query(**asked)["Items"]]
    return [one for one in found if one["dump_id"] == dump_id]


def verdict_on(deployment: Deployment, dump_id: str) -> dict[str, Any] | None:
    return next(iter(verdicts(deployment, dump_id)), None)


def put(deployment: Deployment, key: str, body: bytes) -> None:
    deployment.client("s3").put_object(Bucket=deployment.stack["backup_bucket"], Key=key, Body=body)


def read(deployment: Deployment, key: str) -> bytes:
    found: bytes = deployment.client("s3").get_object(Bucket=deployment.stack["backup_bucket"], Key=key)["Body"].read()
    return found


def test_a_dump_that_somebody_asks_for_is_taken_and_proven(deployment: Deployment, taken: dict[str, Any]) -> None:
    assert (taken["verdict"], taken["cause"], taken["where"]) == ("proven", "arrival", "lambda"), taken["detail"]
    key = f"dumps/{taken['dump_id']}"
    assert read(deployment, key).startswith(b"PGDMP")
    manifest = json.loads(read(deployment, f"{key}.manifest.json"))
    assert sum(one["rows"] or 0 for one in manifest["tables"].values()) == ROWS + 500
    evidence = wait_until("evidence", lambda: evidence_of(deployment, taken["verification_id"]))
    assert evidence["verification"]["verdict"] == "proven"


def evidence_of(deployment: Deployment, verification_id: str) -> Any:
    key = f"evidence/orders/{verification_id}.json"
    s3 = deployment.client("s3")
    listed = s3.list_objects_v2(Bucket=deployment.stack["backup_bucket"], Prefix=key).get("Contents")
    return json.loads(read(deployment, key)) if listed else None


def test_half_of_that_dump_is_rejected_as_truncated(deployment: Deployment, taken: dict[str, Any]) -> None:
    whole = read(deployment, f"dumps/{taken['dump_id']}")
    dump_id = f"orders/half-{RUN}.dump"
    put(deployment, f"dumps/{dump_id}", whole[: len(whole) // 2])
    found = wait_until("its verdict", lambda: verdict_on(deployment, dump_id))
    assert (found["verdict"], found["reason"]) == ("failed", "truncated")


def test_an_arrival_that_is_told_again_gives_no_second_verdict(deployment: Deployment, taken: dict[str, Any]) -> None:
    detail = {"bucket": {"name": deployment.stack["backup_bucket"]}, "object": {"key": f"dumps/{taken['dump_id']}"}}
    event = {"id": f"again-{RUN}", "detail-type": "Object Created", "time": "2026-11-21T08:30:00Z", "detail": detail}
    record = {"messageId": "m", "receiptHandle": "r", "eventSourceARN": "q", "body": json.dumps(event)}
    assert deployment.invoke("backup_verify", Records=[record]) == {"batchItemFailures": []}
    assert len(verdicts(deployment, taken["dump_id"])) == 1


def test_a_read_key_may_not_ask_for_a_dump(deployment: Deployment) -> None:
    answer = deployment.request("POST", "/v1/backups/orders/take", key=deployment.stack["read_key"])
    assert answer.status == 403

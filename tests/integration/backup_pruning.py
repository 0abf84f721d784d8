"""A shelf of dumps for tests of retention: records and objects on moto, and the function with its catalog."""

import importlib
import json
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from opsloop.adapters.backup_deletions import DeletionTable
from opsloop.adapters.backup_table import DumpTable
from opsloop.backup.model import Dump, Verdict
from opsloop.backup.retention_record import DeletionState
from tests.integration.conftest import CATALOG
from tests.integration.described import as_described

NOW = datetime(2026, 11, 21, 3, 20, tzinfo=UTC)  # of the scheduled sample
DAY = timedelta(days=1)
JSON = {"content-type": "application/json"}
ORDERS = {
    "name": "orders", "service": "web", "tier": 2, "description": "", "secret": "orders", "source_name": "orders",
    "schemas": [], "exclude_schemas": [], "every_h": 6, "format": "custom", "retention": "week", "legal_hold": False,
    "object_lock_days": 0, "rpo_s": 900, "rto_s": 14400, "assertions": [], "sources": [],
}  # fmt: skip
WEEK = {"name": "week", "policy": "rolling", "days": 7, "minimum": 2, "mode": "enforce"}


class Bus:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def publish(self, events: Any) -> None:
        self.told += [event.detail() for event in events]

    def of(self, kind: str) -> list[Any]:
        return [one["data"] for one in self.told if one["type"] == kind]


@pytest.fixture(name="world")
def the_world(aws: Any, tokens: Any, load_handler: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what loads the function with a catalog of one database, changed as asked."""
    catalog_layer = importlib.import_module("opsloop.adapters.catalog_layer")

    def load(database: Any = None, retention: Any = None, **settings: str) -> ModuleType:
        document = {
            **CATALOG,
            "databases": [{**ORDERS, **(database or {})}],
            "retention": [{**WEEK, **(retention or {})}],
        }
        catalog_layer.load_catalog.cache_clear()
        monkeypatch.setattr(catalog_layer, "_read", lambda _name: json.dumps(document).encode())
        handler: ModuleType = load_handler("backup_prune", **settings)
        monkeypatch.setattr(handler, "bus", Bus())
        return handler

    yield load
    catalog_layer.load_catalog.cache_clear()


@pytest.fixture(name="shelf")
def the_shelf(aws: Any) -> Any:
    """Return ``shelf("a", days_ago)``: a dump with its object in the bucket, proven unless told otherwise."""
    s3, bucket = aws.client("s3"), aws.names["BACKUP_BUCKET"]
    table = DumpTable(aws.names["BACKUP_TABLE"])

    def put(name: str, days_ago: float, **changes: Any) -> Dump:
        key = f"dumps/orders/{name}.dump"
        version = s3.put_object(Bucket=bucket, Key=key, Body=name.encode() * 10)["VersionId"]
        taken = NOW - days_ago * DAY
        values: dict[str, Any] = {"verdict": Verdict.PROVEN, "proven_at": taken, "verified_at": taken, **changes}
        dump = Dump(f"orders/{name}.dump", "orders", key, version, 10 * len(name), taken, taken, **values)
        return table.save(dump)

    return put


@pytest.fixture(name="run")
def the_run(event: Any, context: Any) -> Any:
    context.remaining_ms = 60_000

    def start(handler: ModuleType, *, days: int = 0) -> Any:
        sample = event("backup_prune/schedule")
        return handler.lambda_handler({**sample, "time": (NOW + days * DAY).isoformat()}, context)

    return start


def there(aws: Any) -> set[str]:
    return {key.rpartition("/")[2].removesuffix(".dump") for key in aws.objects("BACKUP_BUCKET")}


def agree(aws: Any) -> bool:
    """Return whether each dump that the records have as there is in the bucket, and no other."""
    recorded = {one.key for one in DumpTable(aws.names["BACKUP_TABLE"]).of("orders") if one.deleted_at is None}
    return recorded == set(aws.objects("BACKUP_BUCKET"))


def states(aws: Any) -> dict[str, DeletionState]:
    found = DeletionTable(aws.names["BACKUP_TABLE"]).of("orders")
    return {one.dump_id.partition("/")[2].removesuffix(".dump"): one.state for one in found}


def get(handler: ModuleType, http_event: Any, context: Any, tokens: Any, path: str, query: str = "") -> Any:
    return as_described(
        "GET", path, handler.lambda_handler(http_event("GET", path, query=query, token=tokens["read"]), context)
    )


def ask(handler: ModuleType, http_event: Any, context: Any, token: str, path: str, body: Any = None) -> Any:
    sent = {"headers": JSON, "body": json.dumps(body)} if body is not None else {}
    return handler.lambda_handler(http_event("POST", path, token=token, **sent), context)

"""A database of a team on Debian's PostgreSQL, and the functions that take and verify its dumps on a mocked AWS."""

import importlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import psycopg
import pytest

from tests.integration.backup_world import FakeBus
from tests.integration.conftest import CATALOG
from tests.postgres import DebianServer, debian_server, source_database

__all__ = ["debian_server", "functions", "source", "source_database"]

SCHEMA = """
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id bigserial PRIMARY KEY, customer_id int REFERENCES customers, cents int CHECK (cents > 0));
CREATE INDEX ON orders (customer_id);
INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 50) n;
INSERT INTO orders (customer_id, cents) SELECT 1 + n % 50, n FROM generate_series(1, 500) n;
"""
ROWS = 550
SLOT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
ORDERS = {
    "name": "orders", "service": "web", "tier": 2, "description": "", "secret": "orders", "source_name": "",
    "schemas": [], "exclude_schemas": [], "every_h": 6, "format": "custom", "retention": "standard",
    "legal_hold": False, "object_lock_days": 0, "rpo_s": 900, "rto_s": 14400,
    "assertions": [{"name": "there are orders", "sql": "SELECT count(*) > 0 FROM orders"}], "sources": [],
}  # fmt: skip


class FakeQueue:
    """Keeps how long messages are postponed."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def postpone(self, _arn: str, _receipt: str, wait_s: float) -> None:
        """Keep one."""
        self.waits.append(wait_s)


@pytest.fixture
def source(debian_server: DebianServer, source_database: str) -> Iterator["psycopg.Connection[Any]"]:
    """Yield a connection to a database with customers and orders."""
    with psycopg.connect(debian_server.dsn(source_database), autocommit=True) as connection:
        connection.execute(SCHEMA)
        yield connection


@pytest.fixture
def functions(
    aws: Any, tokens: Any, load_handler: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., ModuleType]:
    """Return ``functions("backup_take", object_lock_days=30)``: a function whose catalog has orders, so changed."""
    catalog_layer = importlib.import_module("opsloop.adapters.catalog_layer")

    def load(name: str, **changes: Any) -> ModuleType:
        document = {**CATALOG, "databases": [{**ORDERS, **changes}], "retention": []}
        catalog_layer.load_catalog.cache_clear()
        monkeypatch.setattr(catalog_layer, "_read", lambda _name: json.dumps(document).encode())
        places = {f"RUNNER_{word}": "" for word in ("CLUSTER", "TASK", "SUBNETS", "GROUP")}
        handler = load_handler(name, SECRET_PREFIX="opsloop-test/backup/", **places)
        monkeypatch.setattr(handler, "queue", FakeQueue())
        handler.told = FakeBus()  # type: ignore[attr-defined]
        if hasattr(handler, "bus"):
            monkeypatch.setattr(handler, "bus", handler.told)
            handler.requester._publish = handler.told.publish
        else:
            monkeypatch.setattr(handler, "Bus", lambda _name: handler.told)
        return handler

    yield load
    catalog_layer.load_catalog.cache_clear()


def keep_secret(aws: Any, dsn: str) -> None:
    """Keep how to connect as the secret ``orders``."""
    client = aws.client("secretsmanager")
    name = "opsloop-test/backup/orders"
    try:
        client.create_secret(Name=name, SecretString=dsn)
    except client.exceptions.ResourceExistsException:
        client.put_secret_value(SecretId=name, SecretString=dsn)


def fields(value: Any) -> Any:
    """Return the names of the fields of a JSON document, at every depth, but what is counted by name."""
    if isinstance(value, dict):
        return {name: fields(one) if name != "compared" else None for name, one in value.items()}
    if isinstance(value, list):
        return [fields(one) for one in value[:1]]
    return None

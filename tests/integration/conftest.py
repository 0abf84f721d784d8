"""AWS as moto plays it: the tables, stream, buckets and bus of the state stack, and a catalog layer."""

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.loaders import JSONFileLoader
from moto import mock_aws
from moto.server import ThreadedMotoServer

from opsloop.access.model import ApiKey, Scope
from opsloop.adapters import aws_environment
from opsloop.adapters.access_table import AccessTable
from stacks.constructs.functions_build import list_functions
from tests.integration.search_server import opensearch_url, tested  # noqa: F401 -- fixtures
from tests.tables import TABLES

REGION = "us-east-1"
CREATED_AT = datetime(2026, 11, 1, tzinfo=UTC)
ENVIRONMENT = {f"{word.upper()}_TABLE": f"opsloop-test-{word}" for word in TABLES} | {
    "TABLES": " ".join(f"{word}=opsloop-test-{word}" for word in TABLES),
    "SEGMENT_BUCKET": "opsloop-test-segment",
    "QUARANTINE_BUCKET": "opsloop-test-quarantine",
    "IMPORT_BUCKET": "opsloop-test-import",
    "LOG_BUCKET": "opsloop-test-log",
    "BACKUP_BUCKET": "opsloop-test-backup",
    "STREAM_NAME": "opsloop-test-stream",
    "BUS_NAME": "opsloop-test",
}
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}
CATALOG = {
    "format": 1,
    "services": [
        {
            "name": "web",
            "tier": 1,
            "owner": "shop",
            "contact": "#shop",
            "environment": "test",
            "dimensions": ["http.route"],
            "series_limit": 500,
            "availability_error_ratio": 0.05,
            "description": "The shop's front door.",
        }
    ],
    "undeclared": {
        "tier": 4,
        "owner": "unknown",
        "contact": "",
        "environment": "unknown",
        "dimensions": [],
        "series_limit": 200,
        "availability_error_ratio": 0.05,
    },
}
OPENAPI = {
    "openapi": "3.1.0",
    "info": {"title": "opsloop", "version": "0.1.0"},
    "paths": {
        "/": {"get": {}},
        "/openapi.json": {"get": {}},
        "/health/live": {"get": {}},
        "/v1/keys": {"get": {}, "post": {}},
        "/v1/keys/{key_id}": {"parameters": [], "delete": {}},
    },
}


@cache
def client_of(service: str) -> Any:
    """Return a boto3 client of whatever AWS is mocked now; it holds nothing of a test, and is costly to make."""
    return _session().client(service, region_name=REGION)


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session(
        CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"], CREDENTIALS["AWS_SESSION_TOKEN"]
    )


@dataclass(frozen=True)
class Aws:
    """The names of what exists, and clients to look at it."""

    names: dict[str, str]

    def client(self, service: str) -> Any:
        """Return a boto3 client of the mocked AWS."""
        return client_of(service)

    def records(self) -> list[dict[str, Any]]:
        """Return every record of the stream, shard by shard, as Kinesis gives them (``Data``, ``PartitionKey``)."""
        kinesis = self.client("kinesis")
        stream = self.names["STREAM_NAME"]
        found: list[dict[str, Any]] = []
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            found += kinesis.get_records(ShardIterator=iterator, Limit=10_000)["Records"]
        return found

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Return every object of the bucket named by that variable, by key."""
        s3 = self.client("s3")
        name = self.names[bucket]
        listed = s3.list_objects_v2(Bucket=name).get("Contents", [])
        return {item["Key"]: s3.get_object(Bucket=name, Key=item["Key"])["Body"].read() for item in listed}

    def items(self, table: str) -> list[dict[str, Any]]:
        """Return every item of the table named by that variable, in DynamoDB's JSON."""
        found: list[dict[str, Any]] = self.client("dynamodb").scan(TableName=self.names[table])["Items"]
        return found


@pytest.fixture(scope="session")
def catalog_layer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Put a small ``opsloop_catalog`` package in the place of the one that synth compiles; return its folder."""
    place = tmp_path_factory.mktemp("catalog")
    folder = place / "opsloop_catalog"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""The compiled catalog."""\n')
    (folder / "catalog.json").write_text(json.dumps(CATALOG))
    (folder / "openapi.json").write_text(json.dumps(OPENAPI))
    (folder / "functions.json").write_text(list_functions())
    for name in ("opsloop_catalog", "opsloop.adapters.catalog_layer"):
        sys.modules.pop(name, None)
    sys.path.insert(0, str(place))
    yield folder
    sys.path.remove(str(place))
    for name in ("opsloop_catalog", "opsloop.adapters.catalog_layer"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="session", autouse=True)
def _service_descriptions() -> Iterator[None]:
    """Let botocore read each of its JSON files once per run: that is most of the time a test takes otherwise."""
    load = JSONFileLoader.load_file
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _self, path: read(path))
        read = cache(lambda path: load(JSONFileLoader(), path))
        yield


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    """Return the URL of a server that plays AWS with the state of the mocked one, for what is not boto3."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, catalog_layer: Path, aws_url: str) -> Iterator[Aws]:
    """Start a mocked AWS with everything the state stack makes, and set the functions' environment variables."""
    for variable, value in (ENVIRONMENT | CREDENTIALS).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("SEARCH_ENDPOINT", "")  # a test that searches names its own store
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(aws_environment, "overridden", lambda _service: aws_url)
    with mock_aws():
        aws = Aws(dict(ENVIRONMENT))
        for word, keys in TABLES.items():
            _create_table(aws.client("dynamodb"), ENVIRONMENT[f"{word.upper()}_TABLE"], keys)
        for bucket in ("SEGMENT_BUCKET", "QUARANTINE_BUCKET", "IMPORT_BUCKET", "LOG_BUCKET"):
            aws.client("s3").create_bucket(Bucket=ENVIRONMENT[bucket])
        backups = ENVIRONMENT["BACKUP_BUCKET"]
        aws.client("s3").create_bucket(Bucket=backups, ObjectLockEnabledForBucket=True)  # which makes it versioned
        aws.client("kinesis").create_stream(StreamName=ENVIRONMENT["STREAM_NAME"], ShardCount=2)
        aws.client("events").create_event_bus(Name=ENVIRONMENT["BUS_NAME"])
        yield aws


@pytest.fixture
def tokens(aws: Aws) -> dict[str, str]:
    """Store one key per scope, and a revoked and an expired one; return their tokens by name.

    Sample events carry these tokens: key ids ``aaaaaaaaaaaa`` (admin), ``bbb...`` (read), ``ccc...`` (ingest),
    ``ddd...`` (revoked ingest), ``eee...`` (expired ingest), each with its letter 64 times as secret.
    """
    table = AccessTable(aws.names["ACCESS_TABLE"])
    wanted = {"admin": "a", "read": "b", "ingest": "c", "revoked": "d", "expired": "e"}
    for place, (name, letter) in enumerate(wanted.items()):
        scope = name if name in list(Scope) else "ingest"
        table.add(
            ApiKey(
                key_id=letter * 12,
                name=f"{name} of the tests",
                scopes=frozenset({Scope(scope)}),
                secret_sha256=hashlib.sha256((letter * 64).encode()).hexdigest(),
                created_at=CREATED_AT + timedelta(minutes=place),
                expires_at=CREATED_AT + timedelta(hours=1) if name == "expired" else None,
            )
        )
    table.revoke("d" * 12, CREATED_AT + timedelta(hours=2))
    return {name: f"opsloop_{letter * 12}_{letter * 64}" for name, letter in wanted.items()}


def _create_table(dynamodb: Any, name: str, keys: tuple[str, ...]) -> None:
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )

"""The first key of a deployment is written with AWS credentials, and opens it."""

import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws
from moto.server import ThreadedMotoServer

from opsloop.access.authorize import authenticate, parse_authorization
from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from tests.unit.cli.conftest import Run

TABLE = "opsloop-test-access"


@pytest.fixture(scope="module")
def aws_url() -> Iterator[str]:
    """Return the URL of a server that plays AWS with the state of the mocked one, for what is not boto3."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, aws_url: str) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_url)


@mock_aws
def test_the_bootstrapped_key_is_the_one_in_the_table(run: Run):
    boto3.client("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "key_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    result = run("keys", "create", "first", "--scope", "admin", "--bootstrap", "--table", TABLE, "--json")
    assert result.exit_code == 0, result.stderr
    made = json.loads(result.stdout)
    key_id, secret = parse_authorization(f"Bearer {made['token']}")
    stored = AccessTable(TABLE).find(key_id)
    assert stored is not None
    assert key_id == made["key_id"]
    assert authenticate(stored, secret, stored.created_at).scopes == {Scope.ADMIN}


@mock_aws
def test_a_table_that_is_not_there_cannot_be_reached(run: Run):
    result = run("keys", "create", "first", "--scope", "admin", "--bootstrap", "--table", "nowhere")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "table nowhere" in result.stderr

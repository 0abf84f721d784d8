"""The first keys of a deployment: made by whoever has AWS credentials, through the adapter that the functions use."""

import os
from typing import Any

from local.console import step
from local.services import CREDENTIALS
from local.state import REGION, StateDir, remembered_ports
from local.steps.deploy import outputs
from opsloop.access.issue import hash_secret
from opsloop.adapters.access_table import AccessTable

KEYS = {"ingest_key": "ingest", "read_key": "read", "admin_key": "admin"}


def connect(state: StateDir) -> AccessTable:
    """Return the access table of the local cloud."""
    os.environ.pop("AWS_SESSION_TOKEN", None)  # whatever profile the caller has, these are the local cloud's
    os.environ.update(CREDENTIALS, AWS_REGION=REGION, AWS_ENDPOINT_URL_DYNAMODB=remembered_ports(state).aws_url)
    return AccessTable(outputs(state)["AccessTable"])


def opens(table: AccessTable, token: str) -> bool:
    """Return whether ``token`` is a key that the table knows and that was not revoked."""
    _, _, rest = token.partition("_")
    key_id, _, secret = rest.partition("_")
    key = table.find(key_id)
    return key is not None and key.revoked_at is None and key.secret_sha256 == hash_secret(secret)


def ensure_keys(state: StateDir) -> dict[str, str]:
    """Return one token per scope: the ones of the last run if they still open, else new ones."""
    table = connect(state)
    known: dict[str, Any] = state.read("stack")
    tokens = {name: known[name] for name in KEYS if name in known and opens(table, known[name])}
    missing = [name for name in KEYS if name not in tokens]
    if missing:
        with step("Making keys"):
            for name in missing:
                _, tokens[name] = table.create(f"make run: {KEYS[name]}", [KEYS[name]])
    return tokens

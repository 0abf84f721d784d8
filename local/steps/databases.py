"""The PostgreSQL of the demo: waited for until it is filled, and made known to those who back it up."""

import json
import time
from typing import Any

import psycopg
from botocore.exceptions import ClientError

from local.console import StepFailedError, step
from local.database.server import BACKUP, NAMES, Facts, read_facts
from local.state import LOOPBACK, StateDir
from local.steps import cloud
from opsloop.catalog import Catalog, Database
from stacks.constructs.catalog_build import compile_catalog

SERVICE = "database"
SECRET_PREFIX = "opsloop-local/backup/"  # noqa: S105 - the stage's, as the stacks have it
PATIENCE_S = 120.0
POLL_S = 0.1


def catalogued() -> list[Database]:
    """Return the databases of the catalog that this server has, and that are backed up."""
    known = Catalog.from_json(compile_catalog()).databases.values()
    return [one for one in known if one.secret and one.name in NAMES]


def wait_until_filled(state: StateDir) -> Facts:
    """Wait until the server answers and has its rows; return where it is."""
    deadline = time.monotonic() + PATIENCE_S
    with step("Filling the databases of the demo"):
        while time.monotonic() < deadline:
            facts = read_facts(state)
            if facts and all(answers(facts, name) for name in NAMES):
                return facts
            time.sleep(POLL_S)
        raise StepFailedError(
            f"the databases are not there after {PATIENCE_S:.0f} s",
            log=state.log(SERVICE),
            advice="read the log; `make run` waits again, `make run` after `make clean` makes them anew",
        )


def answers(facts: Facts, name: str) -> bool:
    """Return whether the backup's role can connect to the database ``name``."""
    try:
        psycopg.connect(facts.dsn(BACKUP, name)).close()
    except psycopg.OperationalError:
        return False
    return True


def ensure_secrets(state: StateDir, facts: Facts) -> None:
    """Put how to connect into Secrets Manager, for each database, unless somebody set it to a place elsewhere."""
    secrets = cloud.client(state, "secretsmanager")
    with step("Telling the backups where the databases are"):
        for one in catalogued():
            put_secret(secrets, SECRET_PREFIX + one.secret, facts.secret(one.name))


def put_secret(secrets: Any, name: str, content: dict[str, Any]) -> None:
    """Store ``content`` as the secret ``name``; one that names a host off this machine stays."""
    try:
        known = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        secrets.create_secret(Name=name, SecretString=json.dumps(content))
        return
    if known != content and known.get("host") == LOOPBACK:
        secrets.put_secret_value(SecretId=name, SecretString=json.dumps(content))

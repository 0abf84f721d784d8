"""Starting the local cloud under its supervisor, and talking to it."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import boto3
from botocore.config import Config

from local.console import StepFailedError, step
from local.processes import Identity, is_alive
from local.services import CREDENTIALS, base_environment
from local.state import REGION, ROOT, StateDir, choose_ports, remembered_ports
from local.stop import stop

START_TIMEOUT_S = 60.0
POLL_S = 0.1


LONGEST_CALL_S = 310  # a little more than any function may run


def client(state: StateDir, service: str) -> Any:
    """Return a boto3 client of the local cloud, with the rights of the account's root."""
    return _client(state, service, Config(retries={"total_max_attempts": 5, "mode": "standard"}))


def patient_client(state: StateDir, service: str) -> Any:
    """Return one that waits as long as a function may run, and asks once."""
    return _client(state, service, Config(read_timeout=LONGEST_CALL_S, retries={"total_max_attempts": 1}))


def _client(state: StateDir, service: str, config: Config) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=remembered_ports(state).aws_url,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=config,
    )


def is_supervised(state: StateDir) -> bool:
    """Return whether a supervisor of this state directory runs."""
    recorded = state.read("supervisor")
    return bool(recorded) and is_alive(Identity(**recorded))


def want(state: StateDir, *names: str) -> None:
    """Tell the supervisor which services to keep running."""
    state.write("wanted", {"services": list(names)})


def is_ready(state: StateDir) -> bool:
    """Return whether the emulator answers."""
    try:
        with urllib.request.urlopen(f"{remembered_ports(state).aws_url}/_ministack/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def start(state: StateDir, *names: str) -> None:
    """Start the supervisor with ``names``, or have the running one keep them, and wait until the cloud answers."""
    if not is_supervised(state):
        stop(state)  # what a killed supervisor left
        choose_ports(state)
        want(state, *names)
        with state.log("supervisor").open("ab") as log:
            subprocess.Popen(
                [sys.executable, "-m", "local.supervisor", str(state.root)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=base_environment(state),
                start_new_session=True,
            )
    want(state, *names)
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_ready(state):
        if time.monotonic() > deadline:
            raise StepFailedError(
                "the emulator does not answer",
                log=state.log("cloud"),
                advice="`make stop`, then `make run`; if it stays, `make clean` starts from nothing",
            )
        time.sleep(POLL_S)


def ensure_running(state: StateDir, *names: str) -> None:
    """Show a step while the cloud starts."""
    with step("Starting the local cloud"):
        start(state, *names)


def checkpoint(state: StateDir) -> None:
    """Have the cloud save everything now."""
    request = urllib.request.Request(f"{remembered_ports(state).aws_url}/_opsloop/checkpoint", method="POST")
    with urllib.request.urlopen(request, timeout=120) as answer:
        json.load(answer)


def environment(state: StateDir) -> dict[str, str]:
    """Return what makes an AWS tool started by us talk to the local cloud, whatever profile the user has."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    endpoint = {"AWS_ENDPOINT_URL": remembered_ports(state).aws_url, "AWS_EC2_METADATA_DISABLED": "true"}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return kept | CREDENTIALS | endpoint | nowhere | {"AWS_REGION": REGION}

"""The processes of a local cloud: what is started, with which environment."""

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local.opensearch.build import command
from local.state import LOOPBACK, REGION, ROOT, TOOLS, VENV, StateDir, remembered_ports

ORDER = ("opensearch", "database", "sink", "cloud", "pump", "demo")  # started in this order, ended in reverse
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}


@dataclass(frozen=True)
class Service:
    """One process that the supervisor keeps running."""

    name: str
    command: list[str]
    environment: dict[str, str]
    prepare: Callable[[], None] = lambda: None


def base_environment(state: StateDir) -> dict[str, str]:
    """Return an environment in which nothing of the user's is visible: no profile, proxy, PYTHONPATH, pip setting."""
    home = state.root / "home"
    home.mkdir(parents=True, exist_ok=True)
    return {"PATH": f"{VENV / 'bin'}:/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "PYTHONUNBUFFERED": "1"}


def client_environment(state: StateDir) -> dict[str, str]:
    """Return the environment of a process that talks to the local cloud by AWS clients."""
    endpoint = {"AWS_ENDPOINT_URL": remembered_ports(state).aws_url, "AWS_EC2_METADATA_DISABLED": "true"}
    return base_environment(state) | CREDENTIALS | endpoint


def cloud(state: StateDir) -> Service:
    """Return the emulator: AWS endpoint and front door."""
    ports = remembered_ports(state)
    scratch = state.cloud / "tmp"
    environment = base_environment(state) | {
        "GATEWAY_PORT": str(ports.aws),
        "BIND_HOST": "127.0.0.1",
        "AUTH": "true",  # each function runs under its own role, so a missing grant fails here too
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state.cloud / "shared"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state.cloud / "s3"),
        "TMPDIR": str(scratch),  # pid file and unpacked functions: not shared with another checkout
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "SMTP_HOST": f"{LOOPBACK}:{ports.smtp}",  # where SES hands its mails on: to the sink
        "MINISTACK_REGION": REGION,
        **CREDENTIALS,
    }

    def forget_unpacked_functions() -> None:
        if scratch.exists():  # a gigabyte of small files: moved away now, removed while the cloud starts
            scratch.rename(scratch.with_name(f"tmp-{time.time_ns()}"))
        for old in state.cloud.glob("tmp-*"):
            threading.Thread(target=shutil.rmtree, args=(old,), kwargs={"ignore_errors": True}, daemon=True).start()
        scratch.mkdir(parents=True)
        (state.cloud / "shared").mkdir(parents=True, exist_ok=True)

    python = TOOLS / "venv-cloud" / "bin" / "python"
    command = [str(python), "-m", "local.cloud", str(state.cloud), str(ports.aws), str(ports.door)]
    return Service("cloud", command, environment, forget_unpacked_functions)


def pump(state: StateDir) -> Service:
    """Return the reader of streams that invokes the functions mapped to them."""
    return Service("pump", [str(VENV / "bin" / "python"), "-m", "local.pump"], client_environment(state))


def sink(state: StateDir) -> Service:
    """Return what takes mails and Slack posts."""
    words = [str(VENV / "bin" / "python"), "-m", "local.sink", "--state-dir", str(state.root)]
    return Service("sink", words, base_environment(state))


def database(state: StateDir) -> Service:
    """Return the PostgreSQL of the demonstration shop."""
    words = [str(VENV / "bin" / "python"), "-m", "local.database", "--state-dir", str(state.root)]
    return Service("database", words, base_environment(state))


def demo(state: StateDir) -> Service:
    """Return the demonstration shop with its load generator."""
    command = [str(VENV / "bin" / "python"), "-m", "local.demo", "--state-dir", str(state.root)]
    return Service("demo", command, client_environment(state))


def opensearch(state: StateDir) -> Service:
    """Return the node of OpenSearch, where the state directory searches in one."""
    chosen = state.read("search")
    words = command(Path(chosen["built"]), state.root / "opensearch", int(chosen["port"]), java=chosen["java"])
    return Service("opensearch", words, base_environment(state))


BUILDERS: dict[str, Callable[[StateDir], Service]] = {
    "opensearch": opensearch,
    "database": database,
    "sink": sink,
    "cloud": cloud,
    "pump": pump,
    "demo": demo,
}


def working_directory() -> Path:
    """Return where services start, so that `-m local...` finds us without PYTHONPATH, which functions would inherit."""
    return ROOT

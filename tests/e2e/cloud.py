"""The local cloud of a test run: one for all end-to-end tests, whatever folder they are in.

``OPSLOOP_E2E_STATE_DIR`` names a folder whose cloud keeps running between runs (faster); without it one is made for
this run and taken away afterwards.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.deployment import Deployment

ROOT = Path(__file__).parents[2]


def _local(module: str, state_dir: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", module, "--state-dir", str(state_dir), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


@pytest.fixture(scope="session")
def deployment() -> Iterator["Deployment"]:
    """The deployed whole. Its module is loaded where a cloud is wanted, for it brings boto3."""
    from tests.e2e.deployment import Deployment

    kept = os.environ.get("OPSLOOP_E2E_STATE_DIR")
    with tempfile.TemporaryDirectory(prefix="opsloop-e2e-", ignore_cleanup_errors=True) as scratch:
        state_dir = Path(kept) if kept else Path(scratch)
        Path(scratch).chmod(0o711)  # a PostgreSQL that restores runs as nobody, in the cloud's temporary folder
        try:
            _local("local.run", state_dir, "--no-demo")
            yield Deployment.read(state_dir)
        finally:
            if not kept:
                _local("local.stop", state_dir)

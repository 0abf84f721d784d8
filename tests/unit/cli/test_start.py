"""The command starts without loading what only some of its commands need."""

import os
import subprocess
import sys

import pytest

from tests.unit.cli.conftest import Run

HEAVY = ("rich", "requests", "urllib.request", "http.client", "ssl", "botocore", "boto3", "pynamodb", "numpy",
         "opsloop.telemetry", "opsloop.adapters")  # fmt: skip


def loaded_after(statement: str) -> set[str]:
    script = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    return set(done.stdout.split())


def test_importing_the_command_loads_nothing_heavy():
    loaded = loaded_after("import opsloop_cli.main")
    assert "opsloop_cli.commands.keys" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_check_sees_a_heavy_import():
    assert not loaded_after("import opsloop_cli.main, opsloop_cli.client").isdisjoint(HEAVY)


@pytest.mark.parametrize("command", ["status", "services", "kpi", "send"])
def test_every_command_has_examples_in_its_help(run: Run, command: str):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"opsloop {command}" in result.stdout


def test_the_help_tells_the_exit_codes(run: Run):
    assert "4 not allowed" in run("--help").stdout

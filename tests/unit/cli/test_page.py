"""docs/cli.md tells of every command and every exit code."""

from pathlib import Path

import pytest

from opsloop_cli.failure import ExitCode

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")


COMMANDS = ("status", "services", "kpi", "send", "keys create", "keys list", "keys revoke")
TELEMETRY = ("services --senders", "telemetry explain", "telemetry cardinality")
BACKUP = tuple(
    f"backup {name}" for name in ("take", "verify", "list", "history", "restore", "drill", "request", "hold")
)
QUARANTINE = ("quarantine list", "quarantine show", "quarantine replay")


@pytest.mark.parametrize("command", [*COMMANDS, *TELEMETRY, *QUARANTINE, *BACKUP])
def test_the_page_has_each_command(command: str):
    assert f"| `opsloop {command}" in PAGE


@pytest.mark.parametrize("code", list(ExitCode))
def test_the_page_has_each_exit_code(code: ExitCode):
    assert f"\n| {int(code)} | " in PAGE

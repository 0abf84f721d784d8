"""An engine without any PostgreSQL for ``opsloop backup``: it says what a test tells it, and notes what was done."""

# ruff: noqa: ARG002 - the methods have the signatures of the real engine

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from opsloop.adapters.postgres_recover import Restored
from opsloop.backup.document import manifest_json, to_bytes
from opsloop.backup.model import Finding, Manifest, Verdict, Verification
from opsloop.backup.restore_plan import Target
from opsloop_cli import backup_engine
from opsloop_cli.backup_files import keep_attempt, manifest_path
from tests.unit.backup.test_restore_plan import TARGET
from tests.unit.backup.test_shelf import MANIFEST, attempt

BODY = b"x" * 1000
SHA256 = "44f8354494a5ba03ba1792a8d3e9c534c47a9181980fde7a3f44b06ef2ae7c7f"  # by sha256sum
RESTORED = Restored(is_complete=True, errors=(), harmless=())


@dataclass
class FakeEngine:
    """What the target is, how the restore ends, what the comparison finds; ``done`` is what was asked for, in order."""

    target: Target = TARGET
    restored: Restored | BaseException = RESTORED
    findings: tuple[Finding, ...] = ()
    verification: Verification = field(default_factory=lambda: attempt(Verdict.PROVEN))
    done: list[Any] = field(default_factory=list)

    def read_target(self, dsn: str) -> Target:
        return self.target

    def create_database(self, dsn: str, manifest: Manifest | None) -> str:
        self.done.append("create")
        return ""

    def create_roles(self, dsn: str, names: Iterable[str]) -> None:
        self.done.append(("roles", *names))

    def drop_database(self, dsn: str) -> None:
        self.done.append("drop")

    def analyze(self, dsn: str) -> None:
        self.done.append("analyze")

    def restore(self, path: Path, dsn: str, *, jobs: int, no_owner: bool, bars: Any) -> Restored:
        self.done.append(("restore", path.read_bytes(), jobs, no_owner))
        if isinstance(self.restored, BaseException):
            raise self.restored
        return self.restored

    def compare(
        self, dsn: str, manifest: Manifest, ignored: Collection[str]
    ) -> tuple[tuple[Finding, ...], dict[str, int]]:
        self.done.append(("compare", *ignored))
        return self.findings, {"tables": 1, "rows": 7}

    def verify(self, file: Path, manifest: Manifest | None, wanted: Any, bars: Any) -> Verification:
        self.done.append(("verify", manifest, wanted))
        return replace(self.verification, dump_bytes=file.stat().st_size)


def installed(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Return an engine that stands for PostgreSQL from now on."""
    fake = FakeEngine()
    names = (
        *("read_target", "create_database", "create_roles", "drop_database", "analyze"),
        *("restore", "compare", "verify"),
    )
    for name in names:
        monkeypatch.setattr(backup_engine, name, getattr(fake, name))
    return fake


def shelve(folder: Path, taken_at: datetime, verdict: Verdict | None, *, is_ours: bool = True) -> Path:
    """Put a dump on the shelf, with its manifest if it is ours, verified with ``verdict``; return its file."""
    folder.mkdir(exist_ok=True)
    path = folder / f"shop-{taken_at:%Y%m%dT%H%M%SZ}.dump"
    path.write_bytes(BODY)
    if is_ours:
        manifest = replace(MANIFEST, taken_at=taken_at, sha256=SHA256, dump_bytes=len(BODY))
        manifest_path(path).write_bytes(to_bytes(manifest_json(manifest)))
    if verdict is not None:
        keep_attempt(path, replace(attempt(verdict), sha256=SHA256))
    return path

"""The command run in a directory with a local cloud that is a fake."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from opsloop_cli.main import app
from tests.unit.cli.fake_api import FakeApi, serving

KEYS = {f"{scope}_key": f"opsloop_000000000000_{scope}" for scope in ("ingest", "read", "admin")}

Run = Callable[..., Result]


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with serving() as fake:
        yield fake


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return ``run("kpi", "web")``: no profile, no environment, an empty directory."""
    for name in ("OPSLOOP_URL", "OPSLOOP_KEY", "OPSLOOP_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPSLOOP_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env=environment)

    return invoke


@pytest.fixture
def local(api: FakeApi, run: Run, tmp_path: Path) -> Run:
    """Return ``run`` in a folder below one that has a local cloud."""
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "stack.json").write_text(json.dumps({"api_url": api.url, **KEYS}))
    return run

"""What every test may use: sample events, a Lambda context, and handlers imported as Lambda imports them."""

import base64
import gc
import importlib.util
import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.e2e.cloud import deployment
from tests.everything import custom, source
from tests.postgres import debian_server, dumped, embedded_server, fresh_database, source_database
from tests.scratch import use_memory
from tests.verifying import canary, verifying

__all__ = ["deployment"]  # of the end-to-end tests here and in tests/browser
__all__ += [
    "canary",
    "custom",
    "debian_server",
    "dumped",
    "embedded_server",
    "fresh_database",
    "source",
    "source_database",
    "verifying",
]  # of backups

gc.set_threshold(20_000, 20, 50)  # eight thousand tests are long-lived: looking through them is a tenth of the time
use_memory()  # before workers are started, and before anything asks for a folder

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = ROOT / "functions"
EVENTS = ROOT / "events"
NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)  # when sample requests arrive


@dataclass
class FakeContext:
    """A Lambda context; change ``remaining_ms`` to run a function out of time."""

    function_name: str = "opsloop-test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:opsloop-test"
    aws_request_id: str = "5f2d3a6e-0000-4000-8000-000000000001"
    remaining_ms: int = 20_000

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still run."""
        return self.remaining_ms


@pytest.fixture
def context() -> FakeContext:
    """Return a Lambda context with 20 seconds left."""
    return FakeContext()


@pytest.fixture(scope="session")
def event() -> Callable[[str], dict[str, Any]]:
    """Return ``event("telemetry_receive/traces_protobuf")``: the sample event of that function and case, fresh."""

    def load(case: str) -> dict[str, Any]:
        sample: dict[str, Any] = json.loads((EVENTS / f"{case}.json").read_text(encoding="utf-8"))
        return sample

    return load


@pytest.fixture(scope="session")
def http_event() -> Callable[..., dict[str, Any]]:
    """Return ``http_event("GET", "/v1/kpis", query="service=web", token=...)``: an API Gateway event, payload 2.0."""
    return make_http_event


def make_http_event(
    method: str,
    path: str,
    *,
    query: str = "",
    headers: dict[str, str] | None = None,
    body: bytes | str = b"",
    token: str = "",
    cookies: list[str] | None = None,
    now: datetime = NOW,
) -> dict[str, Any]:
    """Return the event of one request; a body of bytes is handed on in base64, as the gateway does.

    Cookies are listed beside the headers, without one of their own, as API Gateway does.
    """
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    if token:
        sent["authorization"] = f"Bearer {token}"
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": sent,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": sent.get("user-agent", ""),
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1_000),
        },
        "isBase64Encoded": isinstance(body, bytes),
    }
    if cookies:
        event["cookies"] = cookies
    if body:
        event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return event


@pytest.fixture
def load_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """Return ``load_handler("kpi_query", KPI_TABLE="kpi")``: the function's module, imported afresh.

    Keyword arguments become environment variables first. All modules are called ``handler``, so each is kept under a
    name of its own, and its clients, caches and settings are made anew for every test.
    """
    names: list[str] = []

    def load(function: str, **environment: str) -> ModuleType:
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", function.partition("_")[0])
        monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Opsloop")
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        logging.root.manager.loggerDict.pop(function.partition("_")[0], None)  # it holds the last test's stdout
        name = f"{function}_handler"
        spec = importlib.util.spec_from_file_location(name, FUNCTIONS / function / "handler.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up
        names.append(name)
        spec.loader.exec_module(module)
        return module

    yield load
    gc.unfreeze()  # what a handler's cold start put aside
    for name in names:
        sys.modules.pop(name, None)

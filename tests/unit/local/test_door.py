"""The front door: what reaches the API, and what is answered before it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from local.cloud.door import MAX_BODY_BYTES, Door

PORT = 8080


class Api:
    """Stands for the emulator: keeps the scope and body that it was given."""

    def __init__(self) -> None:
        self.scope: Any = None
        self.body = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        self.body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


def call(
    door: Door, *chunks: bytes, path: str = "/v1/traces", headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.replace(" ", "%20").encode(),
        "query_string": b"x=1",
        "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        "server": ("127.0.0.1", PORT),
    }
    waiting = [
        {"type": "http.request", "body": chunk, "more_body": number + 1 < len(chunks)}
        for number, chunk in enumerate(chunks or (b"",))
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(door(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def door(api: Api, tmp_path: Path) -> Door:
    (tmp_path / "door.json").write_text('{"api_id": "abc123"}')
    return Door(api, tmp_path / "door.json")


def test_before_a_deployment_the_door_answers_503_with_a_problem(api, tmp_path):
    status, problem = call(Door(api, tmp_path / "door.json"), b"x")
    assert (status, problem["status"], problem["title"]) == (503, 503, "Service Unavailable")
    assert api.scope is None


def test_the_door_opens_when_the_first_deployment_is_done(api, tmp_path):
    door = Door(api, tmp_path / "door.json")
    call(door, b"x")
    (tmp_path / "door.json").write_text('{"api_id": "abc123"}')
    assert call(door, b"x")[0] == 200


def test_a_request_reaches_the_default_stage_of_the_api_under_its_own_path(door, api):
    assert call(door, b"body", path="/v1/a b")[0] == 200
    assert api.scope["path"] == "/_aws/execute-api/abc123/$default/v1/a b"
    assert api.scope["raw_path"] == b"/_aws/execute-api/abc123/$default/v1/a%20b"
    assert api.scope["query_string"] == b"x=1"
    assert api.body == b"body"


def test_a_chunked_body_arrives_whole_with_its_length(door, api):
    call(door, b"one ", b"two ", b"three", headers={"transfer-encoding": "chunked"})
    headers = dict(api.scope["headers"])
    assert api.body == b"one two three"
    assert headers[b"content-length"] == b"13"
    assert b"transfer-encoding" not in headers


def test_headers_by_which_the_emulator_picks_a_service_do_not_pass(door, api):
    call(door, b"x", headers={"host": "evil.s3.localhost", "x-amz-target": "DynamoDB_20120810.ListTables"})
    headers = dict(api.scope["headers"])
    assert headers[b"host"] == f"127.0.0.1:{PORT}".encode()
    assert b"x-amz-target" not in headers


def test_the_callers_own_headers_pass(door, api):
    call(door, b"x", headers={"authorization": "Bearer k", "content-encoding": "gzip"})
    assert {(b"authorization", b"Bearer k"), (b"content-encoding", b"gzip")} <= set(api.scope["headers"])


def test_a_body_at_the_limit_passes_and_one_byte_more_is_refused_as_by_an_http_api(door, api):
    assert call(door, bytes(MAX_BODY_BYTES))[0] == 200
    api.scope = None
    assert call(door, bytes(MAX_BODY_BYTES), b"x") == (413, {"message": "Request Entity Too Large"})
    assert api.scope is None

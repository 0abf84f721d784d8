"""Compressed bodies are handed to functions in base64, all others as before."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from local.cloud import bodies


def gateway() -> Any:
    """Return what MiniStack's module of HTTP APIs looks like where a body becomes part of an event."""
    module = SimpleNamespace(_v2_request_body_is_text=lambda kind: kind == "application/json")

    async def hand_over(_integration, _api, _stage, _path, _method, headers, body, **_more):
        await asyncio.sleep(0)
        return "text" if module._v2_request_body_is_text(headers["content-type"]) else "base64"

    module._invoke_lambda_proxy = hand_over
    return module


def hand_over(module: Any, *encodings: str | None) -> list[str]:
    async def all_at_once() -> list[str]:
        calls = []
        for encoding in encodings:
            headers = {"content-type": "application/json"} | (
                {} if encoding is None else {"content-encoding": encoding}
            )
            calls.append(module._invoke_lambda_proxy({}, "api", "$default", "/", "POST", headers, b"..."))
        return await asyncio.gather(*calls)

    return asyncio.run(all_at_once())


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "zstd"])
def test_compressed_json_is_handed_over_in_base64(encoding: str):
    module = gateway()
    assert hand_over(module, encoding) == ["text"]  # which destroys it
    bodies.install(module)
    assert hand_over(module, encoding) == ["base64"]


def test_other_bodies_are_handed_over_as_before_also_beside_compressed_ones():
    module = gateway()
    bodies.install(module)
    assert hand_over(module, "gzip", None, "deflate", "identity", "", "gzip") == [
        "base64",
        "text",
        "base64",
        "text",
        "text",
        "base64",
    ]

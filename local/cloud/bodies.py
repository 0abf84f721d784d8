"""Compressed request bodies reach functions whole: in base64, whatever their content type.

API Gateway hands JSON to functions as text, and so does MiniStack, also JSON that a sender compressed: its bytes would
not survive. What AWS does with those is not known to us; the receiver answers either way (docs/deploying.md).
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

_PLAIN = ("", "identity")


def install(apigateway: Any) -> None:
    """Let ``apigateway`` (MiniStack's module of HTTP APIs) hand compressed bodies over in base64."""
    hand_over, is_text = apigateway._invoke_lambda_proxy, apigateway._v2_request_body_is_text
    compressed: ContextVar[bool] = ContextVar("compressed", default=False)

    async def hand_over_whole(
        integration: Any,
        api_id: str,
        stage: str,
        path: str,
        method: str,
        headers: Mapping[str, str],
        *rest: Any,
        **more: Any,
    ) -> Any:
        token = compressed.set(headers.get("content-encoding", "").strip().lower() not in _PLAIN)
        try:
            return await hand_over(integration, api_id, stage, path, method, headers, *rest, **more)
        finally:
            compressed.reset(token)

    apigateway._invoke_lambda_proxy = hand_over_whole
    apigateway._v2_request_body_is_text = lambda kind: not compressed.get() and is_text(kind)

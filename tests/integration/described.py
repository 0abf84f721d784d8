"""Answers compared with the API description that is served."""

import base64
import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from stacks.constructs.openapi_build import compile_openapi


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(compile_openapi())
    return document


def as_described(method: str, path: str, answer: dict[str, Any]) -> Any:
    """Return the body of a handler's answer, after checking that its status, type and shape are described.

    ``path`` is written as in the description (``/v1/keys/{key_id}``). Bodies that are not JSON are returned as bytes.
    """
    described = _document()["paths"][path][method.lower()]["responses"][str(answer["statusCode"])]
    if "$ref" in described:
        described = _document()["components"]["responses"][described["$ref"].rpartition("/")[2]]
    if "content" not in described:
        assert answer["body"] == ""
        return None
    schema = described["content"][answer["headers"]["content-type"]]["schema"]
    if "json" not in answer["headers"]["content-type"]:
        return base64.b64decode(answer["body"])
    body = json.loads(answer["body"])
    Draft202012Validator({**schema, "components": _document()["components"]}, format_checker=FormatChecker()).validate(
        body
    )
    return body

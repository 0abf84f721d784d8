"""Answers compared with the API description that is served."""

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from stacks.constructs.openapi_build import compile_openapi


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(compile_openapi())
    return document


def check_answer(path: str, answer: dict[str, Any]) -> Any:
    """Return the body of a handler's answer to GET ``path`` after comparing it with what is described."""
    described = _document()["paths"][path]["get"]["responses"][str(answer["statusCode"])]
    if "$ref" in described:
        described = _document()["components"]["responses"][described["$ref"].rpartition("/")[2]]
    (content_type,) = described["content"]
    assert answer["headers"]["content-type"] == content_type
    body = json.loads(answer["body"])
    schema = {**described["content"][content_type]["schema"], "components": _document()["components"]}
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(body)
    return body

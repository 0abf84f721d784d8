"""The fragments of all capabilities make one valid OpenAPI 3.1 document, which describes every route."""

import json
import re
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from stacks.constructs.openapi_build import API, compile_openapi
from stacks.constructs.yaml_source import SourceError

ROOT = Path(__file__).parents[3]
ROUTE = re.compile(r'"((?:GET|HEAD|POST|PUT|PATCH|DELETE) /[^"]*)"')


def fragments(tmp_path: Path, **texts: str) -> Path:
    (tmp_path / "_base.yaml").write_text((API / "_base.yaml").read_text())
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def test_the_document_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(json.loads(compile_openapi())).validate()


def test_the_validator_would_find_a_response_without_a_description() -> None:
    document = json.loads(compile_openapi())
    del document["components"]["responses"]["Problem"]["description"]
    assert list(OpenAPIV31SpecValidator(document).iter_errors())


def test_every_route_of_the_stacks_is_described_and_no_other() -> None:
    routed = {route for path in ROOT.glob("stacks/*_stack.py") for route in ROUTE.findall(path.read_text())}
    routed = {route.replace("+}", "}") for route in routed}  # OpenAPI knows no word for "and whatever follows"
    paths = json.loads(compile_openapi())["paths"]
    described = {
        f"{method.upper()} {path}" for path, item in paths.items() for method in item if method != "parameters"
    }
    assert described == routed


def test_fragments_are_merged(tmp_path: Path) -> None:
    one = "paths:\n  /a: {get: {responses: {}}}\ncomponents:\n  schemas: {A: {}}\n"
    two = "paths:\n  /a: {post: {responses: {}}}\n  /b: {get: {responses: {}}}\n"
    document = json.loads(compile_openapi(fragments(tmp_path, one=one, two=two), root=tmp_path))
    assert {path: sorted(item) for path, item in document["paths"].items()} == {"/a": ["get", "post"], "/b": ["get"]}
    assert set(document["components"]["schemas"]) == {"A", "Problem"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "components:\n  schemas:\n    Problem: {}\n",
            "two.yaml:3:5: components.schemas.Problem: already described in another file; keep one",
        ),
        (
            "paths:\n  /a:\n    get: {}\n",
            "two.yaml:3:5: paths./a.get: already described in another file; keep one",
        ),
        ("info: {}\n", "two.yaml:1:1: info: a fragment holds only components, paths, tags"),
    ],
)
def test_two_descriptions_of_one_thing_are_refused(text: str, expected: str, tmp_path: Path) -> None:
    folder = fragments(tmp_path, one="paths:\n  /a: {get: {}}\n", two=text)
    with pytest.raises(SourceError) as caught:
        compile_openapi(folder, root=tmp_path)
    assert caught.value.faults == [expected]

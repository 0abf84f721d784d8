"""The table of STYLE.md section 1: who may import whom; and what else a module must not reach for."""

import ast
from pathlib import Path

import pytest

from tests.unit.architecture.imports import PACKAGE, ROOT, breaches, capabilities

SOURCES = sorted(
    path
    for pattern in ("app.py", "stacks/**/*.py", "functions/*/*.py", "layers/core/python/opsloop/**/*.py")
    for path in ROOT.glob(pattern)
)
ENVIRONMENT_READERS = {  # our settings; AWS's own variables, as boto3 reads them; what libpq must not read
    "layers/core/python/opsloop/runtime/settings.py",
    "layers/core/python/opsloop/adapters/aws_environment.py",
    "layers/core/python/opsloop/adapters/postgres_alone.py",
}
WALL_CLOCK = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time")}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def calls(tree: ast.Module) -> set[tuple[str, str]]:
    """Return (object, attribute) of every attribute of a plain name."""
    return {
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_module_imports_only_what_its_place_allows(path: Path) -> None:
    assert list(breaches(path.read_text(encoding="utf-8"), name_of(path))) == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("layers/core/python/opsloop/kpi/rollup.py", "import boto3"),
        ("layers/core/python/opsloop/kpi/rollup.py", "from opsloop.adapters.kpi_table import KpiTable"),
        ("layers/core/python/opsloop/kpi/rollup.py", "from opsloop import runtime"),
        ("layers/core/python/opsloop/kpi/rollup.py", "from opsloop.telemetry.wire import walk"),
        ("layers/core/python/opsloop/kpi/rollup.py", "from aws_lambda_powertools import Logger"),
        ("layers/core/python/opsloop/kpi/rollup.py", "from .model import Page"),
        ("layers/core/python/opsloop/adapters/bus.py", "from opsloop.adapters.kpi_table import KpiTable"),
        ("layers/core/python/opsloop/adapters/bus.py", "import opsloop_catalog"),
        ("layers/core/python/opsloop/adapters/catalog_layer.py", "import opsloop_site"),
        ("layers/core/python/opsloop/runtime/http.py", "from opsloop.adapters import access_table"),
        ("layers/core/python/opsloop/clock.py", "from opsloop.kpi.model import Page"),
        ("functions/kpi_query/handler.py", "import boto3"),
        ("functions/kpi_query/handler.py", "from functions.kpi_rollup.handler import settings"),
        ("functions/kpi_query/handler.py", "import helpers"),
        ("stacks/kpi_stack.py", "from opsloop.kpi.model import Page"),
        ("stacks/kpi_stack.py", "from functions.kpi_query import handler"),
        ("app.py", "import opsloop"),
    ],
)
def test_a_forbidden_import_would_be_found(file: str, line: str) -> None:
    assert len(list(breaches(f"{line}\n", file))) == 1


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("layers/core/python/opsloop/kpi/rollup.py", "from opsloop.telemetry.model import Block"),
        ("layers/core/python/opsloop/kpi/rollup.py", "import numpy as np"),
        ("layers/core/python/opsloop/adapters/bus.py", "import boto3"),
        ("layers/core/python/opsloop/adapters/bus.py", "from opsloop.adapters.aws_client import AwsError"),
        ("functions/kpi_query/handler.py", "from opsloop.adapters.kpi_table import KpiTable"),
        ("stacks/kpi_stack.py", "from stacks.constructs.layers import layer_names"),
    ],
)
def test_an_allowed_import_is_allowed(file: str, line: str) -> None:
    assert list(breaches(f"{line}\n", file)) == []


def test_packages_hold_a_docstring_and_no_code() -> None:
    for path in PACKAGE.glob("opsloop/**/__init__.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert len(body) == 1, name_of(path)
        assert isinstance(body[0], ast.Expr), name_of(path)


def test_the_environment_is_touched_in_three_places() -> None:
    for path in SOURCES:
        if not name_of(path).startswith(("functions/", "layers/")) or name_of(path) in ENVIRONMENT_READERS:
            continue
        found = calls(ast.parse(path.read_text(encoding="utf-8")))
        assert not found & {("os", "environ"), ("os", "getenv")}, name_of(path)


def test_pure_code_does_not_read_the_wall_clock() -> None:
    for word in capabilities():
        for path in (PACKAGE / "opsloop" / word).rglob("*.py"):
            assert not calls(ast.parse(path.read_text(encoding="utf-8"))) & WALL_CLOCK, name_of(path)


def test_a_function_is_its_handler_alone() -> None:
    files = {path.name for path in ROOT.glob("functions/*/*") if path.name != "__pycache__"}
    assert files == {"handler.py"}

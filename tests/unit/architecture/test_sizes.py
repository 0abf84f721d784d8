"""What a reader at 3 a.m. must take in at once stays small."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = sorted(
    path
    for pattern in (
        "app.py",
        "stacks/**/*.py",
        "functions/*/*.py",
        "layers/core/**/*.py",
        "cli/**/*.py",
        "local/**/*.py",
    )
    for path in ROOT.glob(pattern)
)
MODULE_LINES, FUNCTION_LINES = 400, 60


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def long_functions(source: str) -> list[str]:
    return [
        f"{node.name} in line {node.lineno}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > FUNCTION_LINES
    ]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_modules_and_functions_stay_short(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MODULE_LINES
    assert long_functions(source) == []


def test_a_long_function_would_be_found() -> None:
    body = "\n".join(f"    a{number} = {number}" for number in range(FUNCTION_LINES))
    assert long_functions(f"def long():\n{body}\n") == ["long in line 1"]

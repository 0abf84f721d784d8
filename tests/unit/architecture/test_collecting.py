"""Collecting the tests starts nothing: each worker imports all of their modules, and runs a few of them."""

import ast
import re
from pathlib import Path

import pytest

from tests.unit.architecture.imports import ROOT

TESTS = sorted((ROOT / "tests").rglob("*.py"))
DEAR = {"aws_cdk", "cdk_nag", "constructs", "cfnlint"}  # the first three start a Node; 2 s of every worker
OURS = re.compile(rf"^(?:from|import) (?:stacks|app|{'|'.join(DEAR)})\b", re.MULTILINE)


def imported_at_once(source: str) -> set[str]:
    """Return the modules that ``source`` names outside of functions; ``from a import b`` names a and a.b."""
    found: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return found


def dear(source: str, seen: set[str]) -> set[str]:
    """Return the dear packages that importing ``source`` loads, through modules of ``stacks`` as well."""
    found: set[str] = set()
    if not OURS.search(source):
        return found
    for module in imported_at_once(source) - seen:
        seen.add(module)
        file = ROOT.joinpath(*module.split(".")).with_suffix(".py")
        if module.partition(".")[0] in DEAR:
            found.add(module.partition(".")[0])
        elif module.partition(".")[0] in {"stacks", "app"} and file.exists():
            found |= dear(file.read_text(encoding="utf-8"), seen)
    return found


def test_no_test_loads_aws_cdk_or_cfn_lint_before_it_runs() -> None:
    found = {str(path.relative_to(ROOT)): dear(path.read_text(encoding="utf-8"), set()) for path in TESTS}
    assert {file: packages for file, packages in found.items() if packages} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import aws_cdk",
        "from aws_cdk import Stack",
        "from stacks.constructs import layer_versions",
        "from stacks.constructs.larger_runner import CONTAINER",
        "import app",
        "from cfnlint.api import lint",
    ],
)
def test_a_line_that_loads_them_would_be_found(line: str) -> None:
    assert dear(f"import os\n{line}\n", set())
    assert not dear(f"def use():\n    {line}\n", set())


def test_what_stacks_has_without_them_may_be_imported() -> None:
    lines = Path(__file__).with_name("test_layer_imports.py").read_text(encoding="utf-8")
    assert "from stacks.constructs.layers import" in lines
    assert not dear(lines, set())

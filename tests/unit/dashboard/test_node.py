"""What Node checks of the console: its types, strictly, and its unit tests. What it says is shown where it fails."""

import subprocess
from pathlib import Path

import pytest

from local.browser import console_packages
from local.site import SOURCES, node

TSC = Path("node_modules") / "typescript" / "bin" / "tsc"
BROKEN = "export const wrong: number = 'seven';\n"
FAILING = """
import { strictEqual } from "node:assert";
import { test } from "node:test";
test("one is two", () => strictEqual(1, 2));
"""


@pytest.fixture(scope="module", autouse=True)
def _packages() -> None:
    console_packages()


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Node in the console's folder, with both of its outputs in one text."""
    command = [str(part) for part in (node(), *arguments)]
    return subprocess.run(
        command, cwd=SOURCES, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300
    )


def run_tests(*files: Path) -> subprocess.CompletedProcess[str]:
    """Run test files; a list that is empty would have Node look for tests in all of node_modules."""
    assert files
    return run("--test", "--test-reporter=spec", *files)


def check_types(project: Path) -> subprocess.CompletedProcess[str]:
    """Check the types of a project, without its libraries' own declarations."""
    return run(TSC, "--noEmit", "--project", project)


def test_types_fit_everywhere():
    done = check_types(SOURCES / "tsconfig.json")
    assert done.returncode == 0, done.stdout


def test_unit_tests_pass():
    done = run_tests(*sorted((SOURCES / "tests").rglob("*.test.ts")))
    assert done.returncode == 0, done.stdout
    assert "skipped 0\n" in done.stdout
    assert "todo 0\n" in done.stdout


def test_checks_of_types_are_strict():
    told = run(TSC, "--showConfig", "--project", SOURCES / "tsconfig.json").stdout
    for option in ("strict", "noUncheckedIndexedAccess", "exactOptionalPropertyTypes"):
        assert f'"{option}": true' in told


def test_a_wrong_type_is_found(tmp_path: Path):
    (tmp_path / "tsconfig.json").write_text(f'{{"extends": "{SOURCES}/tsconfig.json", "include": ["."]}}')
    (tmp_path / "wrong.ts").write_text(BROKEN)
    done = check_types(tmp_path / "tsconfig.json")
    assert done.returncode != 0
    assert "TS2322" in done.stdout


def test_a_failing_test_is_shown_by_its_name(tmp_path: Path):
    failing = tmp_path / "failing.test.ts"
    failing.write_text(FAILING)
    done = run_tests(failing)
    assert done.returncode != 0
    assert "one is two" in done.stdout

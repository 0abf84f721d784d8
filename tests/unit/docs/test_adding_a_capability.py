"""The page on adding a capability is true: done in a copy of the repository, it gives one that passes its tests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.docs.capability_page import PAGE, ROOT, Step, steps

COPIED = (
    "app.py",
    "cdk.json",
    "pyproject.toml",
    "requirements.txt",
    "README.md",
    "Makefile",
    "LICENSE",
    "CHANGELOG.md",
)
COPIED += ("docs", "events", "functions", "layers", "stacks", "tests", "cli", "local", "bench")
# The example's own, and those that look at all capabilities. The handlers with their layers alone are left to
# `make test-fast`: that test runs every handler.
TESTS = (
    "tests/unit/feedback",
    "tests/integration/test_feedback.py",
    "tests/unit/architecture/test_functions.py",
    "tests/unit/architecture/test_generated_docs.py",
    "tests/unit/architecture/test_imports.py",
    "tests/unit/catalog/test_openapi_build.py",
    "tests/unit/docs/test_links.py",
    "tests/unit/stacks/test_functions.py",
    "tests/unit/stacks/test_state_stack.py",
    "tests/integration/test_health.py::test_the_sample_schedule_finds_every_dependency_at_work",
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository in which the page was followed."""
    folder = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in COPIED:
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, folder / name, ignore=ignored)
        else:
            shutil.copy2(place, folder / name)
    todo = steps(PAGE.read_text(encoding="utf-8"))
    for step in todo:
        step.undo(folder)
    for step in todo:
        step.do(folder)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_capability_added_by_the_page_is_like_the_others(copy: Path) -> None:
    assert run(copy, "stacks.generate_docs").returncode == 0
    for arguments in (("ruff", "check", "--no-cache", "."), ("ruff", "format", "--no-cache", "--check", ".")):
        done = run(copy, *arguments)
        assert done.returncode == 0, done.stdout
    done = run(copy, "pytest", "-p", "no:cacheprovider", "-k", "not local", *TESTS)  # the templates of prod are enough
    assert done.returncode == 0, done.stdout[-5_000:]


def test_the_page_edits_nothing_but_the_state_stack_its_test_and_the_app() -> None:
    page = PAGE.read_text(encoding="utf-8")
    edited = {step.path for step in steps(page) if step.anchor}
    assert edited == {"stacks/state_stack.py", "tests/unit/stacks/test_state_stack.py", "app.py"}
    assert [step.path for step in steps(page) if not step.anchor and "feedback" not in step.path] == []


def test_every_file_that_the_page_names_in_bold_is_a_step() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("\n**`") == len(steps(page))


def test_a_line_that_is_not_there_or_there_twice_and_a_file_that_is_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("a\nb\na\n")
    for anchor in ("a", "c"):
        with pytest.raises(ValueError, match=r"app.py has the line"):
            Step("app.py", anchor, "x\n").do(tmp_path)
    with pytest.raises(FileExistsError):
        Step("app.py", "", "x\n").do(tmp_path)
    inserted = Step("app.py", "b", "x\n")
    inserted.do(tmp_path)
    assert (tmp_path / "app.py").read_text() == "a\nb\nx\na\n"
    inserted.undo(tmp_path)
    assert (tmp_path / "app.py").read_text() == "a\nb\na\n"

"""What is deployed as a function's code."""

import subprocess
import sys
from pathlib import Path

import pytest

from stacks.constructs import function_build
from stacks.constructs.function_build import build_function
from stacks.constructs.layer_build import PYTHONS, RUNNING, Target, machine_architecture

HERE = Target(RUNNING, machine_architecture(), is_this_machine=True)
OTHER = Target(next(python for python in PYTHONS if python != RUNNING), "arm64")


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "functions" / "say").mkdir(parents=True)
    (tmp_path / "functions" / "say" / "handler.py").write_text('"""Say it."""\nWORD = "one"\n')
    (tmp_path / "functions" / "say" / "notes.txt").write_text("not code")
    monkeypatch.setattr(function_build, "FUNCTIONS", tmp_path / "functions")
    return tmp_path


def said(folder: Path) -> str:
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); import handler; print(handler.WORD)"
    done = subprocess.run([sys.executable, "-I", "-S", "-B", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_functions_code_is_its_handler_and_bytecode_that_python_takes_without_asking_the_source(functions: Path):
    folder = build_function("say", HERE, functions / "build")
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == [f"__pycache__/handler.{sys.implementation.cache_tag}.pyc", "handler.py"]
    (folder / "handler.py").write_text('WORD = "two"\n')
    assert said(folder) == "one"
    (folder / files[0]).unlink()
    assert said(folder) == "two"


def test_another_python_compiles_the_handler_itself(functions: Path):
    folder = build_function("say", OTHER, functions / "build")
    assert [path.name for path in folder.iterdir()] == ["handler.py"]


def test_other_code_lies_in_another_folder_and_the_same_code_in_the_same(functions: Path):
    first = build_function("say", HERE, functions / "build")
    assert build_function.__wrapped__("say", HERE, functions / "build") == first
    (functions / "functions" / "say" / "handler.py").write_text('WORD = "three"\n')
    assert build_function.__wrapped__("say", HERE, functions / "build") != first

"""Layers hold what their lists say, are named by their content, and ship bytecode for the version that runs them."""

import importlib.util
import marshal
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stacks.constructs import layer_build
from stacks.constructs.bytecode import compile_folder
from stacks.constructs.layer_build import (
    LAYERS,
    LOCK,
    RUNNING,
    THIRD_PARTY,
    LayerBuildError,
    Target,
    build_layer,
    content_hash,
    machine_architecture,
    pinned,
    requirements_with_hashes,
)
from stacks.constructs.layers import BRINGS, LAMBDA_RUNTIME, NEEDS, layer_names
from stacks.constructs.numpy_trim import PUT_OFF, TrimError, put_off, trim_numpy

HERE = Target(RUNNING, machine_architecture(), is_this_machine=True)
OTHER = next(python for python in layer_build.PYTHONS if python != RUNNING)
UNCHECKED_HASH = b"\x01\x00\x00\x00"  # PEP 552: hash-based, source not checked


def listed(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s\\;]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", THIRD_PARTY)
def test_a_layer_pins_the_versions_that_developers_use(name: str) -> None:
    lock = listed(LOCK.read_text())
    pins = listed((LAYERS / name / "requirements.txt").read_text())
    assert pins
    assert pins.items() <= lock.items()


def test_the_list_for_an_old_glibc_names_the_same_packages() -> None:
    usual = pinned("numeric", Target("3.13", "arm64"))
    old = pinned("numeric", Target("3.11", "arm64"))
    assert old != usual
    assert listed(old.read_text()).keys() == listed(usual.read_text()).keys()


def test_the_local_cloud_runs_the_usual_list_on_every_version() -> None:
    assert pinned("numeric", Target("3.11", "arm64", is_this_machine=True)).name == "requirements.txt"


def test_every_package_is_installed_by_hash() -> None:
    lock = "numpy==2.4.6 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nother==1 \\\n    --hash=sha256:cc\n"
    text = requirements_with_hashes("# why\nnumpy==2.4.6\n", lock)
    assert text == "# why\nnumpy==2.4.6 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"


def test_a_version_that_developers_do_not_use_is_refused() -> None:
    with pytest.raises(LayerBuildError, match=r"numpy==2\.4\.5 is in a layer's list but not in requirements\.txt"):
        requirements_with_hashes("numpy==2.4.5\n", "numpy==2.4.6 \\\n    --hash=sha256:aa\n")


@pytest.mark.parametrize("name", ["core", "catalog"])
def test_the_same_files_make_the_same_layer(name: str, tmp_path: Path) -> None:
    first = build_layer(name, HERE, tmp_path / "one")
    second = build_layer(name, HERE, tmp_path / "two")
    assert first.name == second.name == f"{name}-{content_hash(name, HERE)}"
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert files
    for file in files:
        assert (first / file).read_bytes() == (second / file).read_bytes(), file


def test_other_content_or_another_target_makes_another_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "core" / "python" / "opsloop"
    package.mkdir(parents=True)
    (package / "one.py").write_text("A = 1\n")
    monkeypatch.setattr(layer_build, "LAYERS", tmp_path)
    before = content_hash("core", HERE)
    assert content_hash("core", Target(OTHER, "arm64")) != before
    (package / "one.py").write_text("A = 2\n")
    assert content_hash("core", HERE) != before


def test_bytecode_is_not_checked_against_the_source_whose_date_is_lost(tmp_path: Path) -> None:
    core = build_layer("core", HERE, tmp_path)
    sources = list(core.rglob("*.py"))
    assert sources
    for source in sources:
        compiled = Path(importlib.util.cache_from_source(str(source))).read_bytes()
        assert compiled[4:8] == UNCHECKED_HASH, source


def test_no_bytecode_is_made_for_another_version_and_this_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    core = build_layer("core", Target(OTHER, "arm64"), tmp_path)
    assert not list(core.rglob("*.pyc"))
    assert f"this is Python {RUNNING} and the functions run {OTHER}" in capsys.readouterr().err


def test_core_holds_our_package_and_nothing_else(tmp_path: Path) -> None:
    python = build_layer("core", HERE, tmp_path) / "python"
    assert [path.name for path in python.iterdir()] == ["opsloop"]


@pytest.mark.parametrize("name", THIRD_PARTY)
def test_a_layer_holds_what_it_may_bring_without_boto3_and_tests(name: str) -> None:
    python = build_layer(name, HERE) / "python"
    held = {path.name.partition(".")[0] for path in python.iterdir()}
    assert BRINGS[name] <= held
    assert not held & (LAMBDA_RUNTIME - {"jmespath"})
    assert not [path for path in python.rglob("tests") if ".dist-info" not in path.as_posix()]


def test_layers_fit_into_a_function_with_room_to_spare() -> None:
    size = sum(path.stat().st_size for name in THIRD_PARTY for path in build_layer(name, HERE).rglob("*"))
    assert size < 200_000_000  # Lambda unpacks at most 262,144,000 bytes


@pytest.mark.parametrize(("python", "architecture"), [("3.10", "arm64"), ("3.13", "amd64")])
def test_what_lambda_does_not_run_is_refused(python: str, architecture: str) -> None:
    with pytest.raises(LayerBuildError, match="one of"):
        Target(python, architecture)


def test_the_table_gives_a_new_function_the_runtime_layer_alone() -> None:
    assert "slo_gate" not in NEEDS
    assert layer_names("slo_gate") == ("core", "catalog", "runtime")


def test_bytecode_has_no_docstrings_and_keeps_the_code(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text('"""Doc."""\n\n\ndef two():\n    """Doc."""\n    return "kept"\n')
    compile_folder(tmp_path, as_path="/opt/python")
    code = marshal.loads(Path(importlib.util.cache_from_source(str(tmp_path / "one.py"))).read_bytes()[16:])  # noqa: S302 -- made above
    space: dict[str, Any] = {}
    exec(code, space)  # noqa: S102 -- what was compiled above
    assert (space.get("__doc__"), space["two"].__doc__, space["two"]()) == (None, None, "kept")
    assert code.co_filename == "/opt/python/one.py"


def in_built_numpy(script: str) -> str:
    """Return what ``script`` prints in a fresh process with the numeric layer alone."""
    numeric = str(build_layer("numeric", HERE) / "python")
    command = [sys.executable, "-I", "-S", "-B", "-c", f"import sys\nsys.path.insert(0, {numeric!r})\n{script}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_is_replaced_in_numpy_leaves_it_whole() -> None:
    script = """
import numpy, numpy.fft, numpy.linalg, numpy.ma, numpy.polynomial, numpy.random, numpy.typing
numpy.typing.NDArray[numpy.int64]
print(numpy.ma.array([1]))
"""
    assert in_built_numpy(script) == "[1]"


def test_numpy_does_not_load_at_its_start_what_is_put_off() -> None:
    loaded = in_built_numpy("import numpy; print(*sorted(sys.modules))").split()
    assert "numpy" in loaded
    assert set(loaded) & set(PUT_OFF) == set()


@pytest.mark.parametrize(
    ("use", "printed"),
    [
        ("np.polyfit([0.0, 1.0, 2.0], [1.0, 3.0, 5.0], 1).round(6).tolist()", "[2.0, 1.0]"),
        ("np.roots([1, -3, 2]).round(6).tolist()", "[2.0, 1.0]"),
        ("np.linalg.inv([[2.0, 0.0], [0.0, 4.0]]).tolist()", "[[0.5, 0.0], [0.0, 0.25]]"),
        ("(np.asmatrix([[1, 1], [0, 1]]) ** 3).tolist()", "[[1, 3], [0, 1]]"),
        ("np.asmatrix('1 2; 3 4').tolist()", "[[1, 2], [3, 4]]"),
        ("pickle.loads(np.array([1, 2]).dumps()).tolist()", "[1, 2]"),
        ("pickle.loads(pickle.dumps(np.array([1, 2]))).tolist()", "[1, 2]"),
        ("kept(np.array([{'a': 1}], dtype=object)).tolist()", "[{'a': 1}]"),
        ("np.dtype('2i4, (2,3)f8').itemsize", "56"),
        (
            "np.ctypeslib.as_array(np.array([1, 2]).ctypes.data_as(ctypes.POINTER(ctypes.c_long)), (2,)).tolist()",
            "[1, 2]",
        ),
        ("np.array([1, 2, 3]).ctypes.shape_as(ctypes.c_long)[0]", "3"),
        ("np.concatenate([np.arange(2), np.arange(2)]).tolist()", "[0, 1, 0, 1]"),
        ("np.lib.format.header_data_from_array_1_0(np.zeros(3))['shape']", "(3,)"),
    ],
)
def test_what_is_put_off_is_there_when_it_is_used(use: str, printed: str) -> None:
    script = f"""
import ctypes, io, pickle
import numpy as np
def kept(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    file.seek(0)
    return np.load(file, allow_pickle=True)
print({use})
"""
    assert in_built_numpy(script) == printed


def test_imports_are_put_off_where_they_stand_alone() -> None:
    source = "import ast\nimport math\ntry:\n    import ctypes\nexcept ImportError:\n    ctypes = None\n"
    source += "from numpy.linalg import inv, lstsq\n# import pickle\n"
    given = {"numpy._later": SimpleNamespace(Module=lambda name: ("later", name), function=lambda *place: place)}
    space: dict[str, Any] = {"__builtins__": {"__import__": lambda name, *_: given.get(name, name)}}
    exec(put_off(source), space)  # noqa: S102 -- our own source
    del space["__builtins__"]
    assert {name: space[name] for name in ("ast", "math", "ctypes", "inv", "lstsq")} == {
        "ast": ("later", "ast"),
        "math": "math",
        "ctypes": ("later", "ctypes"),
        "inv": ("numpy.linalg", "inv"),
        "lstsq": ("numpy.linalg", "lstsq"),
    }


def test_a_numpy_without_a_file_that_is_to_be_changed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrimError, match=r"numpy has no _add_newdocs\.py any more"):
        trim_numpy(tmp_path)


def test_two_who_want_the_same_layer_build_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    fill = layer_build._fill

    def slow(name: str, target: Target, python: Path) -> None:
        built.append(name)
        fill(name, target, python)
        threading.Event().wait(0.2)  # so that the other one comes meanwhile

    monkeypatch.setattr(layer_build, "_fill", slow)
    both = threading.Barrier(2)

    def build() -> Path:
        both.wait()
        return build_layer.__wrapped__("catalog", HERE, tmp_path)

    with ThreadPoolExecutor(2) as pool:
        first, second = (one.result() for one in [pool.submit(build), pool.submit(build)])
    assert first == second
    assert (built, first.is_dir()) == (["catalog"], True)

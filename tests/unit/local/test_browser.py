"""The test browser: which one is taken, and that it is unpacked once, whole, whoever asks at the same time."""

import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from local import browser
from local.browser import FONT_FILES, FONTS, PACKED, Installed, ensure_browser, is_packed_for, mark_of
from local.console import StepFailedError
from local.state import ROOT
from local.steps.tools import node_home

PACK = """
import { readFileSync, writeFileSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';
for (const path of process.argv.slice(1)) writeFileSync(`${path}.br`, brotliCompressSync(readFileSync(path)));
"""
PROGRAM = "#!/bin/sh\necho a browser\n"
CHILD = """
import sys
from pathlib import Path
from local import browser
print(browser._unpacked(Path(sys.argv[1]), Path(sys.argv[2])).program)
"""


def tar_of(name: str, content: bytes) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A ``node_modules`` with both packages, each file of them small."""
    made = tmp_path / "node_modules"
    packed, fonts = made / PACKED, made / FONTS
    packed.mkdir(parents=True)
    fonts.mkdir(parents=True)
    contents = {"chromium": PROGRAM.encode(), "al2023.tar": tar_of("lib/libnss3.so", b"library")}
    contents |= {"swiftshader.tar": tar_of("libEGL.so", b"library"), "fonts.tar": tar_of("fonts/a.ttf", b"font")}
    for name, content in contents.items():
        (packed / name).write_bytes(content)
    pack = [node_home() / "bin" / "node", "--input-type=module", "--eval", PACK, *(packed / name for name in contents)]
    subprocess.run(pack, check=True)
    for name in FONT_FILES:
        (fonts / name).write_bytes(b"font")
    for owner in (packed.parent, fonts.parent):
        (owner / "package.json").write_text(json.dumps({"version": "1.0.0"}))
    return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "browser"


def test_the_package_runs_on_linux_with_intel_processors_alone():
    assert is_packed_for("Linux", "x86_64")
    assert not is_packed_for("Linux", "aarch64")
    assert not is_packed_for("Darwin", "x86_64")


def test_what_is_unpacked_is_a_program_with_its_libraries_and_fonts(packages: Path, home: Path):
    made = browser._unpacked(packages, home)
    assert (
        subprocess.run([made.program], env=made.environment, capture_output=True, check=True).stdout == b"a browser\n"
    )
    assert (Path(made.environment["LD_LIBRARY_PATH"]) / "libnss3.so").read_bytes() == b"library"
    listed = Path(made.environment["FONTCONFIG_FILE"]).read_text()
    for folder in ("fonts", "dejavu"):
        assert str(made.program.parent / folder) in listed
        assert any((made.program.parent / folder).iterdir())


def test_processes_that_ask_at_the_same_time_get_one_browser(packages: Path, home: Path):
    command = [sys.executable, "-c", CHILD, packages, home]
    children = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = [child.communicate()[0] for child in children]
    assert [child.returncode for child in children] == [0, 0, 0]
    assert sum("Unpacking" in one for one in told) == 1
    assert len({one.splitlines()[-1] for one in told}) == 1


def test_a_newer_package_replaces_the_older_one(packages: Path, home: Path):
    old = browser._unpacked(packages, home).program
    (packages / PACKED.parent / "package.json").write_text(json.dumps({"version": "2.0.0"}))
    new = browser._unpacked(packages, home).program
    assert new.exists()
    assert not old.exists()


def test_a_broken_package_leaves_nothing_that_looks_unpacked(packages: Path, home: Path):
    (packages / PACKED / "fonts.tar.br").write_bytes(b"no brotli")
    with pytest.raises(StepFailedError, match="fonts"):
        browser._unpacked(packages, home)
    assert not (home / mark_of(packages, home)).exists()
    assert [path.name for path in home.iterdir()] == ["lock"]


def test_a_named_browser_comes_first():
    made = ensure_browser({"OPSLOOP_BROWSER": sys.executable, "LANG": "C"})
    assert made == Installed(Path(sys.executable), {"OPSLOOP_BROWSER": sys.executable, "LANG": "C"})


def test_a_named_browser_that_is_not_there_is_an_error_with_its_name():
    with pytest.raises(StepFailedError, match="no/such/browser"):
        ensure_browser({"OPSLOOP_BROWSER": "/no/such/browser"})


@pytest.mark.parametrize("name", ["chromium", "google-chrome"])
def test_elsewhere_an_installed_browser_is_taken(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / name
    program.write_text(PROGRAM)
    program.chmod(0o755)
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ensure_browser({}).program == program


def test_where_no_browser_can_be_had_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(StepFailedError) as caught:
        ensure_browser({})
    assert "riscv64" in str(caught.value)
    assert "OPSLOOP_BROWSER=" in caught.value.advice

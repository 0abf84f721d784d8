"""First step of every `make` target, with the standard library alone: `python3 local/bootstrap.py`.

Makes `.venv` from requirements.txt (by hash) with this project in it, unless it is there already. The path of the
interpreter that runs this is the one that `.venv` uses, and functions run on in the local cloud.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".installed"
LOG = ROOT / ".local" / "logs" / "install.log"
OLDEST, NEWEST = (3, 11), (3, 14)
SAY_EVERY_S = 10.0


def wanted() -> str:
    """Return a hash of what decides about the environment."""
    digest = hashlib.sha256(f"{sys.version} {ROOT}".encode())
    for name in ("requirements.txt", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def check_python() -> None:
    """End with an explanation when this Python is not one that AWS Lambda runs."""
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        sys.exit(
            f"opsloop needs Python 3.11 to 3.14, and `{sys.executable}` is {version[0]}.{version[1]}.\n"
            "What to do: install one of them and name it: make PYTHON=python3.11 run"
        )


def call(command: list[str], title: str) -> None:
    """Run ``command``, its output in the log, saying every few seconds how long it has taken."""
    started, done = time.monotonic(), threading.Event()

    def tick() -> None:
        while not done.wait(SAY_EVERY_S):
            print(f"  {title} ... {time.monotonic() - started:.0f} s", flush=True)

    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    with LOG.open("ab") as output:
        status = subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
    done.set()
    ticker.join()
    if status != 0:
        print("\n".join(f"  | {line}" for line in LOG.read_text(errors="replace").splitlines()[-15:]))
        sys.exit(
            f"Failed: {title} (exit status {status})\nLog: {LOG}\n"
            "What to do: check that the package index can be reached, then run the same command again"
        )
    print(f"✓ {title} ({time.monotonic() - started:.1f} s)", flush=True)


def install() -> None:
    """Make the environment from nothing."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(VENV, ignore_errors=True)
    python = str(VENV / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    call([sys.executable, "-m", "venv", str(VENV)], "Making .venv")
    call([*pip, "--require-hashes", "-r", str(ROOT / "requirements.txt")], "Installing the pinned packages")
    call([*pip, "--no-deps", "-e", str(ROOT)], "Installing opsloop itself")
    STAMP.write_text(wanted())


def main() -> None:
    """Make sure that `.venv` is there and right."""
    check_python()
    if os.name != "posix":
        sys.exit("opsloop runs on Linux and macOS (on Windows: in WSL).")
    if not (STAMP.exists() and STAMP.read_text() == wanted()):
        install()


if __name__ == "__main__":
    main()

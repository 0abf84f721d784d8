"""``make fuzz SECONDS=600``: fuzz the reading of records; guided by coverage if atheris can be installed.

What is found lies in ``.build/fuzz/crashes``: the smallest input for each fault, and what went wrong. Once it is
repaired, the input belongs into ``tests/fuzz/corpus``, named by what it is; ``make test`` replays all of that.
"""

import os
import subprocess
import sys
from pathlib import Path

from local.bootstrap import Environment, InstallError
from tests.fuzz.loop import Findings, run
from tests.fuzz.seeds import ROOT, corpus

BUILD = ROOT / ".build" / "fuzz"
CRASHES = BUILD / "crashes"


def main() -> int:
    """Fuzz for the seconds given; return 1 if anything was found."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    CRASHES.mkdir(parents=True, exist_ok=True)
    for old in CRASHES.iterdir():
        old.unlink()
    python = _environment_with_atheris()
    if python is None:
        _without_coverage(seconds)
    else:
        command = [str(python), "-m", "tests.fuzz.guided", str(seconds), str(BUILD / "corpus"), str(CRASHES)]
        path = os.pathsep.join(str(ROOT / part) for part in (".", "layers/core/python", "cli"))
        environment = {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
            print(f"The fuzzer ended early; what it was busy with is in {CRASHES.relative_to(ROOT)}.")
            return 1
    found = sorted(CRASHES.glob("*.txt"))
    print(f"{len(found)} findings" + (f" in {CRASHES.relative_to(ROOT)}" if found else ""))
    return 1 if found else 0


def _without_coverage(seconds: int) -> None:
    findings = Findings(CRASHES)
    done = run(seconds, findings, seed=int.from_bytes(os.urandom(4), "big"), first=[p.read_bytes() for p in corpus()])
    print(f"{done} inputs in {seconds} s")
    for detail in findings.details.values():
        print(f"  {detail[:300]}")


def _environment_with_atheris() -> Path | None:
    """Return the Python of an environment with atheris and the packages of this one; None if it cannot be had."""
    BUILD.mkdir(parents=True, exist_ok=True)
    folder = ROOT / ".build" / "fuzz-venv"
    listed = ROOT / "tests" / "fuzz" / "requirements.txt"
    environment = Environment("installing atheris", folder, listed, BUILD / "install.log")
    if not environment.is_ready():
        try:
            environment.install()
        except InstallError as error:
            print(f"{error}\nWithout atheris: fuzzing by random changes, not guided by coverage.")
            return None
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    ours = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    (folder / "lib" / version / "site-packages" / "opsloop-packages.pth").write_text(f"{ours}\n")
    return folder / "bin" / "python"


if __name__ == "__main__":
    sys.exit(main())

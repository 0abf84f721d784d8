"""`make lock`: pin every list of packages anew, with hashes. Versions come from the *.in files."""

import subprocess
import sys
import tempfile
from pathlib import Path

from local.state import ROOT

LISTS = ("requirements.in", "local/requirements.in")
UV = "uv==0.13.8"  # resolves for every platform and Python at once, which pip cannot
OPTIONS = ("--generate-hashes", "--no-header", "--no-emit-index-url", "--no-emit-find-links", "--universal")


def main() -> None:
    """Write requirements.txt beside each requirements.in."""
    with tempfile.TemporaryDirectory() as scratch:
        tools = Path(scratch) / "tools"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(tools), UV]
        subprocess.run(pip, check=True)
        for name in LISTS:
            listed = ROOT / name
            target = listed.with_suffix(".txt")
            command = [str(tools / "bin" / "uv"), "pip", "compile", "--quiet", *OPTIONS, "--python-version", "3.11"]
            subprocess.run([*command, str(listed.relative_to(ROOT)), "-o", str(target)], check=True, cwd=ROOT)
            print(f"{target.relative_to(ROOT)} is pinned")


if __name__ == "__main__":
    main()

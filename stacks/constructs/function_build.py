"""A function's code as it is deployed: its ``handler.py``, and that compiled, since Lambda compiles at each cold start.

Lambda's code folder cannot be written, so a handler without bytecode is compiled anew each time: 3 to 4 ms.
"""

import hashlib
import shutil
import tempfile
from functools import cache
from pathlib import Path

from stacks.constructs.bytecode import compile_folder
from stacks.constructs.layer_build import ROOT, RUNNING, Target

FUNCTIONS = ROOT / "functions"
BUILD = ROOT / ".build" / "functions"


@cache
def build_function(name: str, target: Target, build: Path = BUILD) -> Path:
    """Return the folder with the code of the function ``name`` for ``target``, named by what is in it."""
    source = FUNCTIONS / name / "handler.py"
    is_compiled = target.python == RUNNING
    digest = hashlib.sha256(f"{RUNNING if is_compiled else ''}\n".encode() + source.read_bytes()).hexdigest()[:20]
    done = build / f"{name}-{digest}"
    if done.is_dir():
        return done
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build, prefix=f".{name}-") as scratch:
        folder = Path(scratch) / "code"
        folder.mkdir()
        shutil.copyfile(source, folder / "handler.py")
        if is_compiled:
            compile_folder(folder, as_path="/var/task")
        try:
            folder.rename(done)
        except OSError:
            if not done.is_dir():  # otherwise another synth has just built the same
                raise
    return done

"""Compile a layer's sources as ``python -OO`` does, into bytecode that Python takes without asking for the source.

Without docstrings, since nobody calls ``help()`` in a function and reading them back takes a tenth of numpy's import;
and without assertions, which our code has none of and numpy uses to check its docstrings.
The files are hash-based and unchecked (PEP 552): CDK rewrites dates, and a date that differs would have Python compile
everything anew at each cold start.
"""

import importlib.util
import marshal
from pathlib import Path

UNCHECKED_HASH = 0b01
AS_OO = 2


def compile_folder(folder: Path, *, as_path: str) -> None:
    """Write the bytecode of every module in ``folder``, which will lie at ``as_path``; raise ``SyntaxError``."""
    for path in sorted(folder.rglob("*.py")):
        source = path.read_bytes()
        name = f"{as_path}/{path.relative_to(folder).as_posix()}"
        code = compile(source, name, "exec", dont_inherit=True, optimize=AS_OO)
        header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH.to_bytes(4, "little")
        target = Path(importlib.util.cache_from_source(str(path), optimization=""))
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(header + importlib.util.source_hash(source) + marshal.dumps(code))

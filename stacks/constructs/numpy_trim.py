"""Take out of numpy's import what no function needs at its start; what is put off is still there when it is used.

- What serves readers and type checkers alone is replaced: docstrings added by hand, names of types.
- Modules for rare uses (pickling, parsing of text, ``inspect``, ``ctypes``, linear algebra) are loaded when first used.
- What numpy's developers check of their own functions at each import is left to them.

Together a quarter of numpy's import. A version of numpy that has no such statement is passed over, one that lost a
file is an error; a test starts the built layer and looks at what it loads and whether all of numpy still works.
"""

import re
from pathlib import Path

NAMES_OF_TYPES = """from typing import Any


class NDArray:
    def __class_getitem__(cls, item):
        return cls


ArrayLike = DTypeLike = NBitBase = Any
"""
REPLACED = {
    "numpy/_core/_add_newdocs.py": "",
    "numpy/_core/_add_newdocs_scalars.py": "",
    "numpy/_typing/__init__.py": NAMES_OF_TYPES,
    "numpy/typing/__init__.py": "from numpy._typing import ArrayLike, DTypeLike, NBitBase, NDArray\n",
}

PUT_OFF = ("ast", "ctypes", "inspect", "pickle", "platform", "textwrap", "numpy.linalg")
PUT_OFF_IN = (
    "numpy/_core/_internal.py",
    "numpy/_core/_methods.py",
    "numpy/_core/function_base.py",
    "numpy/_core/overrides.py",
    "numpy/lib/_format_impl.py",
    "numpy/lib/_npyio_impl.py",
    "numpy/lib/_polynomial_impl.py",
    "numpy/lib/_utils_impl.py",
    "numpy/lib/format.py",
    "numpy/matrixlib/defmatrix.py",
)
SOME_VERSIONS_ALONE = {"numpy/lib/_format_impl.py"}
LATER = '''"""Modules and functions that are loaded when they are first used."""

import sys


class Module:
    def __init__(self, name):
        self.put_off = name

    def __getattr__(self, attribute):
        __import__(self.put_off)
        return getattr(sys.modules[self.put_off], attribute)


def function(module, name):
    def call(*given, **named):
        return getattr(Module(module), name)(*given, **named)

    return call
'''
LATER_PLACE = "numpy/_later.py"
_MODULES = "|".join(map(re.escape, PUT_OFF))
_IMPORT = re.compile(rf"^( *)import ({_MODULES})$", re.M)
_IMPORT_FROM = re.compile(rf"^from ({_MODULES}) import ([\w, ]+)$", re.M)

CHECKS = {
    "numpy/_core/overrides.py": (
        ("        if verify:\n", "        if False:\n"),
        ("public_api.__signature__ = inspect.signature(dispatcher)", "pass"),
    )
}


class TrimError(Exception):
    """A numpy in which a file is missing that is to be changed."""


def trim_numpy(python: Path) -> None:
    """Change numpy in the folder ``python``; raise ``TrimError``."""
    for place, text in REPLACED.items():
        _read(python / place)
        (python / place).write_text(text, encoding="utf-8")
    for place in PUT_OFF_IN:
        if place in SOME_VERSIONS_ALONE and not (python / place).exists():
            continue
        (python / place).write_text(put_off(_read(python / place)), encoding="utf-8")
    for place, changes in CHECKS.items():
        text = _read(python / place)
        for old, new in changes:
            text = text.replace(old, new)
        (python / place).write_text(text, encoding="utf-8")
    (python / LATER_PLACE).write_text(LATER, encoding="utf-8")


def put_off(source: str) -> str:
    """Return ``source`` with the modules of ``PUT_OFF`` imported when they are first used."""
    return _IMPORT_FROM.sub(_later_functions, _IMPORT.sub(_later_module, source))


def _later_module(found: re.Match[str]) -> str:
    margin, name = found.groups()
    return f'{margin}from numpy._later import Module as _Module; {name} = _Module("{name}")'


def _later_functions(found: re.Match[str]) -> str:
    module, names = found.groups()
    made = [f'{name} = _later("{module}", "{name}")' for name in re.split(r", *", names)]
    return "; ".join(["from numpy._later import function as _later", *made])


def _read(path: Path) -> str:
    if not path.is_file():
        raise TrimError(f"numpy has no {path.name} any more; look again at what stacks/constructs/numpy_trim.py is for")
    return path.read_text(encoding="utf-8")

"""The dashboard layer: the console's files as they were built, found beside the package, never under /opt."""

import gzip
import os
from functools import cache

import opsloop_site

from opsloop.dashboard.site import COMPRESSED, is_worth_compressing

FOLDER = os.path.dirname(str(opsloop_site.__file__))
_OURS = ("__init__.py", "__pycache__")


@cache
def file_names() -> frozenset[str]:
    """Return the names of all files, with slashes, such as ``assets/console-0a1b2c3d4e5f.js``."""
    names = set()
    for folder, inner, files in os.walk(FOLDER):
        inner[:] = [name for name in inner if name not in _OURS]
        place = os.path.relpath(folder, FOLDER).replace(os.sep, "/")
        names |= {name if place == "." else f"{place}/{name}" for name in files if name not in _OURS}
    return frozenset(names)


@cache
def read_file(name: str) -> bytes:
    """Return a file's content; ``name`` is one of ``file_names``."""
    with open(os.path.join(FOLDER, *name.split("/")), "rb") as file:
        return file.read()


@cache
def read_compressed(name: str) -> bytes | None:
    """Return a file's content by gzip: as shipped, else compressed now and kept; None where that gains nothing."""
    if name + COMPRESSED in file_names():
        return read_file(name + COMPRESSED)
    if not is_worth_compressing(name):
        return None
    plain = read_file(name)
    packed = gzip.compress(plain, 9, mtime=0)
    return packed if len(packed) < len(plain) else None

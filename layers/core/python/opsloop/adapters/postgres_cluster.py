"""A fresh cluster without the second that initdb takes: made once per machine, kept, and copied.

What is kept is what initdb wrote, before anything of a dump was near it. It lies in the temporary folder, where only we
can read it, under a name that says what it was made by, with the password that its superuser begins with; every server
gives its own another one before it is used. A copy leaves out what most servers never need: making a thousand small
files can cost as much as restoring a small dump.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from opsloop.adapters.postgres_sandbox import runs_as

_FILE = "password"  # the name of a file
_TEMPLATES = ("1", "4")  # folders of template1 and template0, whose oids are the same from PostgreSQL 15 on
_MADE_AGAIN = ("_fsm", "_vm")  # files of free space and visibility, which PostgreSQL does without and makes anew


def name_of(*made_by: str) -> str:
    """Return the name of what is made by a version of initdb with those options."""
    return hashlib.sha256("\n".join(made_by).encode()).hexdigest()[:16]


def fresh(data: Path, name: str) -> str | None:
    """Copy the cluster kept under ``name`` to ``data``; return its superuser's password, None where none is kept.

    The files of template1 and template0 are not in it until ``complete``.
    """
    home = _home(name)
    try:
        if not _is_ours(home):
            return None
        password = (home / _FILE).read_text(encoding="ascii")
        shutil.copytree(home / "data", data, ignore=_not_needed, copy_function=shutil.copyfile)
        _give(data)
    except OSError:  # no room, or somebody is cleaning up: initdb says more
        shutil.rmtree(data, ignore_errors=True)
        return None
    return password


def complete(data: Path, name: str) -> None:
    """Add the files of template1 and template0 to a cluster made by ``fresh``: before anybody asks for them.

    Raises ``OSError`` when there is no room or the kept cluster is gone.
    """
    for template in _TEMPLATES:
        there = data / "base" / template
        if not there.is_dir():
            kept = _home(name) / "data" / "base" / template
            shutil.copytree(kept, there, ignore=_not_needed, copy_function=shutil.copyfile)
            _give(there)


def keep(data: Path, password: str, name: str) -> None:
    """Keep a cluster that initdb has just made, as far as there is room; of several at once one is kept."""
    home = _home(name)
    scratch = Path(tempfile.mkdtemp(prefix=f".{home.name}-", dir=home.parent))  # readable by us alone
    try:
        with suppress(OSError):
            shutil.copytree(data, scratch / "data", copy_function=shutil.copyfile)
            (scratch / _FILE).write_text(password, encoding="ascii")
            scratch.rename(home)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _not_needed(folder: str, names: Iterable[str]) -> set[str]:
    left_out = {name for name in names if name.endswith(_MADE_AGAIN)}
    return left_out.union(_TEMPLATES) if os.path.basename(folder) == "base" else left_out


def _home(name: str) -> Path:
    return Path(tempfile.gettempdir()) / f"opsloop-postgres-{os.geteuid()}-cluster-{name}"


def _is_ours(home: Path) -> bool:
    """Return whether it is there and was made by us: another user's folder of that name is never used."""
    try:
        found = home.lstat()
    except FileNotFoundError:
        return False
    return home.is_dir() and not home.is_symlink() and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _give(data: Path) -> None:
    """Give a cluster to the user who will run it, with the permissions that PostgreSQL demands."""
    user, group = runs_as()
    is_root = os.geteuid() == 0
    for folder, _folders, files in os.walk(data):
        os.chmod(folder, 0o700)
        if is_root:
            os.chown(folder, user, group)
            for name in files:
                os.chown(os.path.join(folder, name), user, group)

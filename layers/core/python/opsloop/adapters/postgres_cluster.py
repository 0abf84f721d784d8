"""A fresh cluster without the second that initdb takes: made once per machine, kept, and copied.

What is kept is what initdb wrote, before anything of a dump was near it. It lies in the temporary folder, where only we
can read it, under a name that says what it was made by, with the password that its superuser begins with; every server
gives its own another one before it is used. A copy leaves out what most servers never need: making a thousand small
files can cost as much as restoring a small dump.

A kept cluster that was changed is not used, and made anew: beside it lie its files' inodes, sizes and times of change,
which are compared after each copy, and a digest of what is in them, for when a server does not start. Where we are
root, nobody but root can write any of it. Elsewhere a server runs as we do, and could: who restores what strangers sent
calls ``trust_none_but_own`` first, and compares with what this process remembers. Nobody sets a time of change back.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from opsloop.adapters.postgres_sandbox import runs_as

_FILE, _SEAL, _DIGEST = "password", "seal", "digest"  # names of files
_TEMPLATES = ("1", "4")  # folders of template1 and template0, whose oids are the same from PostgreSQL 15 on
_PARTS = ("", *_TEMPLATES)  # what is copied at once: all but the templates, and each of these
_MADE_AGAIN = ("_fsm", "_vm")  # files of free space and visibility, which PostgreSQL does without and makes anew
_Seals = dict[str, list[str]]  # by name, those of all parts
_made_here: _Seals | None = None  # None: what any process of ours made is as good


def trust_none_but_own() -> None:
    """Use no cluster from now on but those that this process makes; for root nothing is different."""
    global _made_here
    if _made_here is None and os.geteuid() != 0:
        _made_here = {}


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
        _check(home, name)
        _give(data)
    except OSError:  # no room, or it is not whole any more: initdb says more
        shutil.rmtree(data, ignore_errors=True)
        with suppress(OSError):
            _check(home, name)
        return None
    return password


def is_damaged(name: str) -> bool:
    """Return whether the cluster kept under ``name`` is not what initdb wrote, and forget it if so. Reads all of it."""
    home = _home(name)
    try:
        is_whole = _is_ours(home) and (home / _DIGEST).read_text(encoding="ascii") == _digest(home)
    except OSError:
        is_whole = False
    if not is_whole:
        shutil.rmtree(home, ignore_errors=True)
    return not is_whole


def complete(data: Path, name: str) -> None:
    """Add the files of template1 and template0 to a cluster made by ``fresh``: before anybody asks for them.

    Raises ``OSError`` when there is no room, or the kept cluster is gone or was changed.
    """
    for template in _TEMPLATES:
        there = data / "base" / template
        if not there.is_dir():
            kept = _home(name) / "data" / "base" / template
            try:
                shutil.copytree(kept, there, ignore=_not_needed, copy_function=shutil.copyfile)
                _check(_home(name), name, template)
            except OSError:
                shutil.rmtree(there, ignore_errors=True)
                raise
            _give(there)


def keep(data: Path, password: str, name: str) -> None:
    """Keep a cluster that initdb has just made, as far as there is room; of several at once one is kept."""
    home = _home(name)
    scratch = Path(tempfile.mkdtemp(prefix=f".{home.name}-", dir=home.parent))  # readable by us alone
    try:
        with suppress(OSError):
            shutil.copytree(data, scratch / "data", copy_function=shutil.copyfile)
            (scratch / _FILE).write_text(password, encoding="ascii")
            (scratch / _DIGEST).write_text(_digest(scratch), encoding="ascii")
            seals = [_seal(scratch, part) for part in _PARTS]
            (scratch / _SEAL).write_text("\n".join(seals), encoding="ascii")
            if _made_here is not None:  # what another process left is in the way
                shutil.rmtree(home, ignore_errors=True)
            scratch.rename(home)
            if _made_here is not None:
                _made_here[name] = seals
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


def _check(home: Path, name: str, part: str = "") -> None:
    """Raise ``OSError`` if any of that part was changed, added or removed since it was kept, and forget it then."""
    try:
        is_whole = _seal(home, part) in _seals(home, name)
    except OSError:
        is_whole = False
    if not is_whole:
        shutil.rmtree(home, ignore_errors=True)
        raise OSError(f"{home} was changed")


def _seals(home: Path, name: str) -> list[str]:
    if _made_here is not None:
        return _made_here.get(name, [])
    return (home / _SEAL).read_text(encoding="ascii").split("\n")


def _seal(home: Path, part: str) -> str:
    """Return a digest of names, inodes, sizes, owners, permissions and times of what is copied, without reading it."""
    found = [part]
    for path in _copied(home, part):
        about = os.lstat(path)
        facts = (about.st_ino, about.st_size, about.st_mode, about.st_uid, about.st_mtime_ns, about.st_ctime_ns)
        found.append(f"{path[len(str(home)) :]} {facts}")
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def _digest(home: Path) -> str:
    """Return a digest of what is in the files that every server copies."""
    found = hashlib.sha256()
    for path in filter(os.path.isfile, _copied(home, "")):
        with open(path, "rb") as content:
            found.update(f"{path[len(str(home)) :]} {hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return found.hexdigest()


def _copied(home: Path, part: str) -> Iterator[str]:
    """Yield the paths of the password and of all folders and files that a part has, in order."""
    yield str(home / _FILE)
    for folder, folders, files in os.walk(home / "data" / "base" / part if part else home / "data"):
        left_out = _not_needed(folder, (*folders, *files))
        folders[:] = sorted(one for one in folders if one not in left_out)
        yield folder
        yield from (os.path.join(folder, one) for one in sorted(files) if one not in left_out)


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

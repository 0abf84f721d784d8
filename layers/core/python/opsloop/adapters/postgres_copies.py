"""Private copies of programs that cannot be run where they lie: unpacked without permission bits, or out of reach.

A copy is named by what it holds and made whole or not at all, so that any number of processes may ask at once and the
next one finds it done. It lies in the temporary folder and belongs to us: another user's folder of the same name is
never used. Everybody may read and run it (nobody has to, where we are root), only we may change it.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from opsloop.errors import PermanentError


class CopyRefusedError(PermanentError):
    """The temporary folder holds something of another user's by our name; the message names it."""


def digest_of(files: Mapping[Path, Path]) -> str:
    """Return a short name for what ``files`` (place in the copy -> source) hold."""
    digest = hashlib.sha256()
    for place, source in sorted(files.items()):
        with source.open("rb") as content:
            digest.update(f"{place} {hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def copied(title: str, digest: str, files: Mapping[Path, Path]) -> Path:
    """Return the folder in which ``files`` (place in it -> source) lie, copied now unless they are there.

    Symbolic links are followed, so the copy has none. Raises ``CopyRefusedError`` rather than use a folder that is not
    ours alone to change, ``OSError`` when the disk is full.
    """
    temporary = Path(tempfile.gettempdir())
    home = temporary / f"opsloop-postgres-{os.geteuid()}-{title}-{digest}"
    if _is_ours(home):
        return home
    scratch = Path(tempfile.mkdtemp(prefix=f".{home.name}-", dir=temporary))
    try:
        for place, source in files.items():
            _copy(source, scratch / place)
        for folder in [scratch, *(path for path in scratch.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)
        try:
            scratch.rename(home)
        except OSError:
            if not _is_ours(home):  # otherwise another process has just made the same
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return home


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if target.parent.name == "bin" or ".so" in target.name else 0o644)


def _is_ours(home: Path) -> bool:
    """Return whether the folder is there, ours, and nobody else's to change."""
    try:
        found = home.lstat()
    except FileNotFoundError:
        return False
    is_folder = home.is_dir() and not home.is_symlink()
    if not is_folder or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise CopyRefusedError(f"{home} is not a folder that only we can change; remove it")
    return True

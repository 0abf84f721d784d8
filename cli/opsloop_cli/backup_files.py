"""Dumps in a folder: written whole or not at all, and read with what lies beside them."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsloop.backup.model import MANIFEST_SUFFIX, Manifest, Verification
from opsloop.backup.shelf import ATTEMPTS_KEPT, PARTIAL_SUFFIX, VERIFICATION_SUFFIX, Shelved, format_of
from opsloop.errors import InvalidInputError
from opsloop_cli.failure import CommandError, ExitCode
from opsloop_cli.output import json_text, say

if TYPE_CHECKING:
    from typing import BinaryIO

    from opsloop_cli.context import Session

FORMAT = 1


class FileSink:
    """Takes the bytes of a dump: under a partial name, and as ``path`` once they and the manifest are on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = path.with_name(f".{path.name}{PARTIAL_SUFFIX}")
        self._stream: BinaryIO = self._partial.open("xb")
        self._made: tuple[Path, ...] = (self._partial,)

    def write(self, chunk: bytes) -> None:
        """Add ``chunk`` behind what was written."""
        self._stream.write(chunk)

    def abort(self) -> None:
        """Remove what was written; no file remains. Safe to call again."""
        with suppress(OSError):  # of a full disk: what is still in the buffer is not wanted either
            self._stream.close()
        for path in self._made:
            path.unlink(missing_ok=True)

    def finish(self, manifest: Manifest) -> None:
        """Make it the file, durably, its manifest first: after a crash there is all of it or nothing that counts."""
        from opsloop.backup.document import manifest_json

        with self._stream as stream:
            stream.flush()
            os.fsync(stream.fileno())
        beside = manifest_path(self.path)
        for path in (self.path, beside):
            if path.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        self._made = (self._partial, beside)
        write_json(beside, manifest_json(manifest))
        self._partial.rename(self.path)
        self._made = ()
        _sync(self.path.parent)


def write_json(path: Path, document: Any) -> None:
    """Write ``document`` so that a reader finds the old file or the new one, whole."""
    partial = path.with_name(f".{path.name}{PARTIAL_SUFFIX}")
    with partial.open("w", encoding="utf-8") as stream:
        stream.write(json_text(document) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
    _sync(path.parent)


def manifest_path(dump: Path) -> Path:
    """Return where the manifest of a dump lies."""
    return dump.with_name(dump.name + MANIFEST_SUFFIX)


def read_manifest_file(path: Path, *, is_needed: bool) -> Manifest | None:
    """Return the manifest in a file, None where there is no file and none is needed."""
    from opsloop.backup.document import manifest_from_bytes

    try:
        return manifest_from_bytes(path.read_bytes())
    except FileNotFoundError:
        if is_needed:
            raise CommandError(f"--manifest: there is no {path}", ExitCode.USAGE) from None
        return None
    except (OSError, InvalidInputError) as error:
        raise CommandError(f"{path} is no manifest of a dump: {error}", ExitCode.USAGE) from None


def read_attempts(dump: Path) -> tuple[Verification, ...]:
    """Return what came of verifying a dump, oldest first; nothing where that was never tried."""
    from opsloop.backup.document import read_verification

    path = dump.with_name(dump.name + VERIFICATION_SUFFIX)
    try:
        document = json.loads(path.read_bytes())
        return tuple(read_verification(one) for one in document["verifications"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError, InvalidInputError) as error:
        say(f"{path} cannot be read, so it proves nothing: {error}")
        return ()


def keep_attempt(dump: Path, attempt: Verification) -> Path | None:
    """Put a verification beside its dump, behind the earlier ones; None where that folder cannot be written to."""
    from opsloop.backup.document import verification_json

    kept = [*read_attempts(dump), attempt][-ATTEMPTS_KEPT:]
    path = dump.with_name(dump.name + VERIFICATION_SUFFIX)
    try:
        write_json(path, {"format": FORMAT, "verifications": [verification_json(one) for one in kept]})
    except OSError as error:
        say(f"the result is not kept: {path}: {error.strerror}")
        return None
    return path


def read_shelf(folder: Path) -> list[Shelved]:
    """Return every dump in ``folder`` and below, in no order."""
    if not folder.is_dir():
        raise CommandError(f"{folder} is no folder", ExitCode.USAGE)
    return [one for path in sorted(folder.rglob("*")) if (one := _shelved(path, folder)) is not None]


def folder_here(session: "Session") -> Path | None:
    """Return the folder that is meant where none is named and no opsloop is known to ask: this one or its ``backups``,
    whichever holds dumps; None where there is neither, or somebody to ask."""
    upwards = (session.directory, *session.directory.parents)
    is_known = session.url or session.profile or session.config.is_file()
    if is_known or any((one / ".local" / "stack.json").is_file() for one in upwards):
        return None
    for folder in (session.directory, session.directory / "backups"):
        if folder.is_dir() and any(format_of(one.name) is not None for one in folder.iterdir()):
            say(f"no opsloop is known here: these are the dumps of {folder}")
            return folder
    return None


def read_one(dump: Path) -> Shelved:
    """Return one dump by its file; whatever its name is."""
    try:
        state = dump.stat()
    except OSError as error:
        raise CommandError(f"{dump}: {error.strerror}", ExitCode.USAGE) from None
    modified_at = datetime.fromtimestamp(state.st_mtime, UTC)
    manifest = read_manifest_file(manifest_path(dump), is_needed=False)
    return Shelved(dump.name, state.st_size, modified_at, manifest, read_attempts(dump))


def _shelved(path: Path, folder: Path) -> Shelved | None:
    if format_of(path.name) is None or not path.is_file():
        return None
    relative = path.relative_to(folder)
    if any(part.startswith(".") for part in relative.parts):
        return None
    try:
        one = read_one(path)
    except CommandError as error:
        say(f"passed over: {error.message}")
        return None
    return Shelved(relative.as_posix(), one.bytes, one.modified_at, one.manifest, one.attempts)


@contextmanager
def removed_on_failure(*paths: Path) -> Iterator[None]:
    """Remove files that the block made, if it does not come to its end."""
    try:
        yield
    except BaseException:  # Ctrl-C too: nothing half is left; raised again
        for path in paths:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

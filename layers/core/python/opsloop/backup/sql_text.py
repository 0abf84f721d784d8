"""SQL text taken apart the way psql does: statements, the rows that follow a COPY, and commands with a backslash.

What this gets wrong cannot become dangerous: psql runs in its restricted mode and refuses such commands itself. It is
read here so that a dump is refused before anything is restored, with the line at which it says what it may not.
"""

import re
from collections.abc import Iterator
from enum import Enum

from opsloop.backup.archive import DamagedError
from opsloop.dataclass import dataclass

MAX_STATEMENT = 256 << 20
_TOKEN = re.compile(rb"['\"$;\\]|--|/\*")
_DOLLAR = re.compile(rb"\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$")
_NAME_BYTE = re.compile(rb"[A-Za-z0-9_$\x80-\xff]")
_ESCAPED_END = re.compile(rb"(?:[^'\\]|\\.)*'", re.S)
_BEFORE = re.compile(rb"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.S)
_COPY = re.compile(rb"COPY\s.{0,65536}?\sFROM\s+STDIN\b", re.S | re.I)
_END_OF_DATA = re.compile(rb"\n\\\.\r?(?:\n|\Z)")
_NO_DATA = re.compile(rb"\\\.\r?(?:\n|\Z)")
_TAG_BYTES = 200


class Part(Enum):
    """What a piece of text is."""

    SQL = "sql"
    DATA = "data"
    META = "meta"


@dataclass(frozen=True)
class Piece:
    """A part of the text, ``line`` where it begins, counted from 1. All pieces together are the text.

    ``is_whole`` is whether a statement ends as it should.
    """

    part: Part
    text: bytes
    line: int
    is_whole: bool = True

    @property
    def bare(self) -> bytes:
        """Return the statement without the space and comments before it."""
        found = _BEFORE.match(self.text)
        return self.text[found.end() :] if found else self.text


class _Text:
    """The text so far unread, filled from chunks as it is needed."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks = chunks
        self.held = bytearray()
        self.line = 1

    def more(self) -> bool:
        """Read on; return whether there was anything."""
        if len(self.held) > MAX_STATEMENT:
            raise DamagedError(
                f"the statement at line {self.line} is longer than {MAX_STATEMENT >> 20} MiB", is_short=False
            )
        chunk = next(self.chunks, b"")
        self.held += chunk
        return bool(chunk)

    def take(self, size: int) -> tuple[bytes, int]:
        """Return the first bytes, no longer held, and the line of the first."""
        taken, line = bytes(self.held[:size]), self.line
        del self.held[:size]
        self.line += taken.count(b"\n")
        return taken, line

    def find(self, wanted: bytes, start: int) -> int:
        """Return the place behind the next ``wanted``, -1 where the text ends before."""
        while (at := self.held.find(wanted, start)) < 0:
            start = max(start, len(self.held) - len(wanted) + 1)
            if not self.more():
                return -1
        return at + len(wanted)


def pieces(chunks: Iterator[bytes]) -> Iterator[Piece]:
    """Return the pieces of a text given in chunks of any size (none of them empty), one statement held at a time.

    Raises
    ------
    DamagedError
        If a statement is longer than ``MAX_STATEMENT``.
    """
    text = _Text(chunks)
    while True:
        part, size, is_whole = _next(text)
        if not size:
            return
        taken, line = text.take(size)
        piece = Piece(part, taken, line, is_whole)
        yield piece
        if part is Part.SQL and _COPY.match(piece.bare):
            yield from _rows(text)


def _next(text: _Text) -> tuple[Part, int, bool]:
    """Return what comes next, how many bytes of it, and whether it ended before the text did."""
    at = 0
    while True:
        found = _TOKEN.search(text.held, at)
        if found is None or found.end() + _TAG_BYTES > len(text.held):
            keep = found.start() if found else max(at, len(text.held) - 1)
            if text.more():
                at = keep
                continue
            if found is None:
                rest = bytes(text.held)
                return Part.SQL, len(rest), not _bare(rest)
        token, start = found.group(), found.start()
        if token == b";":
            return Part.SQL, found.end(), True
        if token == b"\\":
            if start:
                return Part.SQL, start, True
            end = text.find(b"\n", start)
            return Part.META, end if end >= 0 else len(text.held), True
        at = _behind(text, token, start)
        if at < 0:
            return Part.SQL, len(text.held), token == b"--" and not _bare(bytes(text.held))


def _bare(text: bytes) -> bytes:
    found = _BEFORE.match(text)
    return text[found.end() :] if found else text


def _behind(text: _Text, token: bytes, start: int) -> int:
    """Return the place behind what begins with ``token``, -1 where the text ends within it."""
    if token == b"--":
        return text.find(b"\n", start)
    if token == b"/*":
        return _behind_comment(text, start)
    if token == b'"':
        return text.find(b'"', start + 1)
    if token == b"$":
        tag = _DOLLAR.match(text.held, start)
        if tag is None or (start and _NAME_BYTE.match(text.held, start - 1)):
            return start + 1
        return text.find(tag.group(), tag.end())
    if not _is_escaped(text.held, start):
        return text.find(b"'", start + 1)
    while (end := _ESCAPED_END.match(text.held, start + 1)) is None:
        if not text.more():
            return -1
    return end.end()


def _is_escaped(held: bytearray, start: int) -> bool:
    """Return whether the apostrophe begins a string in which a backslash escapes: ``E'...'``."""
    if start < 1 or held[start - 1] not in b"eE":
        return False
    return start < 2 or not _NAME_BYTE.match(held, start - 2)


def _behind_comment(text: _Text, start: int) -> int:
    """Return the place behind a comment, which may hold others."""
    depth, at = 1, start + 2
    while depth:
        found = re.compile(rb"/\*|\*/").search(text.held, at)
        if found is None:
            at = max(at, len(text.held) - 1)
            if not text.more():
                return -1
            continue
        depth += 1 if found.group() == b"/*" else -1
        at = found.end()
    return at


def _rows(text: _Text) -> Iterator[Piece]:
    """Return the rows that follow a COPY, as they come, up to the line that ends them."""
    end = text.find(b"\n", 0)
    if end < 0:
        yield Piece(Part.DATA, *text.take(len(text.held)), is_whole=False)
        return
    yield Piece(Part.DATA, *text.take(end))  # the rest of the line of the COPY itself
    is_start = True
    while True:
        found = (_NO_DATA.match(text.held) if is_start else None) or _END_OF_DATA.search(text.held)
        if found is not None and (found.group().endswith(b"\n") or not text.more()):
            yield Piece(Part.DATA, *text.take(found.end()))
            return
        if found is not None:
            continue
        size = len(text.held) - 4  # what may be the beginning of the end stays
        if size > 1:
            yield Piece(Part.DATA, *text.take(size))
            is_start = False
        if not text.more():
            if text.held:
                yield Piece(Part.DATA, *text.take(len(text.held)), is_whole=False)
            return

"""Online template miner: each line gets the id of its pattern as it comes, in one pass, with bounded state.

Method, sources and figures: docs/domains/log_patterns.md.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence

from opsloop.errors import InvalidInputError
from opsloop.log.tokens import VALUE, raw_shape, shape, shown, without_runs

MAX_PATTERNS = 1_000  # alive per service; a page of patterns that a person reads has some tens
EVICTED_AT_ONCE = 100  # least recently used ones go together, so that a flood of new shapes costs little each
MAX_REDIRECTS = 4_000  # ids that ended lately and are still resolved; older ones count as overflow
OVERFLOW = 0  # id of what no longer has a pattern of its own
OVERFLOW_NAME = "overflow"
_VERSION = 1


class Pattern:
    """One pattern: ``id`` counts up per service, ``name`` is a hash of its first shape, the same in every service."""

    __slots__ = ("count", "id", "is_alive", "last", "name", "words")

    def __init__(self, id_: int, name: str, words: list[str], *, count: int = 0, last: int = 0) -> None:
        self.id, self.name, self.words, self.count, self.last = id_, name, words, count, last
        self.is_alive = True

    @property
    def template(self) -> str:
        """The text of the pattern, ``<*>`` for what varies."""
        return shown(" ".join(self.words))


class Miner:
    """Patterns of one service. The same lines in the same order give the same ids, however they are cut in batches."""

    def __init__(self) -> None:
        self._patterns: dict[int, Pattern] = {}
        self._redirects: dict[int, int] = {}
        self._next_id, self._lines = 1, 0
        self._by_shape: dict[str, Pattern] = {}
        self._by_raw: dict[str, Pattern] = {}

    def add(self, lines: Iterable[str]) -> list[int]:
        """Return the pattern id of each of ``lines``, learning from it; ids may later be redirected, see ``resolve``."""
        ids = []
        for line in lines:
            raw = raw_shape(line)
            pattern = self._by_raw.get(raw)
            if pattern is None or not pattern.is_alive:
                pattern = self._learn(raw)
            self._lines += 1
            pattern.count += 1
            pattern.last = self._lines
            ids.append(pattern.id)
        return ids

    def resolve(self, id_: int) -> int:
        """Return the id that counts for ``id_`` now: itself, the pattern it was merged into, or ``OVERFLOW``."""
        while id_ in self._redirects:
            id_ = self._redirects[id_]
        return id_ if id_ in self._patterns else OVERFLOW

    def name(self, id_: int) -> str:
        """Return the stable name of the pattern that counts for ``id_``: 16 hex digits, or ``OVERFLOW_NAME``."""
        pattern = self._patterns.get(self.resolve(id_))
        return pattern.name if pattern else OVERFLOW_NAME

    def template(self, id_: int) -> str:
        """Return the text of the pattern that counts for ``id_``, as far as it is known now."""
        pattern = self._patterns.get(self.resolve(id_))
        return pattern.template if pattern else ""

    def patterns(self) -> Sequence[Pattern]:
        """Return the patterns alive, oldest first."""
        return list(self._patterns.values())

    def _learn(self, raw: str) -> Pattern:
        full = shape(raw)
        key = without_runs(full)
        pattern = self._by_shape.get(key)
        if pattern is None:
            self._make_room()
            pattern = self._made(full)
            self._by_shape[key] = pattern
        if len(self._by_raw) >= 10 * MAX_PATTERNS:
            self._by_raw.clear()
        self._by_raw[raw] = pattern
        return pattern

    def _made(self, full: str) -> Pattern:
        name = hashlib.blake2b(full.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        pattern = Pattern(self._next_id, name, full.split(" "))
        self._patterns[pattern.id] = pattern
        self._next_id += 1
        return pattern

    def _make_room(self) -> None:
        if len(self._patterns) < MAX_PATTERNS:
            return
        for pattern in sorted(self._patterns.values(), key=lambda one: one.last)[:EVICTED_AT_ONCE]:
            pattern.is_alive = False
            del self._patterns[pattern.id]
            del self._by_shape[without_runs(" ".join(pattern.words))]
            self._redirects[pattern.id] = OVERFLOW
        for old in list(self._redirects)[: max(0, len(self._redirects) - MAX_REDIRECTS)]:
            del self._redirects[old]

    def to_bytes(self) -> bytes:
        """Return the whole state, compressed; some 40 bytes per pattern and its text."""
        rows = [[one.id, one.name, " ".join(one.words), one.count, one.last] for one in self._patterns.values()]
        state = [_VERSION, self._next_id, self._lines, rows, list(self._redirects.items())]
        return zlib.compress(json.dumps(state, separators=(",", ":")).encode(), 6)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Miner":
        """Return the miner that ``to_bytes`` wrote; raise InvalidInputError if ``data`` is something else."""
        try:
            version, next_id, lines, rows, redirects = json.loads(zlib.decompress(data))
        except (zlib.error, ValueError, TypeError) as error:
            raise InvalidInputError("not a state of the log pattern miner") from error
        if version != _VERSION:
            raise InvalidInputError(f"state of the log pattern miner has version {version}, not {_VERSION}")
        miner = cls()
        miner._next_id, miner._lines, miner._redirects = next_id, lines, dict(redirects)
        for id_, name, text, count, last in rows:
            pattern = Pattern(id_, name, text.split(" "), count=count, last=last)
            miner._patterns[id_] = pattern
            miner._by_shape[without_runs(text)] = pattern
        return miner


def mine(lines: list[str]) -> list[tuple[int, str]]:
    """Return (pattern id, template) for each of ``lines``, in order, by a fresh miner.

    The id and template are those that the line's pattern has after the last line.
    """
    miner = Miner()
    ids = [miner.resolve(id_) for id_ in miner.add(lines)]
    templates = {id_: miner.template(id_) for id_ in set(ids)}
    return [(id_, templates[id_]) for id_ in ids]


__all__ = ["OVERFLOW", "OVERFLOW_NAME", "VALUE", "Miner", "Pattern", "mine"]

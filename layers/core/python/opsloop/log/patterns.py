"""Online template miner: each line gets the id of its pattern as it comes, in one pass, with bounded state.

Method, sources and figures: docs/domains/log_patterns.md.
"""

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterable

from opsloop.errors import InvalidInputError
from opsloop.log.pattern_index import Pattern, PatternIndex
from opsloop.log.pattern_merge import merged_word, says_enough
from opsloop.log.tokens import VALUE, grouping_word, raw_shape, shape_words, shown

MAX_PATTERNS = 1_000  # alive per service: more than any of 8 sample systems has (341)
EVICTED_AT_ONCE = 100  # least recently used ones go together, so that a flood of new shapes costs little each
MAX_REDIRECTS = 4_000  # ids that ended lately and are still resolved; older ones count as overflow
MAX_RAW_SHAPES = 20_000  # remembered, some 4 MB
MAX_ENTERED = 3 * MAX_PATTERNS  # patterns into the index before it is made anew, without what has gone since
OVERFLOW = 0  # id of lines whose pattern was given up
OVERFLOW_NAME = "overflow"
CROWD = 4  # patterns that share CROWD_SHARE of their words are one, once there is no room for each
CROWD_SHARE = 0.6
_VERSION = 2


class Miner:
    """Patterns of one service. The same lines in the same order give the same ids, however they are cut into batches
    and whether or not the state was stored and loaded in between."""

    def __init__(self) -> None:
        self._patterns: dict[int, Pattern] = {}
        self._redirects: dict[int, int] = {}
        self._next_id, self._lines = 1, 0
        self._equal: dict[str, Pattern] = {}  # by grouping words; of patterns without variable words
        self._by_raw: dict[str, Pattern] = {}  # what was answered lately
        self._index = PatternIndex()

    def add(self, lines: Iterable[str]) -> list[int]:
        """Return the pattern id of each of ``lines`` and learn from it. An id may later be merged: see ``resolve``."""
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
        """Return the text of the pattern that counts for ``id_`` as it is known now; empty for ``OVERFLOW``."""
        pattern = self._patterns.get(self.resolve(id_))
        return shown(pattern.texts) if pattern else ""

    def patterns(self) -> list[Pattern]:
        """Return the patterns alive, oldest first."""
        return [self._patterns[id_] for id_ in sorted(self._patterns)]

    def _learn(self, raw: str) -> Pattern:
        words, texts = shape_words(raw)
        pattern = self._found(words)
        if pattern is None and len(self._patterns) >= MAX_PATTERNS:
            self._make_room()
            pattern = self._found(words)
        if self._index.entered > MAX_ENTERED:
            self._index = PatternIndex(self.patterns())
        if pattern is None:
            pattern = self._made(words, texts)
        elif pattern.texts != texts:
            pattern.texts = [merged_word(*pair) for pair in zip(pattern.texts, texts, strict=True)]
        if len(self._by_raw) >= MAX_RAW_SHAPES:
            self._by_raw.clear()
        self._by_raw[raw] = pattern
        return pattern

    def _found(self, words: list[str]) -> Pattern | None:
        return self._equal.get(" ".join(words)) or self._index.find(words)

    def _made(self, words: list[str], texts: list[str]) -> Pattern:
        key = " ".join(words)
        name = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        pattern = Pattern(self._next_id, name, words, texts)
        self._patterns[pattern.id] = self._equal[key] = pattern
        self._next_id += 1
        return self._entered(pattern)

    def _entered(self, pattern: Pattern) -> Pattern:
        """Put ``pattern`` into the index, merging as long as that shows patterns to be one."""
        while merge := self._index.add(pattern):
            pattern = self._merged(*merge)
        return pattern

    def _merged(self, group: list[Pattern], holes: frozenset[int]) -> Pattern:
        """Merge ``group``, oldest first, under the id of its oldest; the caller enters the result into the index."""
        self._by_raw.clear()  # what is merged may match what was answered with younger patterns
        oldest, texts = group[0], group[0].texts
        for pattern in group:
            self._leave(pattern)
            if pattern is not oldest:
                texts = [merged_word(*pair) for pair in zip(texts, pattern.texts, strict=True)]
                self._end(pattern, oldest.id)
        words = [VALUE if place in holes else word for place, word in enumerate(oldest.words)]
        count, last = sum(one.count for one in group), max(one.last for one in group)
        # A new object, since the index knows by identity which of its lists are out of date.
        self._patterns[oldest.id] = Pattern(oldest.id, oldest.name, words, texts, holes, count, last)
        return self._patterns[oldest.id]

    def _leave(self, pattern: Pattern) -> None:
        """Take ``pattern`` out of what lines are looked up in."""
        pattern.is_alive = False
        self._index.remove(pattern)
        if not pattern.holes:
            del self._equal[" ".join(pattern.words)]

    def _end(self, pattern: Pattern, heir: int) -> None:
        del self._patterns[pattern.id]
        self._redirects[pattern.id] = heir
        while len(self._redirects) > MAX_REDIRECTS:
            del self._redirects[next(iter(self._redirects))]

    def _make_room(self) -> None:
        """Merge crowds of patterns that are alike; if that frees too little, give up the least recently used."""
        for crowd, holes in self._crowds():
            group = [one for one in crowd if one.is_alive]
            if len(group) >= CROWD and says_enough(group[0].words, holes):
                self._entered(self._merged(group, holes))
        excess = len(self._patterns) - MAX_PATTERNS + EVICTED_AT_ONCE
        for pattern in sorted(self._patterns.values(), key=lambda one: one.last)[: max(0, excess)]:
            self._leave(pattern)
            self._end(pattern, OVERFLOW)

    def _crowds(self) -> list[tuple[list[Pattern], frozenset[int]]]:
        """Return groups of patterns that share the words which are frequent in their places, with the other places."""
        patterns = self.patterns()
        seen = Counter((len(one.words), *pair) for one in patterns for pair in enumerate(one.words))
        crowds: dict[tuple[str | None, ...], list[Pattern]] = {}
        for one in patterns:
            length = len(one.words)
            rare = {place for place, word in enumerate(one.words) if seen[length, place, word] < CROWD} | one.holes
            if len(rare) <= (1 - CROWD_SHARE) * length:
                kept = tuple(None if place in rare else word for place, word in enumerate(one.words))
                crowds.setdefault(kept, []).append(one)
        return [
            (crowd, frozenset(place for place, word in enumerate(kept) if word is None))
            for kept, crowd in crowds.items()
            if len(crowd) >= CROWD
        ]

    def to_bytes(self) -> bytes:
        """Return the whole state, compressed: some 40 bytes per pattern."""
        rows = [
            [one.id, one.name, one.count, one.last, sorted(one.holes), "\n".join(one.texts), _other_words(one)]
            for one in self.patterns()
        ]
        state = [_VERSION, self._next_id, self._lines, rows, list(self._redirects.items())]
        return zlib.compress(json.dumps(state, separators=(",", ":")).encode(), 6)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Miner":
        """Return the miner that ``to_bytes`` wrote; raise InvalidInputError if ``data`` is something else."""
        miner = cls()
        try:
            version, *state = json.loads(zlib.decompress(data))
            if version != _VERSION:
                raise InvalidInputError(f"state of the log pattern miner has version {version}, not {_VERSION}")
            miner._next_id, miner._lines, rows, redirects = state
        except (zlib.error, ValueError, TypeError) as error:
            raise InvalidInputError("not a state of the log pattern miner") from error
        miner._redirects = dict(redirects)
        for id_, name, count, last, places, joined, others in rows:
            texts, holes = joined.split("\n"), frozenset(places)
            words = [VALUE if place in holes else grouping_word(text) for place, text in enumerate(texts)]
            for place, word in others:
                words[place] = word
            pattern = Pattern(id_, name, words, texts, holes, count, last)
            miner._patterns[id_] = pattern
            if not holes:
                miner._equal[" ".join(words)] = pattern
        miner._index = PatternIndex(miner.patterns())
        return miner


def _other_words(pattern: Pattern) -> list[tuple[int, str]]:
    """Return the grouping words that do not follow from what is shown, with their places."""
    pairs = enumerate(zip(pattern.words, pattern.texts, strict=True))
    return [
        (place, word) for place, (word, text) in pairs if place not in pattern.holes and word != grouping_word(text)
    ]


def mine(lines: list[str]) -> list[tuple[int, str]]:
    """Return (pattern id, template) for each of ``lines``, in order, by a fresh miner.

    The id and the template are those that the line's pattern has after the last line.
    """
    miner = Miner()
    ids = [miner.resolve(id_) for id_ in miner.add(lines)]
    templates = {id_: miner.template(id_) for id_ in set(ids)}
    return [(id_, templates[id_]) for id_ in ids]

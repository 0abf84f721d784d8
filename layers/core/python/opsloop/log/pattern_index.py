"""Finds, among the patterns of a service, those that a line matches and those that are one pattern with a variable.

Everything here follows from the patterns alive, so none of it is stored.
"""

from collections.abc import Iterable
from dataclasses import field

from opsloop.dataclass import dataclass
from opsloop.log.pattern_merge import MIN_NAMES, is_variable, says_enough

MAX_INDEXED_WORDS = 60  # longer lines are grouped by equality only
NO_HOLES: frozenset[int] = frozenset()


@dataclass(slots=True)
class Pattern:
    """One pattern. ``id`` counts up per service; ``name`` is a hash of its first shape, the same in every service."""

    id: int
    name: str
    words: list[str]  # as they group lines; what stands in ``holes`` does not count
    texts: list[str]  # as they are shown
    holes: frozenset[int] = NO_HOLES  # places where any word may stand
    count: int = 0  # lines seen
    last: int = 0  # number of the last line seen
    is_alive: bool = True


@dataclass(slots=True)
class _SameLength:
    """The patterns with one number of words: by id, by (holes, hash of the other words), and those that also agree
    in these but for one more place."""

    members: dict[int, Pattern] = field(default_factory=dict)
    forms: dict[frozenset[int], dict[int, Pattern]] = field(default_factory=dict)
    near: dict[tuple[frozenset[int], int], list[Pattern]] = field(default_factory=dict)


class PatternIndex:
    """Hashes of words by place, summed, so that leaving a place out is one subtraction."""

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        self._lengths: dict[int, _SameLength] = {}
        self.entered = 0  # patterns ever entered: what has left still takes memory
        for pattern in patterns:
            self._enter(pattern)

    def find(self, words: list[str]) -> Pattern | None:
        """Return the oldest pattern with variable places that ``words`` match; equality is not looked for here."""
        same = self._lengths.get(len(words))
        if same is None:
            return None
        hashes = _hashes(words)
        whole = sum(hashes)
        found = (
            by_rest.get(whole - sum(hashes[place] for place in holes)) for holes, by_rest in same.forms.items() if holes
        )
        return min((one for one in found if one is not None), key=lambda one: one.id, default=None)

    def add(self, pattern: Pattern) -> tuple[list[Pattern], frozenset[int]] | None:
        """Enter ``pattern``; return the patterns that are now seen to be one, oldest first, and where it varies."""
        best: tuple[tuple[float, int, list[int]], list[Pattern], frozenset[int]] | None = None
        for holes, group in self._enter(pattern):
            rank = _rank(group, holes)
            if rank and (best is None or rank > best[0]):
                best = rank, sorted(group, key=lambda one: one.id), holes
        return best[1:] if best else None

    def remove(self, pattern: Pattern) -> None:
        """Forget ``pattern``; lists that name it skip it when they are next read."""
        same = self._lengths.get(len(pattern.words))
        if same is None or same.members.pop(pattern.id, None) is None:
            return
        by_rest = same.forms[pattern.holes]
        for rest in [rest for rest, one in by_rest.items() if one is pattern]:
            del by_rest[rest]
        if not by_rest:
            del same.forms[pattern.holes]

    def _enter(self, pattern: Pattern) -> list[tuple[frozenset[int], list[Pattern]]]:
        """Enter ``pattern`` and return the groups that it is in, each with the places in which they may differ."""
        if len(pattern.words) > MAX_INDEXED_WORDS:
            return []
        self.entered += 1
        same = self._lengths.setdefault(len(pattern.words), _SameLength())
        if pattern.holes not in same.forms:
            same.forms[pattern.holes] = {}
            for other in same.members.values():
                _group(same, other, pattern.holes)
        same.members[pattern.id] = pattern
        same.forms[pattern.holes][_rest(pattern.words, pattern.holes)] = pattern
        groups = []
        for holes in list(same.forms):
            groups += _group(same, pattern, holes)
        return groups


def _hashes(words: list[str]) -> list[int]:
    """Return a hash of each word and its place.

    Of one text, which Python hashes by SipHash. A hash of the pair does not do: that of tuples is so nearly linear that
    two words which change places often leave the sum as it is.
    """
    return [hash(f"{place} {word}") for place, word in enumerate(words)]


def _rest(words: list[str], holes: frozenset[int]) -> int:
    return sum(one for place, one in enumerate(_hashes(words)) if place not in holes)


def _group(same: _SameLength, pattern: Pattern, form: frozenset[int]) -> list[tuple[frozenset[int], list[Pattern]]]:
    """Put ``pattern`` beside those that equal it outside ``form`` and one more place, for each such place."""
    hashes = _hashes(pattern.words)
    rest = sum(one for place, one in enumerate(hashes) if place not in form)
    groups = []
    for place, one in enumerate(hashes):
        holes = form | {place}
        if place in form or not pattern.holes <= holes:
            continue
        group = same.near.setdefault((holes, rest - one), [])
        group[:] = [other for other in group if same.members.get(other.id) is other and other is not pattern]
        group.append(pattern)
        groups.append((holes, group))
    return groups


def _rank(group: list[Pattern], holes: frozenset[int]) -> tuple[float, int, list[int]] | None:
    """Return how sure it is that ``group`` is one pattern that varies in ``holes``, to compare; None if it is not."""
    if len(group) < 2 or not any(len(one.holes) == len(holes) - 1 for one in group):
        return None
    if not says_enough(group[0].words, holes):
        return None
    mixed = [place for place in holes if not all(place in one.holes for one in group)]
    seen = 0
    for place in mixed:
        words = {one.words[place] for one in group if place not in one.holes}
        is_new = not any(place in one.holes for one in group)
        if is_new and (not is_variable(words, place) or (len(mixed) > 1 and len(words) < MIN_NAMES)):
            return None
        seen += len(words)
    return (seen / len(mixed), -len(mixed), sorted(holes)) if mixed else None

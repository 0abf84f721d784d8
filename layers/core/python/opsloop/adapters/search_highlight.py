"""Where the words of a question stand in what was found: the same pieces of text whichever store found it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsloop.adapters.search_words import MAX_WORD, WORD, Clause, leaves, pair_of
from opsloop.search import MARK_END, MARK_START, IndexSpec, Kind

MAX_READ = 65_536  # characters of a value that are looked through
MAX_PIECES = 3  # of a field
WHOLE = 300  # characters up to which a value is shown whole
AROUND = 80  # characters shown before and behind found words

Span = tuple[int, int]


def highlights(spec: IndexSpec, content: Mapping[str, Any], clauses: Sequence[Clause]) -> dict[str, tuple[str, ...]]:
    """Return, per field, up to three pieces of text with the found words marked; of OBJECT fields, ``name=value``."""
    wanted = [one for one in clauses if not one.is_absent]
    found: dict[str, tuple[str, ...]] = {}
    if not wanted:
        return found
    for field, kind in spec.fields.items():
        value = content.get(field)
        if value is None or kind not in (Kind.TEXT, Kind.OBJECT):
            continue
        pieces: list[str] = []
        for name, text in [("", value)] if kind == Kind.TEXT else leaves(value):
            if spans := _spans(text[:MAX_READ], wanted, name):
                pieces += [f"{_unmarked(name)}={piece}" if name else piece for piece in _pieces(text, spans)]
            if len(pieces) >= MAX_PIECES:
                break
        if pieces:
            found[field] = tuple(pieces[:MAX_PIECES])
    return found


def _spans(text: str, wanted: Sequence[Clause], name: str) -> list[Span]:
    """Return where wanted words stand in ``text``, in order, without overlaps."""
    if name and any(one.pair and one.pair == pair_of(name, text) for one in wanted):
        return [(0, len(text))]
    at = [(match.group().lower()[:MAX_WORD], match.span()) for match in WORD.finditer(text)]
    said = [word for word, _ in at]
    spans = sorted(
        (at[first][1][0], at[first + len(one.words) - 1][1][1])
        for one in wanted
        if one.words
        for first in _places(said, one.words)
    )
    merged: list[Span] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _places(said: list[str], words: tuple[str, ...]) -> Iterator[int]:
    first, length = words[0], len(words)
    for place, word in enumerate(said):
        if word == first and tuple(said[place : place + length]) == words:
            yield place


def _pieces(text: str, spans: list[Span]) -> Iterator[str]:
    """Yield the text whole if it is short, else what stands around the found words."""
    if len(text) <= WHOLE:
        yield _marked(text, 0, len(text), spans)
        return
    while spans:
        start, end = max(0, spans[0][0] - AROUND), spans[0][1] + AROUND
        inside = [span for span in spans if span[1] <= end]
        yield _marked(text, start, min(len(text), end), inside)
        spans = spans[len(inside) :]


def _marked(text: str, start: int, end: int, spans: list[Span]) -> str:
    parts, place = [], start
    for first, last in spans:
        parts += [_unmarked(text[place:first]), MARK_START, _unmarked(text[first:last]), MARK_END]
        place = last
    return "".join([*parts, _unmarked(text[place:end])])


def _unmarked(text: str) -> str:
    """Return ``text`` with marks that were in it already made unreadable."""
    return text.replace(MARK_START, "\ufffd").replace(MARK_END, "\ufffd")

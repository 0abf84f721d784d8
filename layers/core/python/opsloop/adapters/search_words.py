"""What is a word, in documents and in questions: both search stores are given words that were split here.

So the same question finds the same documents in either of them, whatever their own analysis would make of a path, an
id or a dotted name. A word is a run of letters and digits (one character of Chinese or Japanese), in small letters;
everything else ends it. Pure.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from json import dumps
from typing import Any

from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError
from opsloop.search import IndexSpec, Kind

GAP = "\ue002"
"""A word of its own between two values, so that no phrase reaches from one into the next."""

MAX_WORD = 100  # characters; a longer word is cut, in documents and questions alike
MAX_TEXT, MAX_CLAUSES, MAX_WORDS = 1_000, 64, 256
_SINGLE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # kana and Han, which are written without spaces
WORD = re.compile(f"[{_SINGLE}]|[^\\W_{_SINGLE}]+")
_CLAUSE = re.compile(r'(-?)(?:([^\s"=]+)=(?=\S))?(?:"([^"]*)"?|(\S+))')


@dataclass(frozen=True)
class Clause:
    """Words to be found together and in order; where ``pair`` is not empty, or that pair of an OBJECT field.

    ``is_absent``: to be found nowhere in the document.
    """

    words: tuple[str, ...]
    pair: str
    is_absent: bool


@dataclass(frozen=True)
class Indexed:
    """What a document is found by: its words with ``GAP`` between two values, and the pairs of its OBJECT fields."""

    words: str
    pairs: tuple[str, ...]


def words_of(text: str) -> list[str]:
    """Return the words of ``text`` in order."""
    return [word[:MAX_WORD] for word in map(str.lower, WORD.findall(text))]


def pair_of(name: str, value: str) -> str:
    """Return what stands for ``name=value`` in an index: 16 hexadecimal digits, whatever the length; case is ignored.

    Two of a million different pairs are taken for each other with a chance of 3 in 10^8.
    """
    return blake2b(f"{name}={value}".lower().encode("utf-8", "replace"), digest_size=8).hexdigest()


def clauses_of(text: str) -> tuple[Clause, ...]:
    """Return what ``text`` asks for; raise ``InvalidInputError`` if it asks for nothing, or for too much."""
    if len(text) > MAX_TEXT:
        raise InvalidInputError(f"text of {len(text):,} characters; at most {MAX_TEXT:,} can be looked for")
    found = [_clause(*match.groups()) for match in _CLAUSE.finditer(text)]
    clauses = tuple(one for one in found if one.words or one.pair)
    if text.strip() and not clauses:
        raise InvalidInputError(f"text {text[:100]!r} has no letter or digit to look for")
    if len(clauses) > MAX_CLAUSES or sum(len(one.words) for one in clauses) > MAX_WORDS:
        raise InvalidInputError(f"text of {len(clauses)} parts; at most {MAX_CLAUSES} of {MAX_WORDS} words together")
    return clauses


def _clause(minus: str, name: str | None, quoted: str | None, plain: str | None) -> Clause:
    value = plain if quoted is None else quoted
    text = f"{name} {value}" if name else value
    return Clause(tuple(words_of(text or "")), pair_of(name, value or "") if name else "", bool(minus))


def indexed(spec: IndexSpec, content: Mapping[str, Any]) -> Indexed:
    """Return what the document with that content is found by."""
    words: list[str] = []
    pairs: dict[str, None] = {}
    for field, kind in spec.fields.items():
        value = content.get(field)
        if value is None:
            continue
        if kind == Kind.TEXT:
            words += [*words_of(value), GAP]
        elif kind == Kind.OBJECT:
            for name, text in leaves(value):
                pairs[pair_of(name, text)] = None
                words += [*words_of(text), GAP]
    return Indexed(" ".join(words), tuple(pairs))


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield (dotted name, text) of everything in nested objects and lists; those of a list have the list's name."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner, name)
    elif value is not None:
        yield name, value if isinstance(value, str) else dumps(value)


def as_phrase(words: Sequence[str]) -> str:
    """Return words as one text, as ``indexed`` writes them."""
    return " ".join(words)

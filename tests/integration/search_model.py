"""What a search is to find, told as plainly as can be: lists, loops and sorting. And small shops to search in."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from opsloop.search import Bucket, Document, IndexSpec, Kind, Query

S = 1_000_000_000
DAY = 86_400 * S
START = 20_778 * DAY + 86_000 * S  # shortly before midnight
SPEC = IndexSpec(
    "agreed",
    {
        "run": Kind.KEYWORD,
        "at": Kind.TIME,
        "service": Kind.KEYWORD,
        "size": Kind.NUMBER,
        "body": Kind.TEXT,
        "attributes": Kind.OBJECT,
    },
    "at",
)
WORDS = ("slow", "Cart", "42", "Ä京")
NAMES = ("http.route", "user", "a_b")


@dataclass(frozen=True)
class Part:
    """One part of a text: words written together by ``joint``, after ``name=`` if there is a name."""

    words: tuple[str, ...]
    joint: str
    name: str
    is_absent: bool

    def __str__(self) -> str:
        value = self.joint.join(self.words)
        quoted = f'"{value}"' if " " in value else value
        return f"{'-' * self.is_absent}{f'{self.name}=' if self.name else ''}{quoted}"


@dataclass(frozen=True)
class Asked:
    """A query by its parts."""

    services: tuple[str, ...] | None
    times: tuple[int | None, int | None]
    sizes: tuple[int | None, int | None]
    parts: tuple[Part, ...]

    def query(self, run: str) -> Query:
        """Return it as the port has it, for the documents of one run."""
        terms = {"run": [run]} | ({} if self.services is None else {"service": self.services})
        return Query(terms, {"at": self.times, "size": self.sizes}, " ".join(map(str, self.parts)))


def fitting(contents: dict[str, dict[str, Any]], asked: Asked) -> list[str]:
    """Return the ids of what fits, oldest first."""
    ids = [doc_id for doc_id, content in contents.items() if _fits(content, asked)]
    return sorted(ids, key=lambda doc_id: (contents[doc_id]["at"], doc_id))


def _fits(content: dict[str, Any], asked: Asked) -> bool:
    if asked.services is not None and content.get("service") not in asked.services:
        return False
    for field, (first, last) in (("at", asked.times), ("size", asked.sizes)):
        if (first, last) != (None, None) and field not in content:
            return False
        if first is not None and content[field] < first:
            return False
        if last is not None and content[field] > last:
            return False
    return all(_has(content, part) is not part.is_absent for part in asked.parts)


def _has(content: dict[str, Any], part: Part) -> bool:
    named = list(_leaves(content.get("attributes", {}), ""))
    value = part.joint.join(part.words)
    if part.name and any((name.lower(), text.lower()) == (part.name.lower(), value.lower()) for name, text in named):
        return True
    wanted = _split(f"{part.name} {value}")
    return any(
        wanted == said[place : place + len(wanted)]
        for said in (_split(text) for text in [content.get("body", ""), *(text for _, text in named)])
        for place in range(len(said))
    )


def _split(text: str) -> list[str]:
    words = [""]
    for letter in text.lower():
        if letter == "京":
            words += [letter, ""]
        elif letter.isalnum():
            words[-1] += letter
        else:
            words.append("")
    return [word for word in words if word]


def _leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}".strip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, name)
    else:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)


def counted(contents: dict[str, dict[str, Any]], ids: list[str], interval_ns: int) -> tuple[Bucket, ...]:
    """Return counts per interval and service."""
    buckets: dict[int, list[str | None]] = {}
    for doc_id in ids:
        start = contents[doc_id]["at"] // interval_ns * interval_ns
        buckets.setdefault(start, []).append(contents[doc_id].get("service"))
    return tuple(
        Bucket(start, len(services), dict(Counter(one for one in services if one is not None)))
        for start, services in sorted(buckets.items())
    )


def most(contents: dict[str, dict[str, Any]], ids: list[str], size: int) -> tuple[tuple[str, int], ...]:
    """Return the services named most often."""
    often = Counter(contents[doc_id]["service"] for doc_id in ids if "service" in contents[doc_id])
    return tuple(sorted(often.items(), key=lambda one: (-one[1], one[0]))[:size])


JOINTS = st.sampled_from([" ", ".", "-", "/", "_", ":"])
VALUES = st.builds(
    lambda words, joint: joint.join(words), st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), JOINTS
)
ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "http.route": VALUES,
        "http": st.fixed_dictionaries({"route": st.one_of(VALUES, st.integers(40, 43))}),
        "user": st.lists(st.one_of(VALUES, st.booleans(), st.just({"a_b": "42"})), max_size=3),
        "a_b": st.one_of(st.just(42), VALUES),
    },
)
TIMES = st.sampled_from([START, START + 1, START + S, START + 400 * S - 1, START + 400 * S, START + DAY])
SERVICES = st.sampled_from(["web", "Web", "payments", "ä", ""])
CONTENTS = st.fixed_dictionaries(
    {"at": TIMES, "body": VALUES, "attributes": ATTRIBUTES},
    optional={"service": SERVICES, "size": st.integers(-1, 2)},
)
PARTS = st.builds(
    Part,
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(tuple),
    JOINTS,
    st.sampled_from(["", "", *NAMES]),
    st.booleans(),
)
ASKED = st.builds(
    Asked,
    st.one_of(st.none(), st.none(), st.lists(SERVICES, max_size=3).map(tuple)),
    st.one_of(st.just((None, None)), st.tuples(st.one_of(st.none(), TIMES), st.one_of(st.none(), TIMES))),
    st.one_of(st.just((None, None)), st.tuples(st.one_of(st.none(), st.integers(-1, 2)), st.integers(-1, 2))),
    st.lists(PARTS, max_size=2).map(tuple),
)
IDS = st.text(st.sampled_from("abÄ/-9"), min_size=1, max_size=3)
SHOPS = st.dictionaries(IDS, CONTENTS, min_size=4, max_size=12)


def documents(contents: dict[str, dict[str, Any]], run: str) -> list[Document]:
    """Return the documents of one run, whose ids are its own."""
    return [Document(f"{run}:{doc_id}", {**content, "run": run}) for doc_id, content in contents.items()]

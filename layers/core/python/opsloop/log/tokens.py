"""The shape of a log line: its words, with everything that looks like a value replaced by one mark.

Token by token, so that words seen before cost one look-up. What is masked is general knowledge of how programs write
values (numbers, addresses, paths, identifiers, dates, sizes), never the words of one system. No expression here nests
one quantifier in another over the same characters, so none backtracks without bound.
"""

import json
import re
from collections.abc import Iterator
from itertools import groupby

VALUE = "\x01"  # what stands for a variable part inside a shape; none is left in the lines themselves
SHOWN_VALUE = "<*>"

MAX_LINE_CHARS = 2_048  # of a line count for its pattern: the longest of 16,000 sample lines but one has 1,100
MAX_WORDS = 160  # of a line count; what has more is a list or a dump
MAX_CACHED_WORDS = 50_000  # distinct words remembered, some 10 MB at most
MAX_CACHED_WORD_CHARS = 100  # longer ones are seldom seen twice
MAX_JSON_FIELDS = 40  # of a JSON body are named in its pattern
TEXT_FIELDS = {"message", "msg", "event"}  # of a JSON body are text that a person wrote; other fields hold values

# Where a word inside a token ends: what separates keys, values and lists in messages. '.', '-', '_', '/', '+' and '~'
# are left out, because identifiers, numbers, versions and paths are written with them.
_ENDS = r"""\s=:,;()\[\]{}"'<>|@\#!&$%*?`^"""
_CONSTANTS = "true|false|True|False|TRUE|FALSE|null|NULL|None"
_ACCOUNTS = "root|ROOT|admin"  # those that every system has
_VALUE_WORDS = frozenset(f"{_CONSTANTS}|{_ACCOUNTS}".split("|"))
_VALUES = re.compile(
    rf"""
      (?<![A-Za-z0-9\-])[A-Za-z][A-Za-z0-9+\-]{{1,30}}://[^\s"'<>()\[\]{{}},;]+      # URL
    | (?<![\w.])/?\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}(?::\d+)?(?!\w|[.\-]\w)  # IPv4, with its port
    | (?<![\w:.])(?=[A-Fa-f:]{{0,12}}\d)(?:[0-9A-Fa-f]{{0,4}}:){{3,7}}[0-9A-Fa-f]{{0,4}}(?![\w:])   # IPv6, MAC
    | (?<![\w.\-])(?:[A-Za-z0-9_\-]{{1,63}}\.){{1,8}}(?:com|net|org|edu|gov|mil|info|biz)(?::\d+)?(?![\w\-]|\.\w)
    | (?<![\w.\-])[A-Za-z_$][\w.$]{{0,200}}@[0-9a-f]{{4,16}}(?!\w)                   # an object of a Java class
    | (?<![^{_ENDS}])[A-Za-z]:\\[^\s"'<>,;()\[\]|]*                                  # Windows path
    | (?<![^{_ENDS}])(?:/|\\\\)[^\s"'<>,;:=()\[\]{{}}|]+                             # path
    | (?<![^{_ENDS}])[^{_ENDS}]*\d[^{_ENDS}]*                                        # any word with a digit
    | (?<!\w)(?:{_CONSTANTS})(?!\w)
    | (?<![\w.\-/])(?:{_ACCOUNTS})(?![\w.\-/])
    """,
    re.VERBOSE,
)
# A name that holds one small number (eth0, ssh2, L1) is a name until it is seen with another number.
_NUMBERED_NAME = re.compile(r"[A-Za-z_]*[A-Za-z]\d{1,2}(?:[A-Za-z][A-Za-z_]*|_[A-Za-z_]+)?\Z")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_NAME_PARTS = re.compile(r"(?<=[A-Za-z0-9])([.\-/])(?=[A-Za-z0-9])")  # of host-07, app.log.3, PS/2
_HAS_DIGIT = re.compile(r"\d").search
_DOTTED = re.compile(rf"{VALUE}(?:\.{VALUE})+")  # versions, decimal numbers

_DATE = re.compile(
    rf"(?:\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?"
    rf"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {VALUE}(?:[: ,]{{1,2}}{VALUE}){{0,6}}"
)
_SIZE = re.compile(rf"{VALUE} (?:[KMGTP]i?)?B\b")  # programs choose the unit by the size
_INNER_DOT = re.compile(rf"{VALUE}\.(?= [^A-Z])")  # a dot before a word that starts no sentence belongs to the value
_NAME_CHAR = rf"[^{_ENDS}{VALUE}]"
_NAME_WITH_VALUE = re.compile(rf"{_NAME_CHAR}*{VALUE}(?:{_NAME_CHAR}|{VALUE})*")


def _masked(match: re.Match[str]) -> str:
    found = match.group()
    if _NUMBERED_NAME.match(found):
        return found
    word = found.rstrip(".-")  # the end of a sentence, or a dash after it
    if not word or _is_one_value(word):
        return VALUE + found[len(word) :]
    parts = (VALUE if _HAS_DIGIT(part) else part for part in _NAME_PARTS.split(word))
    return _DOTTED.sub(VALUE, "".join(parts)) + found[len(word) :]


def _is_one_value(word: str) -> bool:
    """Return whether ``word`` is variable as a whole; of other names (host-07) only the parts with digits are."""
    if not _HAS_DIGIT(word) or word[0] in "/\\" or ":" in word or "@" in word or _UUID.match(word):
        return True
    return word.count("/") > 1 and not word.replace("/", "").isdigit()  # a relative path, but not 2016/9/28


class _Words(dict[str, str]):
    """Masked form per word, computed once: a pure function of the word, so forgetting changes nothing."""

    def __missing__(self, word: str) -> str:
        masked = (VALUE if word in _VALUE_WORDS else word) if word.isalpha() else _VALUES.sub(_masked, word)
        if len(word) <= MAX_CACHED_WORD_CHARS:
            if len(self) >= MAX_CACHED_WORDS:
                self.clear()
            self[word] = masked
        return masked


_words = _Words()


def raw_shape(line: str) -> str:
    """Return ``line`` with each word masked by itself: cheap, and the same for most lines of a pattern.

    Only the first line of a message that is not blank counts (the stack trace below it does not make a pattern), and
    of that at most ``MAX_LINE_CHARS`` characters and ``MAX_WORDS`` words. A JSON object counts by its fields' names.
    """
    if line[:1] == "{":
        line = _json_line(line)
    if len(line) > MAX_LINE_CHARS:
        line = line[:MAX_LINE_CHARS]
    if "\n" in line:
        line = line.lstrip().partition("\n")[0]
    words = line.split(None, MAX_WORDS)
    return " ".join(map(_words.__getitem__, words[:MAX_WORDS]))


def _json_line(line: str) -> str:
    """Return the names of a JSON object's fields as a line, with what ``TEXT_FIELDS`` say; other lines as they are."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return line
    fields = [f"{name}={value}" for name, value in _fields(document, "")]
    return "{" + ", ".join(fields[:MAX_JSON_FIELDS]) + "}"


def _fields(document: dict[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for name, value in document.items():
        if isinstance(value, dict) and len(prefix) < MAX_CACHED_WORD_CHARS:
            yield from _fields(value, f"{prefix}{name}.")
        elif name in TEXT_FIELDS and isinstance(value, str):
            yield prefix + name, value
        else:
            yield prefix + name, 0  # a number stands for any value


def shape_words(raw: str) -> tuple[list[str], list[str]]:
    """Return the words of a raw shape twice, side by side: as they group lines, and as they are shown.

    Values of several words (dates, sizes with their unit) count as one. Grouping words are coarser: a name with a
    value in it is a value, and a run of values counts as one, so that lists of any length are one pattern. A shown
    word that stands for a run keeps its spaces.
    """
    full = _INNER_DOT.sub(VALUE, _SIZE.sub(VALUE, _DATE.sub(VALUE, raw)))
    shown_words = full.split(" ")
    if VALUE not in full:
        return shown_words, shown_words[:]
    pairs = zip(_NAME_WITH_VALUE.sub(VALUE, full).split(" "), shown_words, strict=True)
    keys, texts = [], []
    for key, run in groupby(pairs, key=lambda pair: pair[0]):
        words = [text for _, text in run]
        for text in [" ".join(words)] if key == VALUE else words:
            keys.append(key)
            texts.append(text)
    return keys, texts


def grouping_word(text: str) -> str:
    """Return the grouping word of one shown word of ``shape_words``."""
    return VALUE if " " in text else _NAME_WITH_VALUE.sub(VALUE, text)


def shown(texts: list[str]) -> str:
    """Return shown words as people read them, with ``<*>`` for each variable part."""
    return " ".join(texts).replace(VALUE, SHOWN_VALUE)

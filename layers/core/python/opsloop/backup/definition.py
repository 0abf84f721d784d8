"""Definitions as servers render them, brought to one form that every version, and every restore, agrees on.

A definition comes with every name in double quotes. Three things differ although the object is the same:

- the quotes themselves: taken away here where a name reads the same without, for people;
- the view's own table before its columns (``orders.id`` until 15, ``id`` from 16 on, where there is but one table);
- a list of ``IN`` over ``varchar``: what a table was created with is rendered ``(ARRAY['a'::varchar])::text[]``, and
  what was restored from that very text ``ARRAY[('a'::varchar)::text]``, in all versions: the cast wanders inside.

Nothing is dropped that could tell two definitions apart: only the one form is rewritten into the other.
"""

import re

# Reserved in SQL as PostgreSQL 18 has it, or a function's syntax: they mean something else without their quotes.
_WORDS = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case
    cast char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable
    desc distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group
    grouping having ilike in initially inner inout int integer intersect interval into is isnull join lateral leading
    least left like limit localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric
    offset on only or order out outer overlaps overlay placing position precision primary real references returning
    right row select session_user setof similar smallint some substring symmetric system_user table tablesample then
    time timestamp to trailing treat trim true union unique user using values varchar variadic verbose when where window
    with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize
    xmltable"""
RESERVED = frozenset(_WORDS.split())
_SIMPLE = re.compile(r"[a-z_][a-z0-9_]*\Z")
_TOKEN = re.compile(
    r"""(?P<blank>\s+)|E'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|[A-Za-z_][\w$]*|::|[^\s\w]|[\w.]+""",
    re.DOTALL,
)
_BEHIND_A_SOURCE = frozenset(
    {",", ";", "WHERE", "GROUP", "HAVING", "WINDOW", "UNION", "INTERSECT", "EXCEPT", "ORDER", "LIMIT", "OFFSET"}
    | {"FETCH", "FOR", "TABLESAMPLE", "JOIN"}
)
_OPENING, _CLOSING = {"(", "["}, {")", "]"}


def quoted(name: str) -> str:
    """Return ``name`` as SQL writes it: in double quotes unless it reads the same without them."""
    if _SIMPLE.match(name) and name not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def full_name(parts: list[str] | tuple[str, ...], suffix: str = "") -> str:
    """Return the parts of a name, each quoted where it needs to be, joined by dots, then ``suffix`` in the one form."""
    blank = " " if parts and suffix.startswith(" ") else ""
    return ".".join(quoted(one) for one in parts) + (f"{blank}{canonical(suffix)}" if suffix else "")


def canonical(definition: str) -> str:
    """Return a definition in the one form: blanks outside of literals made one, names unquoted, casts in the lists."""
    if '"' not in definition and "ARRAY[" not in definition:
        return " ".join(definition.split()) if "'" not in definition else _joined(_tokens(definition))
    tokens = _tokens(definition)
    if "ARRAY" in tokens:
        tokens = _casts_inside(tokens)
    return _joined(tokens)


def canonical_view(definition: str) -> str:
    """Return a view's query in the one form, without the name of its first table before columns."""
    tokens = _tokens(definition)
    alias = _first_alias(tokens)
    if alias:
        kept: list[str] = []
        position = 0
        while position < len(tokens):
            if tokens[position] == alias and tokens[position + 1 : position + 2] == ["."] and _before(kept) != ".":
                position += 2
                continue
            kept.append(tokens[position])
            position += 1
        tokens = kept
    if "ARRAY" in tokens:
        tokens = _casts_inside(tokens)
    return _joined(tokens)


def _tokens(text: str) -> list[str]:
    return [" " if found.lastgroup == "blank" else found.group() for found in _TOKEN.finditer(text.strip())]


def _joined(tokens: list[str]) -> str:
    return "".join(quoted(one[1:-1].replace('""', '"')) if one[0] == '"' else one for one in tokens)


def _before(tokens: list[str]) -> str:
    return tokens[-1] if tokens else ""


def _first_alias(tokens: list[str]) -> str:
    """Return the quoted name by which the query itself, not one inside it, calls the first thing that it reads from."""
    depth, position = 0, 0
    while position < len(tokens) and not (depth == 0 and tokens[position].upper() == "FROM"):
        depth += (tokens[position] in _OPENING) - (tokens[position] in _CLOSING)
        position += 1
    words = [one for one in tokens[position + 1 :] if one != " "]
    name, index = "", 0
    while index < len(words) and words[index].upper() not in _BEHIND_A_SOURCE:
        if words[index] == "(":  # a query of its own, a join, a function's arguments or columns
            index = _matching(words, index)
        elif words[index][0] == '"':
            name = words[index]
        index += 1
    return name


def _matching(tokens: list[str], opening: int) -> int:
    """Return where the bracket at ``opening`` is closed, or the last position."""
    depth = 0
    for position in range(opening, len(tokens)):
        depth += (tokens[position] in _OPENING) - (tokens[position] in _CLOSING)
        if depth == 0:
            return position
    return len(tokens) - 1


def _casts_inside(tokens: list[str]) -> list[str]:
    """Return the tokens with ``(ARRAY[a, b])::t[]`` made ``ARRAY[(a)::t, (b)::t]``."""
    made: list[str] = []
    position = 0
    while position < len(tokens):
        found = _cast_list(tokens, position)
        if found is None:
            made.append(tokens[position])
            position += 1
            continue
        elements, kind, position = found
        made += ["ARRAY", "["]
        for number, element in enumerate(elements):
            made += ([",", " "] if number else []) + ["(", *_casts_inside(element), ")", "::", *kind]
        made.append("]")
    return made


def _cast_list(tokens: list[str], start: int) -> tuple[list[list[str]], list[str], int] | None:
    """Return elements, the type they are cast to, and the position behind, where a cast list begins at ``start``."""
    if tokens[start : start + 3] != ["(", "ARRAY", "["]:
        return None
    end = _matching(tokens, start + 2)
    if tokens[end + 1 : end + 3] != [")", "::"]:
        return None
    behind = end + 3
    while behind < len(tokens) and tokens[behind] != "[" and tokens[behind] not in (",", ")"):
        behind = _matching(tokens, behind) + 1 if tokens[behind] == "(" else behind + 1
    if tokens[behind : behind + 2] != ["[", "]"]:
        return None
    elements: list[list[str]] = [[]]
    depth = 0
    for one in tokens[start + 3 : end]:
        depth += (one in _OPENING) - (one in _CLOSING)
        if one == "," and depth == 0:
            elements.append([])
        elif one != " " or elements[-1]:
            elements[-1].append(one)
    return elements, tokens[end + 3 : behind], behind + 2

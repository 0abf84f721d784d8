"""Patterns of schemas' names, as pg_dump's -n and -N and psql's commands have them."""

from collections.abc import Iterable


def schema_expression(patterns: Iterable[str]) -> str:
    """Return the regular expression, as PostgreSQL has them, of names that match one of ``patterns``.

    ``*`` is any text and ``?`` one character; letters are folded to lower case, except between double quotes, where
    everything means itself; ``$`` means itself; anything else is as in a regular expression.
    Source: PostgreSQL's manual, psql, "Patterns".
    """
    return f"^({'|'.join(_expression(one) for one in patterns)})$"


def _expression(pattern: str) -> str:
    made, is_quoted, position = [], False, 0
    while position < len(pattern):
        one = pattern[position]
        if one == '"':
            if is_quoted and pattern[position + 1 : position + 2] == '"':
                made.append('"')
                position += 1
            else:
                is_quoted = not is_quoted
        elif is_quoted:
            made.append(f"\\{one}" if one in "|*+?()[]{}.^$\\" else one)
        elif one in "*?$":
            made.append({"*": ".*", "?": ".", "$": "\\$"}[one])
        else:
            made.append(one.lower())
        position += 1
    return "".join(made)

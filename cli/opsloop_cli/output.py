"""Tables for people and JSON for machines, on stdout; everything else goes to stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

WIDE = 200
"""Columns of a table that goes to a pipe or a file: wide enough to fold nothing."""

UNKNOWN = "unknown"


def show_json(document: Any) -> None:
    """Print ``document`` on stdout, alone; nothing where that was closed."""
    if sys.stdout is not None:
        sys.stdout.write(json_text(document, is_utf8=(sys.stdout.encoding or "").lower() in ("utf-8", "utf8")) + "\n")


def json_text(document: Any, *, is_utf8: bool = True) -> str:
    """Return ``document`` as JSON in several lines. Bytes of a file's name that are no text are in it as escapes."""
    text = json.dumps(document, indent=2, ensure_ascii=not is_utf8)
    return text.encode("utf-8", "backslashreplace").decode() if is_utf8 else text


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()) -> None:
    """Print a table; the columns named in ``right`` hold numbers."""
    from rich import box  # rich takes 60 ms to import: only tables need it
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    for row in rows:
        table.add_row(*(Text(printable(cell), style="yellow" if cell == UNKNOWN else "") for cell in row))
    is_terminal = sys.stdout.isatty()
    Console(file=sys.stdout, width=None if is_terminal else WIDE).print(table)


def printable(text: str) -> str:
    """Return a text with the bytes of a file's name that are no text written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def say(text: str) -> None:
    """Print one line for people on stderr."""
    if sys.stderr is not None:
        sys.stderr.write(f"{printable(text)}\n")


def number(value: float | None, *, digits: int = 0) -> str:
    """Return ``value`` for people; what is not known is never shown as a number."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def percent(ratio: float | None, *, digits: int = 2) -> str:
    """Return a ratio from 0 to 1 as a percentage."""
    return UNKNOWN if ratio is None else f"{100 * ratio:.{digits}f} %"

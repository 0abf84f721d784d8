"""Tables for people and JSON for machines, on stdout; everything else goes to stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

WIDE = 200
"""Columns of a table that goes to a pipe or a file: wide enough to fold nothing."""

UNKNOWN = "unknown"


def show_json(document: Any) -> None:
    """Print ``document`` on stdout, alone."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


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
        table.add_row(*(Text(cell, style="yellow" if cell == UNKNOWN else "") for cell in row))
    is_terminal = sys.stdout.isatty()
    Console(file=sys.stdout, width=None if is_terminal else WIDE).print(table)


def say(text: str) -> None:
    """Print one line for people on stderr."""
    sys.stderr.write(f"{text}\n")


def number(value: float | None, *, digits: int = 0) -> str:
    """Return ``value`` for people; what is not known is never shown as a number."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def percent(ratio: float | None, *, digits: int = 2) -> str:
    """Return a ratio from 0 to 1 as a percentage."""
    return UNKNOWN if ratio is None else f"{100 * ratio:.{digits}f} %"

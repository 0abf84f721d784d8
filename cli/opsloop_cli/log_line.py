"""Log lines for a terminal. What strangers wrote moves no cursor, changes no colour, and passes for no line of ours."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STYLES = {"fatal": "bold white on red", "error": "bold red", "warn": "yellow", "info": "green"}
BARS = " ▁▂▃▄▅▆▇█"
MAX_LINES, MAX_LETTERS = 8, 1_000  # of a body, unless it is wanted whole
_INDENT = "    "


def safe(text: str) -> str:
    """Return ``text`` with all that is no letter, mark or plain blank written out: ``\\x1b``, ``\\u202e``."""
    return text if text.isprintable() else "".join(one if one.isprintable() else _escaped(one) for one in text)


def safe_json(document: Any) -> str:
    """Return ``document`` as JSON, with the same characters in JSON's own escapes."""
    text = json.dumps(document, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


def console() -> "Console":
    """Return where lines are printed: in colours, if that is a terminal."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True)


def styled(hit: Mapping[str, Any], *, is_whole: bool = False) -> "Text":
    """Return a line with time, severity, service and body; found words bold; further lines of the body indented."""
    from rich.text import Text

    marks = hit.get("highlights", {})
    severity = hit["severity"]
    line = Text(f"{hit['time'][:23]}Z ", style="dim")
    line.append(f"{safe(severity.upper()):<6}", style=STYLES.get(severity, "dim"))
    line.append(f" {safe(hit['service'])}  ", style="cyan")
    body = hit["body"] or safe_json(hit["body_json"] or hit["attributes"] or "")
    _append(line, _shown(body, is_whole=is_whole), _found(marks.get("body", ())))
    for field, pieces in marks.items():
        if field != "body":
            for piece in pieces:
                line.append(f"\n{_INDENT}{safe(field)}: ", style="dim")
                for part in piece:
                    line.append(safe(part["text"]), style="bold" if part["is_found"] else "")
    return line


def bars(counts: Sequence[int]) -> str:
    """Return counts as a row of small bars, the greatest full."""
    most = max(counts, default=0) or 1
    return "".join(BARS[-(-one * (len(BARS) - 1) // most)] for one in counts)


def _shown(body: str, *, is_whole: bool) -> str:
    lines = [safe(one.replace("\t", _INDENT)) for one in body.rstrip("\n").split("\n")]
    if not is_whole:
        hidden = max(0, len(lines) - MAX_LINES)
        lines = [f"{one[:MAX_LETTERS]}..." if len(one) > MAX_LETTERS else one for one in lines[:MAX_LINES]]
        lines += [f"({hidden} more lines; --whole shows them)"] if hidden else []
    return f"\n{_INDENT}".join(lines)


def _found(pieces: Iterable[Sequence[Mapping[str, Any]]]) -> set[str]:
    return {safe(part["text"]) for piece in pieces for part in piece if part["is_found"]}


def _append(line: "Text", text: str, words: set[str]) -> None:
    """Append ``text`` with every one of ``words`` in it bold."""
    first = len(line)
    line.append(text)
    for word in words:
        at = text.find(word)
        while at >= 0:
            line.stylize("bold reverse", first + at, first + at + len(word))
            at = text.find(word, at + len(word))


def _escaped(letter: str) -> str:
    number = ord(letter)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65_536 else f"\\U{number:08x}"

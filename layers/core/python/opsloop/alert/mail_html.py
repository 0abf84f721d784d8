"""A message as the HTML part of a mail: one column, inline styles, tables; nothing is loaded from elsewhere.

Mail programs drop style sheets, scripts and most of CSS; what stands here is what all of them show alike.
"""

import re
from html import escape

from opsloop.alert.mail_text import REPEATED
from opsloop.alert.model import DETECTED, ENDED, Message, Section
from opsloop.anomaly.model import Severity

FONT = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
MONO = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"
INK, QUIET, LINE, PAGE = "#101828", "#475467", "#eaecf0", "#f2f4f7"
COLORS = {Severity.CRITICAL: "#b42318", Severity.WARNING: "#b54708", Severity.INFO: "#175cd3"}
OVER = "#067647"
_BAND = "Expected band"
_FIGURES = ("Now", "Last unusual", "Usually", _BAND)
_UNIT = re.compile(r"(?<=\d) (?=%|(?:ms|s|minutes?|hours?|days?)\b)")
_NARROW = 28  # per cent of a row for a single number; a band takes what is left


def html(message: Message) -> str:
    """Return the whole document."""
    figures = [(name, value) for name, value in message.facts if name in _FIGURES]
    facts = [(name, value) for name, value in message.facts if name not in _FIGURES]
    body = [
        _head(message),
        _row(f'<div style="font-size:16px;line-height:24px;color:{INK}">{_shown(message.summary)}</div>'),
        _row(f'<div style="font-size:14px;line-height:20px;color:{QUIET}">{REPEATED}</div>')
        if message.is_repeat
        else "",
        _figures(figures) if figures else "",
        _links(message) if message.links else "",
        *(_section(section) for section in message.sections),
        _facts(facts) if facts else "",
        _commands(message.commands) if message.commands else "",
    ]
    return _document(message, "".join(body))


def color_of(message: Message) -> str:
    """Return the colour that says how bad it is, as ``#rrggbb``."""
    return OVER if message.state == ENDED else COLORS[message.severity]


def _shown(text: str) -> str:
    """Return ``text`` escaped, with no line's end between a number and its unit."""
    return _UNIT.sub("&nbsp;", escape(text))


def _document(message: Message, body: str) -> str:
    preview = escape(f"{message.status}. {message.summary}")
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light"><meta name="supported-color-schemes" content="light">'
        f"<title>{escape(message.headline)}</title></head>"
        f'<body style="margin:0;padding:0;background:{PAGE};-webkit-text-size-adjust:100%">'
        f'<div style="display:none;max-height:0;overflow:hidden;opacity:0">{preview}</div>'
        f'<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:{PAGE}">'
        '<tr><td align="center" style="padding:16px 8px">'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:600px;width:100%;'
        f'background:#ffffff;border:1px solid {LINE};border-radius:8px;border-collapse:separate;{FONT}">'
        f"{body}"
        f'<tr><td style="padding:16px 20px 20px;font-size:12px;line-height:18px;color:{QUIET};word-break:break-word">'
        f"opsloop &middot; delivery {escape(message.delivery_id)}</td></tr>"
        "</table></td></tr></table></body></html>\n"
    )


def _head(message: Message) -> str:
    color = color_of(message)
    return (
        f'<tr><td style="padding:20px 20px 4px;border-top:6px solid {color};border-radius:8px 8px 0 0">'
        f'<div style="font-size:13px;line-height:18px;font-weight:700;letter-spacing:.04em;color:{color}">'
        f"{escape(message.status.upper())}</div>"
        f'<div style="font-size:22px;line-height:28px;font-weight:700;color:{INK};padding-top:4px;'
        f'word-break:break-word">{_shown(message.headline)}</div></td></tr>'
    )


def _row(content: str) -> str:
    return f'<tr><td style="padding:8px 20px;word-break:break-word">{content}</td></tr>'


def _figures(figures: list[tuple[str, str]]) -> str:
    rest = 100 - _NARROW * (len(figures) - 1)
    cells = "".join(
        f'<td width="{rest if name == _BAND else _NARROW}%" valign="top" style="padding:10px;'
        f'border-left:{0 if at == 0 else 1}px solid {LINE}">'
        f'<div style="font-size:12px;line-height:16px;color:{QUIET}">{escape(name)}</div>'
        f'<div style="font-size:16px;line-height:24px;font-weight:600;color:{INK}">{_shown(value)}</div></td>'
        for at, (name, value) in enumerate(figures)
    )
    return _row(
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" '
        f'style="border:1px solid {LINE};border-radius:8px;border-collapse:separate"><tr>{cells}</tr></table>'
    )


def _links(message: Message) -> str:
    color = color_of(message) if message.state in (DETECTED, ENDED) else COLORS[Severity.INFO]
    shown = []
    for at, (text, url) in enumerate(message.links):
        look = f"background:{color};color:#ffffff" if at == 0 else f"color:{INK};border:1px solid #d0d5dd"
        shown.append(
            f'<a href="{escape(url)}" style="display:inline-block;margin:4px 8px 4px 0;padding:9px 14px;font-size:14px;'
            f'line-height:20px;font-weight:600;text-decoration:none;border-radius:6px;{look}">{escape(text)}</a>'
        )
    return _row("".join(shown))


def _section(section: Section) -> str:
    lines = "".join(
        f'<div style="font-size:14px;line-height:20px;color:{INK};padding:6px 0;border-top:1px solid {LINE}">'
        f"{_shown(one)}</div>"
        for one in section.lines
    )
    return _row(_heading(section.heading) + lines)


def _facts(facts: list[tuple[str, str]]) -> str:
    rows = "".join(
        f'<tr><td valign="top" style="padding:5px 12px 5px 0;font-size:14px;line-height:20px;color:{QUIET};'
        f'white-space:nowrap;border-top:1px solid {LINE}">{escape(name)}</td>'
        f'<td valign="top" width="100%" style="padding:5px 0;font-size:14px;line-height:20px;color:{INK};'
        f'word-break:break-word;border-top:1px solid {LINE}">{_shown(value)}</td></tr>'
        for name, value in facts
    )
    table = f'<table role="presentation" width="100%" cellpadding="0" cellspacing="0">{rows}</table>'
    return _row(_heading("Details") + table)


def _commands(commands: tuple[str, ...]) -> str:
    lines = "<br>".join(escape(command) for command in commands)
    return _row(
        _heading("Run") + f'<div style="{MONO};font-size:13px;line-height:20px;color:{INK};background:{PAGE};'
        f'border-radius:6px;padding:10px 12px;word-break:break-all">{lines}</div>'
    )


def _heading(text: str) -> str:
    return (
        f'<div style="font-size:13px;line-height:18px;font-weight:600;color:{QUIET};padding:0 0 6px">'
        f"{escape(text)}</div>"
    )

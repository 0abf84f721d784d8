"""A message as Slack's Block Kit.

Foreign text stands only where Slack takes text as it is: in the header (plain text) and in rich text elements. There is
no mark-up to escape from. The fallback text, which notifications show and which is mark-up, is escaped.
Limits: 50 blocks; 150 characters in a header; Slack refuses messages above some 13,000 characters in all.
"""

from typing import Any

from opsloop.alert.mail_text import REPEATED
from opsloop.alert.model import ENDED, TEST, Message
from opsloop.alert.words import line
from opsloop.anomaly.model import Severity

MAX_BLOCKS, MAX_HEADER, MAX_ALL = 50, 150, 10_000
_SIGNS = {Severity.CRITICAL: "\U0001f534", Severity.WARNING: "\U0001f7e0", Severity.INFO: "\U0001f535"}
_OVER = "\U0001f7e2"

Element = dict[str, Any]


def payload(message: Message) -> dict[str, Any]:
    """Return the JSON document of a post: ``text`` for notifications, ``blocks`` for the channel."""
    head = f"{_sign(message)} {message.status}: {message.headline}"
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": line(head, MAX_HEADER), "emoji": False}},
        _rich(_section([_text(message.summary)])),
        *([_rich(_section([_text(REPEATED, italic=True)]))] if message.is_repeat else []),
        *([_facts(message.facts)] if message.facts else []),
        *(_list(section.heading, section.lines) for section in message.sections),
        *([_commands(message.commands)] if message.commands else []),
        *([_links(message.links)] if message.links else []),
        _rich(_section([_text(f"opsloop, delivery {message.delivery_id}", italic=True)])),
    ]
    return {"text": escaped(head), "blocks": _within_limits(blocks)}


def escaped(text: str) -> str:
    """Return ``text`` so that Slack reads no mention, link or channel in it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _sign(message: Message) -> str:
    return _OVER if message.state in (ENDED, TEST) else _SIGNS[message.severity]


def _rich(*elements: Element) -> Element:
    return {"type": "rich_text", "elements": list(elements)}


def _section(elements: list[Element]) -> Element:
    return {"type": "rich_text_section", "elements": elements}


def _text(text: str, *, bold: bool = False, italic: bool = False) -> Element:
    style = {"bold": True} if bold else {"italic": True} if italic else {}
    return {"type": "text", "text": text} | ({"style": style} if style else {})


def _facts(facts: tuple[tuple[str, str], ...]) -> Element:
    elements: list[Element] = []
    for at, (name, value) in enumerate(facts):
        elements += [_text(f"{name}: ", bold=True), _text(value + ("" if at == len(facts) - 1 else "\n"))]
    return _rich(_section(elements))


def _list(heading: str, lines: tuple[str, ...]) -> Element:
    items = [_section([_text(one)]) for one in lines]
    bullets = {"type": "rich_text_list", "style": "bullet", "elements": items}
    return _rich(_section([_text(heading, bold=True)]), bullets)


def _commands(commands: tuple[str, ...]) -> Element:
    preformatted = {"type": "rich_text_preformatted", "elements": [_text("\n".join(commands))]}
    return _rich(_section([_text("Run", bold=True)]), preformatted)


def _links(links: tuple[tuple[str, str], ...]) -> Element:
    elements: list[Element] = []
    for at, (text, url) in enumerate(links):
        elements += [_text("\n")] if at else []
        elements.append({"type": "link", "url": url, "text": text})
    return _rich(_section(elements))


def _within_limits(blocks: list[Element]) -> list[Element]:
    """Return the blocks that fit; what is left out stands at the end of a message, and in what its links lead to."""
    kept, room = [], MAX_ALL
    for block in blocks[:MAX_BLOCKS]:
        room -= _characters(block)
        if room < 0:
            break
        kept.append(block)
    return kept


def _characters(block: Any) -> int:
    if isinstance(block, dict):
        return sum(_characters(value) for value in block.values())
    if isinstance(block, list):
        return sum(_characters(one) for one in block)
    return len(block) if isinstance(block, str) else 0

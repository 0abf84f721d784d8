"""A message as the plain part of a mail: readable in a terminal, and by who lets no HTML in."""

from opsloop.alert.model import Message

WIDTH = 72
REPEATED = "This is sent a second time: whether the first copy arrived is not known."


def plain_text(message: Message) -> str:
    """Return the whole text; lines end in a newline and are as long as they come, links and commands unbroken."""
    lines = [message.status.upper(), message.headline, "", *_wrapped(message.summary), ""]
    if message.is_repeat:
        lines += [REPEATED, ""]
    width = max((len(name) for name, _ in message.facts), default=0)
    lines += [f"{name + ':':<{width + 2}}{value}" for name, value in message.facts]
    for section in message.sections:
        lines += ["", f"{section.heading}:", *(f"- {one}" for one in section.lines)]
    if message.commands:
        lines += ["", "Run:", *(f"  {command}" for command in message.commands)]
    if message.links:
        lines.append("")
        for text, url in message.links:
            lines += [f"{text}:", f"  {url}"]
    return "\n".join([*lines, "", "-- ", f"opsloop, delivery {message.delivery_id}", ""])


def _wrapped(text: str) -> list[str]:
    lines, current = [], ""
    for word in text.split():
        if current and len(current) + 1 + len(word) > WIDTH:
            lines.append(current)
            current = word
        else:
            current = f"{current} {word}".strip()
    return [*lines, current]

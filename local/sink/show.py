"""Mails and posts as text for a terminal."""

from typing import Any

from local.sink.store import Mail, Post

RULE = "-" * 72


def as_text(one: Mail | Post) -> str:
    """Return what a person would see, between rules."""
    body = mail_text(one) if isinstance(one, Mail) else post_text(one)
    return f"{RULE}\n{body}\n{RULE}"


def mail_text(mail: Mail) -> str:
    """Return the mail's head and its plain part."""
    thread = f"\nIn-Reply-To: {mail.in_reply_to}" if mail.in_reply_to else ""
    head = f"Mail to {', '.join(mail.to)}\nFrom: {mail.sender}\nSubject: {mail.subject}{thread}"
    return f"{head}\n\n{mail.text.strip()}"


def post_text(post: Post) -> str:
    """Return the post's blocks, one below the other."""
    blocks = [_block(block) for block in post.document.get("blocks", [])]
    return "\n\n".join([f"Slack post to {post.channel}", *(blocks or [str(post.document.get("text", ""))])])


def _block(block: dict[str, Any]) -> str:
    if block["type"] == "rich_text":
        return "\n".join(_rich(element) for element in block["elements"])
    text = block.get("text")
    return str(text.get("text", "")) if isinstance(text, dict) else ""


def _rich(element: dict[str, Any]) -> str:
    kind = element["type"]
    if kind == "rich_text_list":
        return "\n".join(f"  - {_rich(item)}" for item in element["elements"])
    text = "".join(_inline(one) for one in element["elements"])
    return "\n".join(f"  $ {line}" for line in text.splitlines()) if kind == "rich_text_preformatted" else text


def _inline(element: dict[str, Any]) -> str:
    if element["type"] == "link":
        return f"{element.get('text') or element['url']} ({element['url']})"
    return str(element.get("text", ""))

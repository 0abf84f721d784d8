"""What the sink got: one JSON file per mail and post, numbered in the order of arrival; a mail also as it came."""

import email
import email.policy
import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MAIL, POST = "mail", "post"


@dataclass(frozen=True)
class Mail:
    """A mail: envelope, headers that matter, and both of its bodies."""

    number: int
    sender: str
    to: list[str]
    subject: str
    message_id: str
    in_reply_to: str
    references: str
    delivery: str
    text: str
    html: str
    kind: str = MAIL


@dataclass(frozen=True)
class Post:
    """A post to a webhook: the last part of its URL, and the document."""

    number: int
    channel: str
    document: dict[str, Any] = field(default_factory=dict)
    kind: str = POST


class Store:
    """The folder of one sink. Threads may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def keep_mail(self, sender: str, to: list[str], document: bytes) -> Mail:
        """Keep a mail as it came, and what it says."""
        parsed: Any = email.message_from_bytes(document, policy=email.policy.default)
        text, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
        with self._lock:
            one = Mail(
                number=self._next(),
                sender=sender,
                to=to,
                subject=str(parsed["Subject"] or ""),
                message_id=str(parsed["Message-ID"] or ""),
                in_reply_to=str(parsed["In-Reply-To"] or ""),
                references=str(parsed["References"] or ""),
                delivery=str(parsed["X-Opsloop-Delivery"] or "").strip(),  # a folded line keeps its blank
                text=text.get_content() if text else "",
                html=html.get_content() if html else "",
            )
            (self._folder / f"{one.number:06d}.eml").write_bytes(document)
            self._write(one)
        return one

    def keep_post(self, channel: str, document: dict[str, Any]) -> Post:
        """Keep a post."""
        with self._lock:
            one = Post(self._next(), channel, document)
            self._write(one)
        return one

    def all(self) -> Iterator[Mail | Post]:
        """Yield everything in the order in which it came."""
        for path in sorted(self._folder.glob("*.json")):
            content = json.loads(path.read_text(encoding="utf-8"))
            yield Mail(**content) if content["kind"] == MAIL else Post(**content)

    def played_answer(self) -> str:
        """Return what webhooks are to answer whatever they get, such as ``404 no_service``; empty as a rule."""
        path = self._folder / "answer"
        return path.read_text(encoding="utf-8").strip() if path.exists() else ""

    def _next(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        return 1 + max((int(path.stem) for path in self._folder.glob("*.json")), default=0)

    def _write(self, one: Mail | Post) -> None:
        path = self._folder / f"{one.number:06d}.json"
        new = path.with_suffix(".new")
        new.write_text(json.dumps(asdict(one), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        new.replace(path)  # whoever reads meanwhile sees it whole or not at all

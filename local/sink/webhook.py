"""Slack's incoming webhooks, as far as one can tell them from outside.

``/slack/NAME`` takes posts and refuses what Slack refuses. Who wants to see what becomes of a webhook that was removed
calls ``/answer/404/no_service``, or writes ``404 no_service`` into the file ``answer`` of the sink's folder.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.sink.store import Store

MAX_BLOCKS, MAX_HEADER, MAX_SECTION, MAX_ALL = 50, 150, 3_000, 13_200
BLOCKS = frozenset({"header", "section", "divider", "context", "actions", "image", "rich_text"})


class WebhookServer(ThreadingHTTPServer):
    """Keeps posts in ``store``."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], store: Store) -> None:
        self.store = store
        super().__init__(address, _Request)


class _Request(BaseHTTPRequestHandler):
    server: WebhookServer

    def do_POST(self) -> None:
        """Take or refuse one post."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        place, _, name = self.path.strip("/").partition("/")
        played = name.replace("/", " ", 1) if place == "answer" else self.server.store.played_answer()
        if played:
            status, _, text = played.partition(" ")
            self._answer(int(status), text)
        elif place != "slack" or not name:
            self._answer(404, "no_service")
        elif fault := fault_of(body):
            self._answer(400, fault)
        else:
            self.server.store.keep_post(name, json.loads(body))
            self._answer(200, "ok")

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: paths are secrets where webhooks are real."""


def fault_of(body: bytes) -> str:
    """Return Slack's word for what is wrong with a post, empty if nothing is."""
    try:
        document = json.loads(body)
    except ValueError:
        return "invalid_payload"
    if not isinstance(document, dict):
        return "invalid_payload"
    blocks = document.get("blocks", [])
    if not document.get("text") and not blocks:
        return "no_text"
    if not isinstance(blocks, list) or len(blocks) > MAX_BLOCKS or not all(_is_valid(block) for block in blocks):
        return "invalid_blocks"
    return "msg_blocks_too_long" if len(json.dumps(blocks, ensure_ascii=False)) > MAX_ALL else ""


def _is_valid(block: Any) -> bool:
    if not isinstance(block, dict) or block.get("type") not in BLOCKS:
        return False
    text = block.get("text", {}).get("text", "") if isinstance(block.get("text"), dict) else ""
    if block["type"] == "header":
        return 0 < len(text) <= MAX_HEADER and block["text"].get("type") == "plain_text"
    if block["type"] == "section":
        return len(text) <= MAX_SECTION
    return block["type"] != "rich_text" or bool(block.get("elements"))

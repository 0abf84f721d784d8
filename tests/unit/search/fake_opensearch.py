"""A server that speaks as much of OpenSearch as putting documents needs, and fails as it is told."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Outcome = tuple[int, str]  # status and type of error of one document
GOOD: Outcome = (201, "")


@dataclass
class Script:
    """What becomes of each document (``outcome(id, attempt)``), and what was asked."""

    outcome: Callable[[str, int], Outcome] = lambda _id, _attempt: GOOD
    whole: list[tuple[int, bytes]] = field(default_factory=list)  # answers to whole requests, used up first
    asked: list[list[str]] = field(default_factory=list)  # the ids of each bulk request
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    indexes: set[str] = field(default_factory=set)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def bulk(self, lines: list[str]) -> tuple[int, bytes]:
        """Return the answer to a bulk request, and keep what is good."""
        heads = [json.loads(line)["index"] for line in lines[::2]]
        self.asked.append([head["_id"] for head in heads])
        if self.whole:
            return self.whole.pop(0)
        items = []
        for head, text in zip(heads, lines[1::2], strict=True):
            attempt = sum(head["_id"] in ids for ids in self.asked)
            status, kind = self.outcome(head["_id"], attempt)
            if status < 300:
                self.kept[head["_id"]] = json.loads(text)
                self.indexes.add(head["_index"])
            error = {"error": {"type": kind, "reason": f"because of {kind}"}} if kind else {}
            items.append({"index": {"status": status, **error}})
        return 200, json.dumps({"items": items}).encode()


@contextmanager
def served(script: Script) -> Iterator[str]:
    """Run the server; give its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            script.paths.append(f"{self.command} {self.path}")
            script.headers.append({name.lower(): value for name, value in self.headers.items()})
            if self.path.startswith("/_bulk"):
                self._answer(*script.bulk(body.decode().splitlines()))
            elif script.whole:
                self._answer(*script.whole.pop(0))
            elif self.command == "GET" and "_index_template" in self.path:
                self._answer(404, b"{}")
            else:
                self._answer(200, b"{}")

        do_GET = do_PUT = do_POST  # noqa: N815 -- the names that the base class looks for

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()

"""A loopback HTTP server that answers what a test says, and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeApi:
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, list[tuple[int, str, bytes, dict[str, str]]]] = field(default_factory=dict)

    def will(
        self, route: str, document: Any = None, *, status: int = 200, content_type: str = "application/json",
        body: bytes | None = None, **headers: str,
    ) -> None:  # fmt: skip
        """Answer ``route`` (such as "GET /v1/kpis") once more; the last answer stays."""
        data = json.dumps(document).encode() if body is None else body
        self.answers.setdefault(route, []).append((status, content_type, data, headers))

    def problem(self, route: str, status: int, title: str, detail: str) -> None:
        document = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": "req-1"}
        self.will(route, document, status=status, content_type="application/problem+json")


@contextmanager
def serving() -> Iterator[FakeApi]:
    api = FakeApi()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            api.asked.append(Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body))
            answers = api.answers.get(f"{self.command} {parts.path}", [(404, "text/plain", b"nothing here", {})])
            status, content_type, data, more = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            for name, value in {"Content-Type": content_type, "Content-Length": str(len(data)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that BaseHTTPRequestHandler calls

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

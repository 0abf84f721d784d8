"""The console in the browser without a network: its built files, and answers of the API as a test wants them.

Requests never leave the browser's driver, so an answer can be held back for as long as a test likes, and nothing waits.
"""

import json
import mimetypes
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from playwright.sync_api import BrowserContext, Request, Route

from opsloop.dashboard.headers import security_headers

ORIGIN = "https://console.example"  # an origin of its own, secure as far as the browser knows; nothing answers there
HEADERS = security_headers(is_encrypted=True)  # as the deployed console sends them


@dataclass(frozen=True)
class Asked:
    """One request to the API."""

    method: str
    path: str
    query: dict[str, str]
    body: Any = None
    parameters: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """An answer that is none: a problem document with a status."""

    def __init__(self, status: int, title: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.document = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}


Answer = Callable[[Asked], Any]
Answers = Mapping[str, Answer]


class Stub:
    """Serves ``site`` and ``answers`` (by "GET /v1/services", "POST /v1/anomalies/{id}/feedback") to a context."""

    def __init__(self, site: Path, answers: Answers) -> None:
        self.site = site
        self.asked: list[Asked] = []
        self.answers = dict(answers)
        self._held: list[tuple[Route, Request]] = []
        self._hold = ""

    def install(self, context: BrowserContext) -> None:
        """Answer everything that pages of ``context`` ask for."""
        context.route("**/*", self._handle)

    def answer(self, route: str, answer: Answer) -> None:
        """Answer ``route`` otherwise from now on."""
        self.answers[route] = answer

    def change(self, change: Callable[[str, Any], Any]) -> None:
        """Pass every answer through ``change(route, document)`` from now on."""
        for route, before in list(self.answers.items()):
            self.answers[route] = lambda asked, route=route, before=before: change(route, before(asked))

    def fail(self, pattern: str, status: int = 503) -> None:
        """Refuse every question whose path matches ``pattern`` from now on; questions about the session go on."""

        def refuse(asked: Asked) -> Any:
            raise RefusedError(status, "Service Unavailable", "the KPI table does not answer", correlation_id="c0rr-1d")

        for route in self.answers:
            if re.search(pattern, route) and not route.endswith("/v1/session"):
                self.answers[route] = refuse

    def hold(self, pattern: str) -> None:
        """Keep questions whose path matches ``pattern`` waiting until ``release``."""
        self._hold = pattern

    def release(self) -> None:
        """Answer what waits, and hold nothing any more."""
        self._hold = ""
        held, self._held = self._held, []
        for route, request in held:
            self._handle(route, request)

    @property
    def waiting(self) -> int:
        """Return how many questions are held."""
        return len(self._held)

    def _handle(self, route: Route, request: Request) -> None:
        parts = urlsplit(request.url)
        if f"{parts.scheme}://{parts.netloc}" != ORIGIN:
            route.abort()
        elif not parts.path.startswith("/v1/"):
            self._file(route, parts.path)
        elif self._hold and re.search(self._hold, parts.path):
            self._held.append((route, request))
        else:
            self._question(route, request)

    def _file(self, route: Route, path: str) -> None:
        file = self.site / path.removeprefix("/console/")
        if not path.startswith("/console/assets/") or not file.is_file():
            file = self.site / "index.html"
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        route.fulfill(body=file.read_bytes(), headers=HEADERS | {"content-type": kind})

    def _question(self, route: Route, request: Request) -> None:
        parts = urlsplit(request.url)
        body = json.loads(request.post_data) if request.post_data else None
        found = self.find(request.method, parts.path)
        query = dict(parse_qsl(parts.query))
        asked = Asked(request.method, parts.path, query, body, found[1] if found else {}, dict(request.headers))
        self.asked.append(asked)
        try:
            if found is None:
                raise RefusedError(404, "Not Found", f"the stub knows no {request.method} {parts.path}")
            document = self.answers[found[0]](asked)
        except RefusedError as refusal:
            route.fulfill(
                status=refusal.status, content_type="application/problem+json", body=json.dumps(refusal.document)
            )
            return
        if document is None:
            route.fulfill(status=204)
        else:
            route.fulfill(content_type="application/json", body=json.dumps(document))

    def find(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        """Return the route that answers ``path``, and what stands in its braces; exact routes come first."""
        if f"{method} {path}" in self.answers:
            return f"{method} {path}", {}
        for route in self.answers:
            wanted, _, template = route.partition(" ")
            names = re.findall(r"\{(\w+)\}", template)
            match = names and wanted == method and re.fullmatch(re.sub(r"\{\w+\}", "([^/]+)", template), path)
            if match:
                return route, dict(zip(names, map(unquote, match.groups()), strict=True))
        return None

"""HTTP to opsloop's API. Redirects are not followed: they could carry a key elsewhere."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from opsloop_cli.failure import CommandError, ExitCode
from opsloop_cli.profile import LOOPBACK_HOSTS, Scope, Target

TIMEOUT_S = 30
TRY_LATER = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of any status."""

    status: int
    content_type: str
    body: bytes

    def json(self) -> Any:
        """Return the body read as JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise CommandError(
                f"the answer (status {self.status}) is not JSON: is this opsloop's URL?", ExitCode.NO
            ) from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow nothing; the 3xx becomes an error."""


class Client:
    """Sends requests to one ``target``."""

    def __init__(self, target: Target) -> None:
        self.target = target
        handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
        if urlsplit(target.url).hostname in LOOPBACK_HOSTS:
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def send(
        self,
        method: str,
        path: str,
        *,
        scope: Scope | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer, whatever its status; raise ``CommandError`` when none comes."""
        all_headers = {"Accept": "application/json", "User-Agent": "opsloop-cli", **(headers or {})}
        if scope:
            all_headers["Authorization"] = f"Bearer {self.target.key(scope)}"
        request = urllib.request.Request(self.target.url + path, body, all_headers, method=method)  # noqa: S310 - http(s) by _checked
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                return Answer(response.status, response.headers.get_content_type(), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers.get_content_type(), error.read())
        except urllib.error.URLError as error:
            reason: object = error.reason
        except (OSError, http.client.HTTPException) as error:
            reason = error
        raise CommandError(f"cannot reach {self.target.url} ({self.target.origin}): {reason}", ExitCode.UNREACHABLE)

    def call(
        self, method: str, path: str, *, scope: Scope, document: Any = None, query: Mapping[str, str] | None = None
    ) -> Any:
        """Return the JSON of a 2xx answer (None where it is empty); any other answer becomes a ``CommandError``."""
        body = json.dumps(document).encode() if document is not None else None
        headers = {"Content-Type": "application/json"} if body else {}
        full_path = f"{path}?{urlencode(query)}" if query else path
        answer = self.send(method, full_path, scope=scope, body=body, headers=headers)
        if not 200 <= answer.status < 300:
            raise failure(answer)
        return answer.json() if answer.body else None

    def all_pages(self, path: str, field: str, *, scope: Scope, query: Mapping[str, str]) -> list[Any]:
        """Return the items in ``field`` of every page."""
        items: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.call("GET", path, scope=scope, query={**query, **cursor})
            items += page[field]
            if not page.get("next"):
                return items
            cursor = {"cursor": page["next"]}


def failure(answer: Answer) -> CommandError:
    """Return the error, as one sentence for people, that an answer of status 3xx to 5xx stands for."""
    code = ExitCode.NO
    if answer.status in (401, 403):
        code = ExitCode.NOT_ALLOWED
    elif answer.status in TRY_LATER:
        code = ExitCode.UNREACHABLE
    problem: Any = None
    if "json" in answer.content_type:
        try:
            problem = json.loads(answer.body)
        except ValueError:
            problem = None
    if not isinstance(problem, dict):
        return CommandError(f"the answer was status {answer.status}", code)
    title = problem.get("title") or "status"
    detail = problem.get("detail") or problem.get("message") or "no details given"
    reference = f", reference {problem['instance']}" if problem.get("instance") else ""
    return CommandError(f"{detail} ({title}, {answer.status}{reference})", code)

"""The one HTTP mechanism: routes with scopes, keys, problems, and one log line per request.

    api = Api(Authenticator(AccessTable(settings.access_table).find), logger, metrics)

    @api.route("GET", "/v1/keys/{key_id}", scope=Scope.ADMIN, query=("cursor", "limit"))
    def list_keys(request: Request) -> Response: ...

    lambda_handler = api.lambda_handler

A route raises our errors and they become the right answer; any other exception becomes a bare 500 and a log line.
Powertools' resolver is not used: its import takes 100 ms of every cold start, and it knows no 405, HEAD, or keys
(docs/adr/0008-own-http.md).
"""

import re
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from opsloop.access.authorize import authorize
from opsloop.access.cookie import SESSION, cookie_name, read_cookie
from opsloop.access.model import Scope
from opsloop.access.session import csrf_token, refuse_forged
from opsloop.dataclass import dataclass, replace
from opsloop.errors import InvalidInputError, NotFoundError, OpsloopError, PermanentError
from opsloop.runtime.authentication import Authenticator, bearer
from opsloop.runtime.request import Request, read_body, read_query, read_request
from opsloop.runtime.response import Response, error_headers, problem

Handle = Callable[[Request], Response]
RenderError = Callable[[OpsloopError, Request], Response]
Credentials = Callable[[Mapping[str, str]], str]
MAX_BODY_BYTES = 262_144  # of requests to the API; telemetry sets its own


class MethodNotAllowedError(PermanentError):
    """A known path, another method; ``allowed`` lists those that it has."""

    status = 405
    title = "Method not allowed"

    def __init__(self, method: str, allowed: Collection[str]) -> None:
        self.allowed = ", ".join(sorted(allowed))
        super().__init__(f"{method} is not one of {self.allowed}")


@dataclass(frozen=True)
class _Route:
    method: str
    pattern: str
    matcher: re.Pattern[str]
    scope: Scope | None
    query: Collection[str] | None
    handle: Handle
    credentials: Credentials


@dataclass
class _Outcome:
    """What the log line says of a request besides its answer."""

    route: str = ""
    key_id: str = ""
    is_session: bool = False
    detail: str = ""


class Api:
    """The routes of one function."""

    def __init__(
        self,
        authenticator: Authenticator | None,
        logger: Logger,
        metrics: Metrics,
        *,
        render_error: RenderError = problem,
        max_body_bytes: int = MAX_BODY_BYTES,
        fallback: Handle | None = None,
    ) -> None:
        """Answer 404 on a path without a route, unless ``fallback`` knows better."""
        self._authenticator, self._logger, self._metrics = authenticator, logger, metrics
        self._render_error, self._max_body_bytes = render_error, max_body_bytes
        self._fallback = fallback
        self._routes: list[_Route] = []
        self.lambda_handler = logger.inject_lambda_context(
            metrics.log_metrics(self.handle, capture_cold_start_metric=True)
        )

    def route(
        self,
        method: str,
        pattern: str,
        *,
        scope: Scope | None,
        query: Collection[str] | None = None,
        credentials: Credentials = bearer,
    ) -> Callable[[Handle], Handle]:
        """Answer ``method`` on ``pattern`` (``/v1/keys/{key_id}``) with the decorated function.

        ``{name+}`` at its end takes whatever follows, slashes too. ``scope`` None opens the route to everybody.
        ``query`` names the parameters that it knows: any other is answered 400, so that a misspelt filter is not
        silently no filter; None: the query is not read at all.
        ``credentials`` returns what stands for the ``Authorization`` header where a protocol carries the key elsewhere.
        """
        part = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(pattern))
        matcher = re.compile(re.sub(r"\\{(\w+)\\\+\\}", r"(?P<\1>.+)", part), re.DOTALL)

        def register(handle: Handle) -> Handle:
            if scope is not None and self._authenticator is None:
                raise ValueError(f"{method} {pattern} needs a key, and there is nobody to check it")
            self._routes.append(_Route(method, pattern, matcher, scope, query, handle, credentials))
            return handle

        return register

    def handle(self, event: dict[str, Any], _context: object) -> dict[str, Any]:
        """Answer one request of API Gateway (HTTP API, payload 2.0)."""
        started = time.perf_counter()
        request, outcome = read_request(event), _Outcome()
        self._logger.set_correlation_id(request.correlation_id)
        try:
            response = self._answer(request, event, outcome)
        except OpsloopError as error:
            outcome.detail = error.message
            response = self._refuse(error, request)
        except Exception:  # the boundary to the caller, who learns nothing but the request id
            self._logger.exception("request failed unexpectedly")
            response = self._refuse(OpsloopError(f"internal error; request {request.request_id}"), request)
        if outcome.is_session:  # whatever the route says of caches
            response = replace(response, headers={**response.headers, "cache-control": "no-store"})
        self._report(request, response, outcome, (time.perf_counter() - started) * 1_000)
        return response.to_event(request.method, request.correlation_id)

    def _answer(self, request: Request, event: dict[str, Any], outcome: _Outcome) -> Response:
        found = [(route, match) for route in self._routes if (match := route.matcher.fullmatch(request.path))]
        if not found and self._fallback is not None:
            return self._fallback(request)
        if not found:
            raise NotFoundError(f"there is nothing at {request.path}")
        outcome.route = found[0][0].pattern
        methods = {route.method for route, _ in found}
        methods |= {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        if request.method == "OPTIONS":
            return Response(204, headers={"allow": ", ".join(sorted(methods))})
        wanted = "GET" if request.method == "HEAD" else request.method
        for route, match in found:
            if route.method == wanted:
                return self._run(route, replace(request, path_parameters=match.groupdict()), event, outcome)
        raise MethodNotAllowedError(request.method, methods)

    def _run(self, route: _Route, request: Request, event: dict[str, Any], outcome: _Outcome) -> Response:
        if route.scope is not None and self._authenticator is not None:
            request = self._known(route, route.scope, request, outcome, self._authenticator)
        query = _known_query(event, route.query) if route.query is not None else {}
        body = read_body(event, self._max_body_bytes)
        is_text = not event.get("isBase64Encoded", False)
        return route.handle(replace(request, query=query, body=body, is_text=is_text))

    def _known(self, route: _Route, scope: Scope, request: Request, outcome: _Outcome, ask: Authenticator) -> Request:
        """Return the request with the key of its caller: of the header if there is one, else of the session cookie.

        Telemetry is sent with keys alone. A session that changes something must show that our own page asked for it.
        """
        header = route.credentials(request.headers)
        by_cookie = not header and scope is not Scope.INGEST
        token = read_cookie(request.cookies, cookie_name(SESSION, request.headers)) if by_cookie else ""
        if not token:
            key = ask.authenticate(header, request.now)
            outcome.key_id = key.key_id
            authorize(key, scope)
            return replace(request, key=key)
        key, secret = ask.authenticate_session(token, request.now)
        outcome.key_id, outcome.is_session = key.key_id, True
        refuse_forged(request.method, request.headers, secret)
        authorize(key, scope)
        return replace(request, key=key, csrf_token=csrf_token(secret))

    def _refuse(self, error: OpsloopError, request: Request) -> Response:
        response = self._render_error(error, request)
        headers = {**response.headers, **error_headers(error)}
        if isinstance(error, MethodNotAllowedError):
            headers["allow"] = error.allowed
        return replace(response, headers=headers)

    def _report(self, request: Request, response: Response, outcome: _Outcome, duration_ms: float) -> None:
        facts: dict[str, Any] = {
            "method": request.method,
            "route": outcome.route or "unknown",
            "status": response.status,
            "duration_ms": round(duration_ms, 3),
            "key_id": outcome.key_id,
            "user_agent": request.headers.get("user-agent", "")[:200],
        }
        facts |= request.facts
        if outcome.detail:
            facts["detail"] = outcome.detail[:500]
        write = self._logger.error if response.status >= 500 else self._logger.info
        write("request answered", **facts)
        self._metrics.add_metric(name="RequestsAnswered", unit=MetricUnit.Count, value=1)
        self._metrics.add_metric(name="RequestsRefused", unit=MetricUnit.Count, value=int(400 <= response.status < 500))
        self._metrics.add_metric(name="RequestsFailed", unit=MetricUnit.Count, value=int(response.status >= 500))
        self._metrics.add_metric(name="RequestDuration", unit=MetricUnit.Milliseconds, value=round(duration_ms, 3))


def _known_query(event: dict[str, Any], names: Collection[str]) -> dict[str, str]:
    query = read_query(event)
    if unknown := query.keys() - set(names):
        known = ", ".join(names) or "none"
        raise InvalidInputError(f"{min(unknown)}: not a parameter here; there are: {known}")
    return query

"""Every answer that the stub knows, for one who is signed in."""

from datetime import timedelta
from typing import Any

from tests.browser import (
    answers_anomaly,
    answers_backup,
    answers_exercise,
    answers_kpi,
    answers_log,
    answers_platform,
)
from tests.browser.shop import NOW, iso
from tests.browser.stub import Answer, Answers, Asked, RefusedError

KEY = f"opsloop_9ce74f8b4671_{'5' * 64}"
CSRF_TOKEN = "csrf-of-this-session"
WAYS = {"key": True, "oidc": False}
SCOPES = {"viewer": ["read"], "operator": ["operate"], "admin": ["admin"]}


def session_of(role: str) -> dict[str, Any]:
    """Return what GET /v1/session says to one who is signed in."""
    return {
        "role": role,
        "scopes": SCOPES[role],
        "name": "on-call",
        "key_id": "5e55105e5510",
        "parent_id": "9ce74f8b4671",
        "expires_at": iso(NOW + timedelta(hours=12)),
        "csrf_token": CSRF_TOKEN,
        "sign_in": WAYS,
    }


def nobody(_: Asked) -> Any:
    """Answer GET /v1/session to one who is not signed in."""
    raise RefusedError(401, "Unauthorized", "nobody is signed in", sign_in=WAYS)


def signs_in(role: str) -> Answer:
    """Return the answer of POST /v1/session: KEY opens a session of ``role``, every other key is refused."""

    def answer(asked: Asked) -> Any:
        if asked.body != {"key": KEY}:
            raise RefusedError(401, "Unauthorized", "this key opens nothing", sign_in=WAYS)
        return session_of(role)

    return answer


def answers(role: str = "admin") -> Answers:
    """Return the answers to one who is signed in with ``role``."""
    own: dict[str, Answer] = {
        "GET /v1/session": lambda _: session_of(role),
        "POST /v1/session": signs_in(role),
        "DELETE /v1/session": lambda _: None,
    }
    parts = (answers_kpi, answers_anomaly, answers_log, answers_backup, answers_exercise, answers_platform)
    return own | {route: answer for part in parts for route, answer in part.ANSWERS.items()}

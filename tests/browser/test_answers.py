"""The stub's answers are what the API describes: otherwise pages would be tested against something that is not."""

import json
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from stacks.constructs.openapi_build import compile_openapi
from tests.browser.answers import KEY, answers
from tests.browser.answers_anomaly import EFFECT_ID
from tests.browser.answers_backup import FAILED_PROOF, NEVER_TAKEN, PROOF
from tests.browser.answers_exercise import PASSED, RUNNING
from tests.browser.answers_log import QUARANTINED
from tests.browser.shop import HEARD, NEVER_HEARD, NOW, TRACE, iso
from tests.browser.stub import Asked

DAY = {"from": iso(NOW - timedelta(days=1)), "to": iso(NOW)}
PARAMETERS = {"id": EFFECT_ID, "trace_id": TRACE, "database": "payments"}
OTHER_PARAMETERS: dict[str, list[dict[str, str]]] = {  # by how a path begins
    "GET /v1/backups/verifications/": [{"id": PROOF}, {"id": FAILED_PROOF}],
    "GET /v1/backups/exercises/": [{"id": RUNNING}, {"id": PASSED}],
    "GET /v1/backups/{database}": [{"database": name} for name in ("orders", "payments", NEVER_TAKEN)],
}
BODIES = {
    "POST /v1/session": {"key": KEY},
    "POST /v1/anomalies/{id}/feedback": {"verdict": "useful"},
    "POST /v1/anomalies/exclusions": {"service": "web", **DAY, "reason": "sale"},
    "POST /v1/quarantine/replay": {"keys": [QUARANTINED]},
    "POST /v1/keys": {"name": "phone", "scopes": ["read"]},
}
QUERIES: dict[str, list[dict[str, str]]] = {
    "GET /v1/kpis": [{"service": "web", "kpi": "metric:process.cpu.utilization", **DAY}],
    "GET /v1/kpis/series": [{"service": "*", **DAY, "step_s": "300"}, {"service": "web", "operation": "*", **DAY}],
    "GET /v1/kpis/heatmap": [{"service": name, **DAY} for name in (*HEARD, NEVER_HEARD)],
    "GET /v1/kpis/operations": [{"service": name, **DAY} for name in (*HEARD, NEVER_HEARD)],
    "GET /v1/kpis/metrics": [{"service": name, **DAY} for name in (*HEARD, NEVER_HEARD)],
    "GET /v1/telemetry/cardinality": [{"service": "web"}],
    "GET /v1/anomalies": [{**DAY}, {"state": "open"}, {"service": "web"}],
    "GET /v1/anomalies/bands": [{"service": "*", **DAY, "step_s": "3600"}],
    "GET /v1/logs": [{**DAY}, {"service": "web", "q": "pool"}],
    "GET /v1/logs/tail": [{"service": "web"}, {"service": "web", "after": "cursor"}],
    "GET /v1/logs/patterns": [{"service": "web", **DAY}],
}


@cache
def description() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(compile_openapi())
    return document


def validate(route: str, document: Any) -> None:
    """Raise ``ValidationError`` if ``document`` is no good answer of ``route``."""
    method, _, path = route.partition(" ")
    responses = description()["paths"][path][method.lower()]["responses"]
    good = next(response for status, response in responses.items() if status.startswith("2"))
    if document is None:
        assert "content" not in good
        return
    schema = good["content"]["application/json"]["schema"]
    whole = {**schema, "components": description()["components"]}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(document)


def asked(route: str, query: dict[str, str], parameters: dict[str, str] = PARAMETERS) -> Asked:
    method, _, path = route.partition(" ")
    return Asked(method, path, query, BODIES.get(route), parameters)


def parameters_of(route: str) -> list[dict[str, str]]:
    """Return what may stand in the path of ``route``."""
    return next((given for start, given in OTHER_PARAMETERS.items() if route.startswith(start)), [PARAMETERS])


@pytest.mark.parametrize("route", sorted(answers()))
def test_an_answer_is_as_the_api_describes_it(route: str):
    for parameters in parameters_of(route):
        for query in QUERIES.get(route, [{}]):
            validate(route, answers()[route](asked(route, query, parameters)))


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_sessions_of_every_role_are_as_described(role: str):
    validate("GET /v1/session", answers(role)["GET /v1/session"](asked("GET /v1/session", {})))


def test_an_answer_that_lacks_a_field_is_found():
    document = answers()["GET /v1/services"](asked("GET /v1/services", {}))
    del document["services"][0]["tier"]
    with pytest.raises(ValidationError, match="tier"):
        validate("GET /v1/services", document)

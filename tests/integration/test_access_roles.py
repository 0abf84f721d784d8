"""What a viewer, an operator and an administrator may do, asked of the functions themselves."""

import json

import pytest

from opsloop.adapters.access_table import AccessTable
from tests.conftest import NOW

OPERATORS_DO = (
    ("anomaly_query", "/v1/anomalies/exclusions"),
    ("anomaly_query", "/v1/anomalies/web~latency~2026/feedback"),
    ("alert_respond", "/v1/alerts/deliveries/d-1/resend"),
    ("alert_respond", "/v1/alerts/test"),
    ("telemetry_quarantine", "/v1/quarantine/replay"),
    ("log_restore", "/v1/logs/restore"),
    ("log_rebuild", "/v1/search/rebuild"),
)


@pytest.fixture
def token_of(aws):
    """Return ``token_of("operate")``: a new key of that scope."""
    table = AccessTable(aws.names["ACCESS_TABLE"])
    return lambda scope: table.create(f"{scope} of the tests", [scope], now=NOW)[1]


@pytest.fixture
def status_of(load_handler, http_event, context):
    """Return the status and detail of an answer to an empty JSON object, which no route takes for a wish."""

    def ask(function, method, path, token):
        asked = http_event(method, path, headers={"content-type": "application/json"}, body="[]", token=token)
        answer = load_handler(function).lambda_handler(asked, context)
        return answer["statusCode"], json.loads(answer["body"]).get("detail", "")

    return ask


@pytest.mark.parametrize(("function", "path"), OPERATORS_DO)
def test_what_operators_do_needs_the_scope_operate_and_no_more(token_of, status_of, function, path):
    for scope in ("read", "ingest"):
        status, detail = status_of(function, "POST", path, token_of(scope))
        assert (status, "this needs operate" in detail) == (403, True)
    for scope in ("operate", "admin"):  # let in, and told what is wrong with the request, which changes nothing
        assert status_of(function, "POST", path, token_of(scope))[0] not in (401, 403)


def test_an_operator_reads_what_a_viewer_reads_and_makes_no_keys(token_of, status_of):
    operator = token_of("operate")
    assert status_of("anomaly_query", "GET", "/v1/anomalies/exclusions", operator)[0] == 200
    for function, method, path in (
        ("access_keys", "GET", "/v1/keys"),
        ("access_keys", "POST", "/v1/keys"),
        ("telemetry_quarantine", "GET", "/v1/quarantine/body"),
    ):
        status, detail = status_of(function, method, path, operator)
        assert (status, "this needs admin" in detail) == (403, True)


def test_an_operator_sends_no_telemetry(token_of, status_of):
    assert status_of("telemetry_receive", "POST", "/v1/traces", token_of("operate"))[0] == 403

"""The HTTP mechanism that every capability uses."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from aws_lambda_powertools import Logger, Metrics

from opsloop.access.issue import issue
from opsloop.access.model import Scope
from opsloop.access.session import session_of_key
from opsloop.errors import ConflictError, DependencyUnavailableError, InvalidInputError
from opsloop.runtime.authentication import MAX_KEPT, Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.paging import page_of
from opsloop.runtime.response import Response, document_response, json_response

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
KEY, TOKEN = issue("reader", frozenset({Scope.READ}), randomness=bytes(38), now=NOW)


class FakeTable:
    """Finds ``KEY``; counts how often it was asked; fails if told to."""

    def __init__(self):
        self.asked, self.key, self.session, self.fault = 0, KEY, None, None

    def find(self, key_id):
        self.asked += 1
        if self.fault:
            raise self.fault
        return next((key for key in (self.key, self.session) if key and key_id == key.key_id), None)


@pytest.fixture
def table():
    return FakeTable()


@pytest.fixture
def api(table):
    api = Api(Authenticator(table.find), Logger(service="test"), Metrics(namespace="Opsloop", service="test"))

    @api.route("GET", "/v1/things", scope=Scope.READ, query=("limit", "cursor", "color"))
    def list_things(request):
        page = page_of(range(100, 110), request, position=str, default_limit=4)
        return json_response({"things": page.items, "next": page.next, "key": request.key.name})

    @api.route("POST", "/v1/things", scope=Scope.ADMIN)
    def make_thing(request):
        return json_response(request.json(), status=201)

    @api.route("GET", "/v1/things/{thing}", scope=None)
    def show_thing(request):
        match request.path_parameters["thing"]:
            case "broken":
                raise RuntimeError("the secret is 42")
            case "gone":
                raise DependencyUnavailableError("thing table", retry_after_s=7)
            case "racing":
                raise ConflictError("somebody was faster")
            case "bytes":
                return Response(200, b"\xff\x00", {"content-type": "application/octet-stream"})
            case "document":
                return document_response(request, b"{}", content_type="application/json", max_age_s=60)
        return json_response({"thing": request.path_parameters["thing"], "now": request.now})

    @api.route("GET", "/v1/document", scope=Scope.READ)
    def show_document(request):
        return document_response(request, b"{}", content_type="application/json", max_age_s=60)

    @api.route("GET", "/files/{name}/{rest+}", scope=None)
    def show_file(request):
        return json_response(request.path_parameters)

    return api


@pytest.fixture
def ask(api, http_event, context):
    def ask(method, path, **changes):
        answer = api.lambda_handler(http_event(method, path, **{"token": TOKEN, **changes}), context)
        is_json = answer["body"] and "json" in answer["headers"]["content-type"]
        return answer, json.loads(answer["body"]) if is_json else answer["body"]

    return ask


def test_a_known_key_with_the_scope_is_served(ask):
    answer, body = ask("GET", "/v1/things")
    assert (answer["statusCode"], body["key"]) == (200, "reader")
    assert answer["headers"]["cache-control"] == "no-store"


def test_a_browser_that_opens_an_answer_runs_nothing_of_it(ask):
    for path in ("/v1/things", "/v1/things/bytes", "/v1/things/broken", "/nothing"):
        headers = ask("GET", path)[0]["headers"]
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"


def test_a_problem_has_the_fields_of_rfc_9457(ask):
    answer, body = ask("GET", "/v1/things", token="")
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert answer["headers"]["www-authenticate"] == "Bearer"
    assert body["status"] == answer["statusCode"] == 401
    assert set(body) == {"type", "title", "status", "detail", "instance", "correlation_id"}


def test_the_scope_is_checked_before_body_and_query_are_read(ask):
    answer, body = ask("POST", "/v1/things", body="{", query="a=1&a=2")
    assert (answer["statusCode"], body["title"]) == (403, "Forbidden")


def test_an_open_route_needs_no_key_and_sees_its_path_parameter(ask):
    answer, body = ask("GET", "/v1/things/blue%20one", token="")
    assert (answer["statusCode"], body["thing"], body["now"]) == (200, "blue one", "2026-11-21T08:30:00Z")


def test_unknown_paths_and_methods_are_told_apart(ask):
    assert ask("GET", "/v1/thing")[0]["statusCode"] == 404
    assert ask("GET", "/v1/things/a/b")[0]["statusCode"] == 404
    answer, _ = ask("DELETE", "/v1/things")
    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, "GET, HEAD, OPTIONS, POST")


def test_options_lists_the_methods_and_head_is_get_without_a_body(ask):
    answer, body = ask("OPTIONS", "/v1/things", token="")
    assert (answer["statusCode"], answer["headers"]["allow"], body) == (204, "GET, HEAD, OPTIONS, POST", "")
    assert ask("HEAD", "/v1/things")[0]["statusCode"] == 200
    assert ask("HEAD", "/v1/things")[1] == ""
    assert ask("HEAD", "/v1/things", token="")[0]["statusCode"] == 401


def test_an_unexpected_failure_tells_the_caller_nothing_but_the_request_id(ask):
    answer, body = ask("GET", "/v1/things/broken")
    assert answer["statusCode"] == 500
    assert "42" not in answer["body"]
    assert "JKJaXmPLvHcESHA=" in body["detail"]


def test_retry_after_goes_with_503_and_not_with_a_conflict(ask):
    answer, _ = ask("GET", "/v1/things/gone")
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "7")
    answer, _ = ask("GET", "/v1/things/racing")
    assert answer["statusCode"] == 409
    assert "retry-after" not in answer["headers"]


def test_bytes_are_handed_on_in_base64_and_json_as_text(ask):
    answer, _ = ask("GET", "/v1/things/bytes")
    assert (answer["body"], answer["isBase64Encoded"]) == ("/wA=", True)
    assert ask("GET", "/v1/things/x")[0]["isBase64Encoded"] is False


def test_a_document_that_the_caller_has_is_not_sent_again(ask):
    answer, _ = ask("GET", "/v1/things/document")
    etag = answer["headers"]["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer, body = ask("GET", "/v1/things/document", headers={"if-none-match": known})
        assert (answer["statusCode"], body) == (304, "")
    assert ask("GET", "/v1/things/document", headers={"if-none-match": '"other"'})[0]["statusCode"] == 200


def test_pages_follow_one_another_without_gap_or_repetition(ask):
    seen, query, pages = [], "limit=4", 0
    while True:
        _, body = ask("GET", "/v1/things", query=query)
        seen += body["things"]
        pages += 1
        if body["next"] is None:
            break
        query = f"limit=3&cursor={body['next']}"
    assert seen == list(range(100, 110))
    assert pages == 3


@pytest.mark.parametrize("query", ["cursor=%00", "cursor=abc", "cursor=e30", "cursor=WzEsMl0", "cursor=ää"])
def test_a_garbled_cursor_is_refused(ask, query):
    answer, body = ask("GET", "/v1/things", query=query)
    assert (answer["statusCode"], body["detail"].partition(":")[0]) == (400, "cursor")


def test_a_cursor_belongs_to_the_query_that_gave_it(ask):
    _, body = ask("GET", "/v1/things", query="color=red&limit=2")
    answer, problem = ask("GET", "/v1/things", query=f"color=blue&cursor={body['next']}")
    assert answer["statusCode"] == 400
    assert "other parameters" in problem["detail"]
    assert ask("GET", "/v1/things", query=f"color=red&cursor={body['next']}")[0]["statusCode"] == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("limit=1001", "limit"),
        ("colour=red", "colour"),
        ("limit=1&limit=2", "limit"),
    ],
)
def test_a_wrong_parameter_is_named(ask, query, field):
    answer, body = ask("GET", "/v1/things", query=query)
    assert (answer["statusCode"], body["detail"].partition(":")[0]) == (400, field)


def test_parameters_are_read_by_kind(api, http_event, context):
    found = {}

    @api.route("GET", "/v1/read", scope=None, query=("service", "resolution", "n", "from", "to"))
    def read(request):
        found["text"] = request.text("service")
        found["choice"] = request.choice("resolution", ("hour", "day"), default="hour")
        found["integer"] = request.integer("n", least=1, most=9)
        found["time"] = request.time("from")
        found["default"] = request.time("to", default=NOW)
        return json_response({})

    query = "service=a%26b&n=9&from=2026-11-21T09:00:00%2B01:00"
    assert api.lambda_handler(http_event("GET", "/v1/read", query=query), context)["statusCode"] == 200
    assert found == {
        "text": "a&b",
        "choice": "hour",
        "integer": 9,
        "time": datetime(2026, 11, 21, 8, tzinfo=UTC),
        "default": NOW,
    }
    for broken, field in [
        ("n=9&from=1", "service"),
        ("service=a&resolution=week&n=9&from=1", "resolution"),
        ("service=a&n=9&from=today", "from"),
        ("service=a&n=9&from=1&to=0001-01-01T00:00:00Z", "to"),  # 90 days before it there is no time
        ("service=a&n=9&from=0001-01-01T00:00:00%2B14:00", "from"),
    ]:
        answer = api.lambda_handler(http_event("GET", "/v1/read", query=broken), context)
        assert json.loads(answer["body"])["detail"].startswith(f"{field}:")


def test_a_key_is_looked_up_once_a_minute_and_a_missing_one_every_five_seconds(table):
    authenticator = Authenticator(table.find)
    for seconds in (0, 30, 59):
        authenticator.authenticate(f"Bearer {TOKEN}", NOW + timedelta(seconds=seconds))
    assert table.asked == 1
    authenticator.authenticate(f"Bearer {TOKEN}", NOW + timedelta(seconds=61))
    assert table.asked == 2
    unknown = "Bearer opsloop_" + "9" * 12 + "_" + "0" * 64
    for seconds, asked in ((0, 3), (4, 3), (6, 4)):
        with pytest.raises(Exception, match="not known"):
            authenticator.authenticate(unknown, NOW + timedelta(seconds=seconds))
        assert table.asked == asked


def test_a_flood_of_made_up_keys_neither_grows_without_end_nor_pushes_known_keys_out(table):
    authenticator = Authenticator(table.find)
    authenticator.authenticate(f"Bearer {TOKEN}", NOW)
    for number in range(MAX_KEPT + 10):
        with pytest.raises(Exception, match="not known"):
            authenticator.authenticate(f"Bearer opsloop_{number + 1:012x}_" + "0" * 64, NOW)
    asked = table.asked
    authenticator.authenticate(f"Bearer {TOKEN}", NOW)
    assert table.asked == asked
    assert len(authenticator._missed) <= MAX_KEPT


def test_a_table_that_does_not_answer_is_503_not_401(ask, table):
    table.fault = DependencyUnavailableError("access table does not answer")
    assert ask("GET", "/v1/things")[0]["statusCode"] == 503


def test_a_giant_body_is_413_and_a_garbled_one_400(ask, table):
    table.key, token = issue("admin", frozenset({Scope.ADMIN}), randomness=bytes(38), now=NOW)
    json_type = {"content-type": "application/json"}
    assert ask("POST", "/v1/things", token=token, headers=json_type, body=b"x" * 300_000)[0]["statusCode"] == 413
    assert ask("POST", "/v1/things", token=token, headers=json_type, body="x" * 300_000)[0]["statusCode"] == 413
    assert ask("POST", "/v1/things", token=token, headers=json_type, body="{")[0]["statusCode"] == 400
    assert ask("POST", "/v1/things", token=token, headers=json_type, body="[]")[0]["statusCode"] == 400
    assert ask("POST", "/v1/things", token=token, body="{}")[0]["statusCode"] == 415
    answer, body = ask("POST", "/v1/things", token=token, headers=json_type, body=b'{"a": 1}')
    assert (answer["statusCode"], body) == (201, {"a": 1})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
            "4bf92f3577b34da6a3ce929d0e0e4736",
        ),
        ({"x-correlation-id": "deploy-42"}, "deploy-42"),
        ({"traceparent": "garbled", "x-correlation-id": "deploy-42"}, "deploy-42"),
        ({"x-correlation-id": 'a"b\n'}, "JKJaXmPLvHcESHA="),
        ({}, "JKJaXmPLvHcESHA="),
    ],
)
def test_the_correlation_id_is_the_callers_trace_or_word_or_else_the_request_id(ask, headers, expected):
    assert ask("GET", "/v1/things/x", headers=headers)[0]["headers"]["x-correlation-id"] == expected


def test_each_request_is_one_log_line_without_the_token(table, http_event, context, capsys):
    import logging

    logging.root.manager.loggerDict.pop("lines", None)
    api = Api(Authenticator(table.find), Logger(service="lines"), Metrics(namespace="Opsloop", service="lines"))

    @api.route("GET", "/v1/a/{b}", scope=Scope.READ)
    def read(request):
        request.facts["rows"] = 3
        raise InvalidInputError("b: wrong")

    api.lambda_handler(http_event("GET", "/v1/a/b", token=TOKEN), context)
    output = capsys.readouterr().out
    lines = [json.loads(line) for line in output.splitlines()]
    [line] = [line for line in lines if "message" in line]
    wanted = {
        "method": "GET",
        "route": "/v1/a/{b}",
        "status": 400,
        "key_id": KEY.key_id,
        "rows": 3,
        "detail": "b: wrong",
    }
    assert wanted.items() <= line.items()
    assert line["duration_ms"] >= 0
    assert line["correlation_id"] == "JKJaXmPLvHcESHA="
    assert TOKEN not in output
    counts = {name: value for line in lines for name, value in line.items() if name.startswith("Requests")}
    assert counts == {"RequestsAnswered": [1.0], "RequestsRefused": [1.0], "RequestsFailed": [0.0]}


def test_a_route_with_a_scope_and_nobody_to_check_keys_cannot_be_made():
    api = Api(None, Logger(service="test"), Metrics(namespace="Opsloop", service="test"))
    with pytest.raises(ValueError, match="nobody to check"):
        api.route("GET", "/x", scope=Scope.READ)(json_response)


def test_no_cache_keeps_what_a_session_was_answered_whatever_the_route_says(ask, table):
    table.session, token = session_of_key(KEY, randomness=bytes([7] * 38), now=NOW, lasts=timedelta(hours=1))
    by_key, _ = ask("GET", "/v1/document")
    assert by_key["headers"]["cache-control"] == "public, max-age=60"
    cookies = [f"__Host-opsloop_session={token}"]
    by_cookie, _ = ask("GET", "/v1/document", token="", cookies=cookies)
    assert (by_cookie["statusCode"], by_cookie["headers"]["cache-control"]) == (200, "no-store")


def test_cookies_of_an_answer_are_told_to_the_gateway_apart_from_headers():
    event = Response(204, cookies=("a=1; Path=/", "b=2")).to_event("GET", "c-1")
    assert event["cookies"] == ["a=1; Path=/", "b=2"]
    assert "set-cookie" not in event["headers"]
    assert "cookies" not in Response(204).to_event("GET", "c-1")


def test_the_rest_of_a_path_is_taken_with_its_slashes(ask):
    assert ask("GET", "/files/a/b/c%0Ad", token="")[1] == {"name": "a", "rest": "b/c\nd"}
    assert ask("GET", "/files/a/", token="")[0]["statusCode"] == 404

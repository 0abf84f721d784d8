"""The answers of access and of the receiver are those that the API description promises."""

import json

import pytest

from tests.conftest import make_http_event
from tests.integration.described import as_described

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "changes", "status"),
    [
        ("GET", "/v1/keys", {}, 200),
        ("GET", "/v1/keys", {"query": "limit=x"}, 400),
        ("GET", "/v1/keys", {"token": ""}, 401),
        ("POST", "/v1/keys", {"headers": JSON, "body": '{"name": "x", "scopes": ["read", "ingest"]}'}, 201),
        ("POST", "/v1/keys", {"headers": JSON, "body": "{}"}, 400),
        ("POST", "/v1/keys", {"body": "{}"}, 415),
        ("DELETE", f"/v1/keys/{'b' * 12}", {}, 200),
        ("DELETE", f"/v1/keys/{'a' * 12}", {}, 409),
        ("DELETE", f"/v1/keys/{'0' * 12}", {}, 404),
    ],
)
def test_keys_are_answered_as_described(aws, tokens, load_handler, context, method, path, changes, status):
    handler = load_handler("access_keys")
    event = make_http_event(method, path, **{"token": tokens["admin"], **changes})
    answer = handler.lambda_handler(event, context)
    assert answer["statusCode"] == status
    as_described(method, "/v1/keys/{key_id}" if method == "DELETE" else path, answer)


def test_the_front_door_and_the_description_are_answered_as_described(aws, load_handler, http_event, context):
    handler = load_handler("access_describe")
    for path in ("/", "/openapi.json"):
        as_described("GET", path, handler.lambda_handler(http_event("GET", path), context))
    etag = handler.lambda_handler(http_event("GET", "/openapi.json"), context)["headers"]["etag"]
    known = http_event("GET", "/openapi.json", headers={"if-none-match": etag})
    as_described("GET", "/openapi.json", handler.lambda_handler(known, context))


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (JSON, "{}", 200),
        (JSON, json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "x"}]}]}]}), 200),
        ({"content-type": "application/x-protobuf"}, b"", 200),
        ({"content-type": "application/x-protobuf"}, b"\xff", 400),
        (JSON, "{", 400),
        ({"content-type": "text/csv"}, "a,b", 415),
    ],
)
def test_telemetry_is_answered_as_described(aws, tokens, load_handler, http_event, context, headers, body, status):
    handler = load_handler("telemetry_receive")
    event = http_event("POST", "/v1/traces", headers=headers, body=body, token=tokens["ingest"])
    answer = handler.lambda_handler(event, context)
    assert answer["statusCode"] == status
    as_described("POST", "/v1/traces", answer)


def test_an_answer_that_is_not_described_is_noticed():
    answer = {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": '{"keys": []}'}
    with pytest.raises(Exception, match="'next' is a required property"):
        as_described("GET", "/v1/keys", answer)
    with pytest.raises(KeyError):
        as_described("GET", "/v1/keys", {**answer, "statusCode": 418})

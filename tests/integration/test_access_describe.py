"""The API's description and its front door, open to everybody."""

import json

import pytest


@pytest.fixture
def handler(aws, load_handler):
    return load_handler("access_describe")


def test_the_description_is_the_compiled_document(handler, event, context, catalog_layer):
    answer = handler.lambda_handler(event("access_describe/openapi"), context)
    assert answer["statusCode"] == 200
    assert answer["body"].encode() == (catalog_layer / "openapi.json").read_bytes()
    assert answer["headers"]["cache-control"] == "public, max-age=300"


def test_a_caller_who_has_the_description_already_gets_304_and_no_body(handler, http_event, context):
    first = handler.lambda_handler(http_event("GET", "/openapi.json"), context)
    etag = first["headers"]["etag"]
    again = handler.lambda_handler(http_event("GET", "/openapi.json", headers={"If-None-Match": etag}), context)
    assert (again["statusCode"], again["body"], again["headers"]["etag"]) == (304, "", etag)
    other = handler.lambda_handler(http_event("GET", "/openapi.json", headers={"If-None-Match": '"old"'}), context)
    assert other["statusCode"] == 200


def test_the_front_door_leads_to_every_path_that_is_described(handler, event, context):
    answer = handler.lambda_handler(event("access_describe/front_door"), context)
    document = json.loads(answer["body"])
    assert document["name"] == "opsloop"
    assert document["links"] == {"openapi": "/openapi.json", "live": "/health/live", "keys": "/v1/keys"}


def test_unknown_paths_are_404_and_head_answers_like_get_without_a_body(handler, http_event, context):
    missing = handler.lambda_handler(http_event("GET", "/v2/nothing"), context)
    assert missing["statusCode"] == 404
    assert json.loads(missing["body"])["detail"].startswith("there is nothing at /v2/nothing")
    head = handler.lambda_handler(http_event("HEAD", "/openapi.json"), context)
    assert (head["statusCode"], head["body"]) == (200, "")
    assert head["headers"]["etag"]


def test_what_no_route_answers_is_refused_as_a_problem(handler, event, context):
    answer = handler.lambda_handler(event("access_describe/unknown_path"), context)
    assert answer["statusCode"] == 404
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert "/openapi.json" in json.loads(answer["body"])["detail"]


@pytest.mark.parametrize("path", ["/v1/keys", "/v1/keys/0123456789ab"])
def test_a_described_path_with_another_method_is_405_and_names_those_that_it_has(handler, http_event, context, path):
    answer = handler.lambda_handler(http_event("PATCH", path), context)
    methods = "GET, POST" if path == "/v1/keys" else "DELETE"
    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, methods)


def test_browsers_are_sent_to_the_console_and_scripts_are_not(handler, event, http_event, context):
    answer = handler.lambda_handler(event("access_describe/browser"), context)
    assert (answer["statusCode"], answer["headers"]["location"], answer["body"]) == (302, "/console", "")
    for accept in ("", "*/*", "application/json"):
        plain = handler.lambda_handler(http_event("GET", "/", headers={"accept": accept}), context)
        assert (plain["statusCode"], plain["headers"]["vary"]) == (200, "accept")


def test_the_consoles_address_with_a_slash_leads_to_the_one_without_and_keeps_the_view(handler, http_event, context):
    for query, place in (("", "/console"), ("from=-6h&tz=UTC", "/console?from=-6h&tz=UTC")):
        answer = handler.lambda_handler(http_event("GET", "/console/", query=query), context)
        assert (answer["statusCode"], answer["headers"]["location"]) == (302, place)
    assert handler.lambda_handler(http_event("POST", "/console/"), context)["statusCode"] == 404

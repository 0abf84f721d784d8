"""Keys over HTTP: made, listed, revoked, and what they open."""

import json
from datetime import timedelta

import pytest

from opsloop.adapters.access_table import AccessTable
from opsloop.errors import ConflictError, DependencyUnavailableError
from tests.conftest import NOW


@pytest.fixture
def handler(aws, tokens, load_handler):
    return load_handler("access_keys")


def body_of(answer):
    return json.loads(answer["body"])


def test_the_sample_list_shows_every_key_oldest_first_and_no_secret(handler, event, context):
    answer = handler.lambda_handler(event("access_keys/list"), context)
    assert answer["statusCode"] == 200
    keys = body_of(answer)["keys"]
    assert [key["key_id"][0] for key in keys] == ["a", "b", "c", "d", "e"]
    assert [key["state"] for key in keys] == ["valid", "valid", "valid", "revoked", "expired"]
    assert "secret" not in answer["body"]
    assert "sha256" not in answer["body"]


def test_the_list_is_read_page_by_page(handler, http_event, context, tokens):
    seen, query = [], "limit=2"
    for _ in range(3):
        page = body_of(
            handler.lambda_handler(http_event("GET", "/v1/keys", query=query, token=tokens["admin"]), context)
        )
        seen += [key["key_id"][0] for key in page["keys"]]
        query = f"limit=2&cursor={page['next']}"
    assert seen == ["a", "b", "c", "d", "e"]
    assert page["next"] is None


def test_a_created_key_opens_what_its_scopes_say_and_its_secret_is_stored_nowhere(
    handler, aws, event, http_event, context
):
    answer = handler.lambda_handler(event("access_keys/create"), context)
    assert answer["statusCode"] == 201
    created = body_of(answer)
    secret = created["token"].rpartition("_")[2]
    assert secret not in json.dumps(aws.items("ACCESS_TABLE"))
    refused = handler.lambda_handler(http_event("GET", "/v1/keys", token=created["token"]), context)
    assert refused["statusCode"] == 403  # a known key (not 401) without the admin scope
    assert "admin" in body_of(refused)["detail"]


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"scopes": ["read"]}, "name"),
        ({"name": " ", "scopes": ["read"]}, "name"),
        ({"name": "x", "scopes": "read"}, "scopes"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["write"]}, "scopes"),
        ({"name": "x", "scopes": ["read"], "expires_at": "tomorrow"}, "expires_at"),
        ({"name": "x", "scopes": ["read"], "expires_at": "2026-11-20T00:00:00Z"}, "expires_at"),
        ({"name": "x", "scopes": ["read"], "ttl": 5}, "ttl"),
    ],
)
def test_a_wrong_wish_is_refused_with_the_name_of_its_field(handler, http_event, context, tokens, aws, wish, field):
    before = len(aws.items("ACCESS_TABLE"))
    answer = handler.lambda_handler(
        http_event(
            "POST",
            "/v1/keys",
            headers={"content-type": "application/json"},
            body=json.dumps(wish),
            token=tokens["admin"],
        ),
        context,
    )
    assert answer["statusCode"] == 400
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert body_of(answer)["detail"].startswith(f"{field}:")
    assert len(aws.items("ACCESS_TABLE")) == before


def test_a_revoked_key_is_refused_at_once_by_a_cold_function_and_revoking_again_changes_nothing(
    handler, load_handler, event, http_event, context, tokens
):
    first = handler.lambda_handler(event("access_keys/revoke"), context)
    again = handler.lambda_handler(event("access_keys/revoke"), context)
    assert (first["statusCode"], again["statusCode"]) == (200, 200)
    assert body_of(first) == body_of(again)
    assert body_of(first)["state"] == "revoked"
    cold = load_handler("access_keys")
    refused = cold.lambda_handler(http_event("GET", "/v1/keys", token=tokens["read"]), context)
    assert refused["statusCode"] == 401
    assert refused["headers"]["www-authenticate"] == "Bearer"


def test_a_revoked_key_works_on_in_a_warm_function_for_a_minute_and_not_longer(handler, http_event, context, tokens):
    def ask(at):
        return handler.lambda_handler(http_event("GET", "/v1/keys", token=tokens["read"], now=at), context)[
            "statusCode"
        ]

    assert ask(NOW) == 403
    handler.table.revoke("b" * 12, NOW)
    assert ask(NOW + timedelta(seconds=59)) == 403
    assert ask(NOW + timedelta(seconds=61)) == 401


def test_the_last_admin_key_cannot_be_revoked_but_one_of_two_can(handler, http_event, context, tokens):
    delete = http_event("DELETE", f"/v1/keys/{'a' * 12}", token=tokens["admin"])
    refused = handler.lambda_handler(delete, context)
    assert refused["statusCode"] == 409
    assert "last admin key" in body_of(refused)["detail"]
    assert "retry-after" not in refused["headers"]
    handler.table.create("second", ["admin"], now=NOW)
    assert handler.lambda_handler(delete, context)["statusCode"] == 200


def test_an_admin_key_that_is_about_to_be_gone_does_not_count_as_another(handler, http_event, context, tokens):
    handler.table.create("short", ["admin"], now=NOW, expires_at=NOW + timedelta(seconds=1))
    later = NOW + timedelta(seconds=2)
    delete = http_event("DELETE", f"/v1/keys/{'a' * 12}", token=tokens["admin"], now=later)
    assert handler.lambda_handler(delete, context)["statusCode"] == 409


def test_two_admins_cannot_revoke_each_other_at_the_same_moment(aws, tokens, monkeypatch):
    table = AccessTable(aws.names["ACCESS_TABLE"])
    other, _ = table.create("other", ["admin"], now=NOW)
    stale = table.list()  # both callers read the keys before either writes
    monkeypatch.setattr(table, "list", lambda: stale)
    table.revoke("a" * 12, NOW)
    with pytest.raises(ConflictError, match="keys changed"):
        table.revoke(other.key_id, NOW)


def test_an_unknown_key_is_404_and_an_unknown_method_405(handler, http_event, context, tokens):
    missing = handler.lambda_handler(http_event("DELETE", f"/v1/keys/{'f' * 12}", token=tokens["admin"]), context)
    assert missing["statusCode"] == 404
    put = handler.lambda_handler(http_event("PUT", "/v1/keys", token=tokens["admin"]), context)
    assert (put["statusCode"], put["headers"]["allow"]) == (405, "GET, HEAD, OPTIONS, POST")


def test_the_first_key_of_a_deployment_is_made_with_aws_credentials_alone(aws, load_handler, http_event, context):
    _, token = AccessTable(aws.names["ACCESS_TABLE"]).create("first-admin", ["admin"], now=NOW)
    handler = load_handler("access_keys")
    answer = handler.lambda_handler(http_event("GET", "/v1/keys", token=token), context)
    assert [key["name"] for key in body_of(answer)["keys"]] == ["first-admin"]


def test_a_missing_table_is_answered_503_with_retry_after(aws, tokens, load_handler, http_event, context):
    handler = load_handler("access_keys", ACCESS_TABLE="not-there")
    answer = handler.lambda_handler(http_event("GET", "/v1/keys", token=tokens["admin"]), context)
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "1")
    with pytest.raises(DependencyUnavailableError):
        AccessTable("not-there").list()


def test_neither_the_log_nor_an_answer_ever_shows_a_token(aws, tokens, load_handler, event, context, capsys):
    handler = load_handler("access_keys")  # here, so that its logger writes to this test's stdout
    handler.lambda_handler(event("access_keys/list"), context)
    line = next(json.loads(line) for line in capsys.readouterr().out.splitlines() if "request answered" in line)
    assert line["status"] == 200
    assert line["key_id"] == "a" * 12
    assert line["correlation_id"]
    assert "a" * 64 not in json.dumps(line)

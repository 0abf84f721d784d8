"""People sign in to the console: what a cookie opens, for how long, and what it does not."""

import hashlib
import json
from datetime import timedelta

import pytest

from opsloop.access.model import ApiKey, Origin, Scope
from opsloop.access.session import csrf_token
from opsloop.adapters.access_table import AccessTable
from tests.conftest import NOW
from tests.integration.described import as_described

PATH = "/v1/session"
HOST = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
HTTPS = {"host": HOST, "x-forwarded-proto": "https"}
JSON = {**HTTPS, "content-type": "application/json"}
NAME = "__Host-opsloop_session"


@pytest.fixture
def handler(aws, tokens, load_handler):
    return load_handler("access_session")


@pytest.fixture
def sign_in(handler, http_event, context):
    """Return ``sign_in(token)``: the answer to that key."""

    def ask(token, *, now=NOW, headers=JSON):
        body = json.dumps({"key": token})
        return handler.lambda_handler(http_event("POST", PATH, headers=headers, body=body, now=now), context)

    return ask


@pytest.fixture
def ask(load_handler, http_event, context):
    """Return ``ask(function, method, path, cookies)``: the answer of a cold function, or of ``function`` if warm."""

    def ask(function, method, path, cookies, **changes):
        module = load_handler(function) if isinstance(function, str) else function
        changes["headers"] = {**HTTPS, **changes.get("headers", {})}
        return module.lambda_handler(http_event(method, path, cookies=cookies, **changes), context)

    return ask


def body_of(answer):
    return json.loads(answer["body"])


def cookie_of(answer):
    return answer["cookies"][0].partition(";")[0]


def test_a_key_opens_a_session_whose_token_is_in_the_cookie_alone(handler, event, context, aws):
    answer = handler.lambda_handler(event("access_session/sign_in"), context)
    assert answer["statusCode"] == 201
    (cookie,) = answer["cookies"]
    token, _, attributes = cookie.removeprefix(f"{NAME}=").partition("; ")
    assert attributes == "Max-Age=43200; Path=/; HttpOnly; SameSite=Strict; Secure"
    assert token not in answer["body"]
    assert token.rpartition("_")[2] not in json.dumps(aws.items("ACCESS_TABLE"))
    told = as_described("POST", PATH, answer)
    assert (told["role"], told["scopes"], told["name"]) == ("viewer", ["read"], "read of the tests")
    assert (told["parent_id"], told["expires_at"]) == ("b" * 12, "2026-11-21T20:30:00Z")
    assert answer["headers"]["cache-control"] == "no-store"


def test_the_cookie_opens_every_function_for_its_role_and_no_more(sign_in, ask, tokens):
    viewer, admin = cookie_of(sign_in(tokens["read"])), cookie_of(sign_in(tokens["admin"]))
    assert ask("anomaly_query", "GET", "/v1/anomalies/exclusions", ["theme=dark", viewer])["statusCode"] == 200
    assert ask("access_keys", "GET", "/v1/keys", [viewer])["statusCode"] == 403
    answer = ask("access_keys", "GET", "/v1/keys", [admin])
    assert (answer["statusCode"], answer["headers"]["cache-control"]) == (200, "no-store")


def test_the_local_cloud_sends_cookies_in_a_header_and_over_http_by_the_plain_name(sign_in, ask, tokens):
    local = {"host": "127.0.0.1:39207", "content-type": "application/json"}
    answer = sign_in(tokens["read"], headers=local)
    cookie = cookie_of(answer)
    assert cookie.startswith("opsloop_session=")
    assert "Secure" not in answer["cookies"][0]
    http = {"host": "127.0.0.1:39207", "x-forwarded-proto": "http", "cookie": f"theme=dark; {cookie}"}
    assert ask("access_session", "GET", PATH, None, headers=http)["statusCode"] == 200
    https = {"cookie": cookie}  # over https that name could have been planted by another host
    assert ask("access_session", "GET", PATH, None, headers=https)["statusCode"] == 401


def test_who_is_signed_in_is_told_with_the_proof_that_our_page_asks(handler, sign_in, ask, tokens, event, context):
    cookie = cookie_of(sign_in(tokens["admin"]))
    answer = ask(handler, "GET", PATH, [cookie])
    told = as_described("GET", PATH, answer)
    assert (told["role"], told["csrf_token"]) == ("admin", csrf_token(cookie.rpartition("_")[2]))
    assert told["sign_in"] == {"key": True, "oidc": False}
    by_header = as_described("GET", PATH, ask(handler, "GET", PATH, None, token=tokens["read"]))
    assert (by_header["role"], by_header["csrf_token"], by_header["key_id"]) == ("viewer", None, "b" * 12)
    nobody = handler.lambda_handler(event("access_session/nobody"), context)
    assert nobody["statusCode"] == 401
    assert as_described("GET", PATH, nobody)["sign_in"] == {"key": True, "oidc": False}


def test_the_samples_of_a_session_that_is_not_there_are_refused(handler, event, context):
    for case in ("who", "sign_out"):
        assert handler.lambda_handler(event(f"access_session/{case}"), context)["statusCode"] == 401


def test_the_samples_are_answered_where_the_session_is_there(handler, event, context, aws):
    ends = NOW + timedelta(hours=1)
    digest, origin = hashlib.sha256(b"f" * 64).hexdigest(), Origin(parent_id="b" * 12)
    handler.table.add(ApiKey("f" * 12, "x", frozenset({Scope.READ}), digest, NOW, ends, origin=origin))
    assert handler.lambda_handler(event("access_session/who"), context)["statusCode"] == 200
    gone = handler.lambda_handler(event("access_session/sign_out"), context)
    assert (gone["statusCode"], gone["body"]) == (204, "")


def test_a_change_needs_the_csrf_token_and_a_page_of_our_own(sign_in, ask, tokens):
    told = sign_in(tokens["admin"])
    cookie, token = cookie_of(told), body_of(told)["csrf_token"]
    wish = json.dumps({"name": "made in the console", "scopes": ["read"]})
    json_type = {"content-type": "application/json"}

    def create(**headers):
        return ask("access_keys", "POST", "/v1/keys", [cookie], headers={**json_type, **headers}, body=wish)

    for headers in ({}, {"x-csrf-token": "0" * 64}, {"x-csrf-token": "\u00e9"}, {"x-csrf-token": ""}):
        assert create(**headers)["statusCode"] == 403
    assert create(**{"x-csrf-token": token, "origin": "https://evil.example"})["statusCode"] == 403
    assert create(**{"x-csrf-token": token, "sec-fetch-site": "same-site"})["statusCode"] == 403
    assert create(**{"x-csrf-token": token, "origin": f"https://{HOST}"})["statusCode"] == 201
    other = body_of(sign_in(tokens["admin"]))["csrf_token"]
    assert create(**{"x-csrf-token": other})["statusCode"] == 403


def test_a_header_goes_before_the_cookie_and_a_wrong_one_is_not_forgiven(sign_in, ask, tokens):
    cookie = cookie_of(sign_in(tokens["admin"]))
    assert ask("access_keys", "GET", "/v1/keys", [cookie], token=tokens["read"])["statusCode"] == 403
    assert ask("access_keys", "GET", "/v1/keys", [cookie], token="opsloop_x_y")["statusCode"] == 401


def test_keys_are_no_cookies_and_sessions_are_no_keys(sign_in, ask, tokens):
    assert ask("access_keys", "GET", "/v1/keys", [f"{NAME}={tokens['admin']}"])["statusCode"] == 401
    session = cookie_of(sign_in(tokens["admin"])).removeprefix(f"{NAME}=")
    assert ask("access_keys", "GET", "/v1/keys", None, token=session)["statusCode"] == 401
    assert sign_in(session)["statusCode"] == 401  # or sessions would never end


def test_telemetry_is_not_taken_by_cookie(sign_in, ask, tokens):
    told = sign_in(tokens["admin"])
    headers = {"content-type": "application/json", "x-csrf-token": body_of(told)["csrf_token"]}
    sent = ask("telemetry_receive", "POST", "/v1/traces", [cookie_of(told)], headers=headers, body="{}")
    assert sent["statusCode"] == 401


@pytest.mark.parametrize(
    "cookies",
    [
        [f"{NAME}=opsloop_{'f' * 12}_{'f' * 64}"],
        [f"{NAME}=opsloop_{'F' * 12}_{'F' * 64}"],
        [f"{NAME}="],
        [f"{NAME}=\x00\xff"],
        [f"{NAME}={'a' * 9_000}"],
        [NAME],
        ["=" * 9_000],
        [";" * 9_000],
        [f'{NAME}="x"', f"{NAME}=y"],
        ["\u2028"] * 300,
    ],
    ids=["unknown", "upper", "empty", "bytes", "long", "no-value", "equals", "semicolons", "twice", "many"],
)
def test_forged_cookies_open_nothing_and_break_nothing(ask, aws, tokens, cookies):
    assert ask("access_session", "GET", PATH, cookies)["statusCode"] == 401


def test_a_true_cookie_beside_another_of_its_name_is_refused(sign_in, ask, tokens):
    cookie = cookie_of(sign_in(tokens["read"]))
    assert ask("access_session", "GET", PATH, [cookie])["statusCode"] == 200
    answer = ask("access_session", "GET", PATH, [cookie, f"{NAME}=planted"])
    assert (answer["statusCode"], "2 times" in body_of(answer)["detail"]) == (401, True)


def test_an_altered_secret_is_refused_like_an_unknown_session(sign_in, ask, tokens):
    cookie = cookie_of(sign_in(tokens["read"]))
    altered = cookie[:-1] + ("0" if cookie[-1] != "0" else "1")
    unknown = f"{NAME}=opsloop_{'f' * 12}_{'f' * 64}"
    details = [body_of(ask("access_session", "GET", PATH, [one]))["detail"] for one in (altered, unknown)]
    assert details[0] == details[1] == "this key is not known here"


def test_a_session_ends_at_its_time_even_in_a_warm_function(sign_in, ask, load_handler, tokens):
    cookie, warm = cookie_of(sign_in(tokens["read"])), load_handler("access_session")
    assert ask(warm, "GET", PATH, [cookie], now=NOW + timedelta(hours=12, seconds=-1))["statusCode"] == 200
    over = ask(warm, "GET", PATH, [cookie], now=NOW + timedelta(hours=12))
    assert (over["statusCode"], "expired" in body_of(over)["detail"]) == (401, True)


def test_a_session_does_not_outlive_a_key_that_expires(handler, sign_in):
    _, token = handler.table.create("short", ["read"], now=NOW, expires_at=NOW + timedelta(minutes=10))
    answer = sign_in(token)
    assert body_of(answer)["expires_at"] == "2026-11-21T08:40:00Z"
    assert "Max-Age=600;" in answer["cookies"][0]


def test_revoking_a_key_ends_its_sessions_at_once_in_cold_functions_and_within_a_minute_in_warm_ones(
    handler, sign_in, ask, load_handler, tokens
):
    cookie, warm = cookie_of(sign_in(tokens["read"])), load_handler("access_session")
    assert ask(warm, "GET", PATH, [cookie])["statusCode"] == 200
    handler.table.revoke("b" * 12, NOW)
    assert ask("access_session", "GET", PATH, [cookie])["statusCode"] == 401
    assert ask(warm, "GET", PATH, [cookie], now=NOW + timedelta(seconds=59))["statusCode"] == 200
    assert ask(warm, "GET", PATH, [cookie], now=NOW + timedelta(seconds=61))["statusCode"] == 401


def test_signing_out_ends_the_session_and_takes_the_cookie_away(sign_in, ask, tokens):
    told = sign_in(tokens["read"])
    cookie, headers = cookie_of(told), {"x-csrf-token": body_of(told)["csrf_token"]}
    gone = ask("access_session", "DELETE", PATH, [cookie], headers=headers)
    assert as_described("DELETE", PATH, gone) is None
    assert gone["cookies"] == [f"{NAME}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict; Secure"]
    after = ask("access_session", "GET", PATH, [cookie])
    assert (after["statusCode"], "revoked" in body_of(after)["detail"]) == (401, True)


def test_the_process_that_signed_somebody_out_knows_it_at_once(sign_in, ask, load_handler, tokens):
    told, warm = sign_in(tokens["read"]), load_handler("access_session")
    cookie, headers = cookie_of(told), {"x-csrf-token": body_of(told)["csrf_token"]}
    assert ask(warm, "DELETE", PATH, [cookie], headers=headers)["statusCode"] == 204
    assert ask(warm, "GET", PATH, [cookie])["statusCode"] == 401


def test_a_key_cannot_be_signed_out(ask, tokens):
    assert ask("access_session", "DELETE", PATH, None, token=tokens["read"])["statusCode"] == 400


def test_sessions_are_listed_apart_and_revoked_like_keys(sign_in, ask, tokens):
    session = body_of(sign_in(tokens["read"]))
    keys = body_of(ask("access_keys", "GET", "/v1/keys", None, token=tokens["admin"]))["keys"]
    assert {key["kind"] for key in keys} == {"key"}
    listing = ask("access_keys", "GET", "/v1/keys", None, query="kind=session", token=tokens["admin"])
    (listed,) = as_described("GET", "/v1/keys", listing)["keys"]
    assert (listed["key_id"], listed["parent_id"], listed["state"]) == (session["key_id"], "b" * 12, "valid")
    gone = ask("access_keys", "DELETE", f"/v1/keys/{session['key_id']}", None, token=tokens["admin"])
    assert body_of(gone)["state"] == "revoked"


def test_an_admins_session_cannot_take_the_last_admin_key_away(sign_in, ask, tokens):
    told = sign_in(tokens["admin"])
    headers = {"x-csrf-token": body_of(told)["csrf_token"]}
    answer = ask("access_keys", "DELETE", f"/v1/keys/{'a' * 12}", [cookie_of(told)], headers=headers)
    assert (answer["statusCode"], "last admin key" in body_of(answer)["detail"]) == (409, True)


def test_what_is_said_by_session_is_said_by_the_key_behind_it(handler, sign_in, ask, tokens):
    session = handler.table.find(body_of(sign_in(tokens["admin"]))["key_id"])
    assert session.holder_id == "a" * 12


def test_sessions_and_counts_say_when_dynamodb_may_drop_them_and_keys_do_not(handler, sign_in, tokens, aws):
    sign_in(tokens["read"])
    sign_in("wrong")
    ends = int((NOW + timedelta(hours=12, days=1)).timestamp())
    purged = {
        item["key_id"]["S"]: int(item["purge_after"]["N"])
        for item in aws.items("ACCESS_TABLE")
        if "purge_after" in item
    }
    assert len(purged) == 2
    assert sorted(purged.values()) == [int((NOW + timedelta(minutes=10)).timestamp()), ends]
    assert [key.key_id for key in handler.table.list()] == [letter * 12 for letter in "abcde"]


@pytest.mark.parametrize("name", ["revoked", "expired"])
def test_what_became_of_a_key_is_told_to_its_holder(sign_in, tokens, name):
    answer = sign_in(tokens[name])
    assert (answer["statusCode"], name in body_of(answer)["detail"]) == (401, True)
    assert "cookies" not in answer


def test_a_key_that_only_sends_opens_no_session(sign_in, tokens):
    answer = sign_in(tokens["ingest"])
    assert (answer["statusCode"], "only sends telemetry" in body_of(answer)["detail"]) == (403, True)


def test_a_wrong_secret_is_answered_like_an_unknown_key(sign_in, tokens):
    wrong, unknown = f"opsloop_{'a' * 12}_{'0' * 64}", f"opsloop_{'0' * 12}_{'0' * 64}"
    answers = [sign_in(one) for one in (wrong, unknown)]
    assert [one["statusCode"] for one in answers] == [401, 401]
    assert body_of(answers[0])["detail"] == body_of(answers[1])["detail"]


def test_ten_wrong_keys_from_an_address_make_it_wait_until_the_minute_is_over(sign_in, tokens):
    at = NOW + timedelta(seconds=15)
    assert [sign_in("nonsense", now=at)["statusCode"] for _ in range(10)] == [401] * 10
    refused = sign_in(tokens["read"], now=at)  # a right one, too
    assert (refused["statusCode"], refused["headers"]["retry-after"]) == (429, "45")
    assert sign_in(tokens["read"], now=NOW + timedelta(minutes=1))["statusCode"] == 201


def test_right_keys_are_not_counted(sign_in, tokens):
    assert {sign_in(tokens["read"])["statusCode"] for _ in range(12)} == {201}


@pytest.mark.parametrize("body", ["{}", "[]", '{"key": 5}', '{"key": "x", "more": 1}', "{", '{"key": null}'])
def test_a_body_of_another_form_is_refused(handler, http_event, context, body):
    assert handler.lambda_handler(http_event("POST", PATH, headers=JSON, body=body), context)["statusCode"] == 400


def test_another_site_cannot_sign_somebody_in(sign_in, tokens):
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert sign_in(tokens["read"], headers={**JSON, **headers})["statusCode"] == 403
    form = {**HTTPS, "content-type": "text/plain"}  # what a form can send without asking first
    assert sign_in(tokens["read"], headers=form)["statusCode"] == 415


def test_spaces_around_a_pasted_key_do_not_matter(sign_in, tokens):
    assert sign_in(f"  {tokens['read']}\n")["statusCode"] == 201


def test_a_table_that_does_not_answer_is_503_and_not_a_refusal(aws, tokens, load_handler, http_event, context):
    handler = load_handler("access_session", ACCESS_TABLE="not-there")
    wish = http_event("POST", PATH, headers=JSON, body=json.dumps({"key": tokens["read"]}))
    assert handler.lambda_handler(wish, context)["statusCode"] == 503
    cookie = [f"{NAME}=opsloop_{'f' * 12}_{'f' * 64}"]
    shown = handler.lambda_handler(http_event("GET", PATH, headers=HTTPS, cookies=cookie), context)
    assert shown["statusCode"] == 503


def test_neither_the_log_nor_an_answer_shows_a_key_or_a_session(aws, tokens, load_handler, http_event, context, capsys):
    handler = load_handler("access_session")
    wish = http_event("POST", PATH, headers=JSON, body=json.dumps({"key": tokens["read"]}))
    answer = handler.lambda_handler(wish, context)
    cookie = cookie_of(answer)
    handler.lambda_handler(http_event("GET", PATH, headers=HTTPS, cookies=[cookie]), context)
    logged = capsys.readouterr().out
    assert "session begun" in logged
    for secret in ("b" * 64, cookie.rpartition("_")[2]):
        assert secret not in logged
        assert secret not in answer["body"]


def test_the_table_of_keys_is_listed_without_counts_of_failures(aws, tokens):
    table = AccessTable(aws.names["ACCESS_TABLE"])
    table.add_failure("192.0.2.1", NOW)
    assert table.failures("192.0.2.1", NOW) == 1
    assert [key.key_id for key in table.list()] == [letter * 12 for letter in "abcde"]
    assert table.find(f"attempts/192.0.2.1/{int(NOW.timestamp()) // 60}") is None


def test_a_session_is_found_in_the_moment_after_it_was_stored(aws, tokens, monkeypatch):
    """DynamoDB promises that for consistent reads alone; the mocked one reads consistently in any case."""
    table, asked = AccessTable(aws.names["ACCESS_TABLE"]), []
    client = table._table.client
    call = client.call
    monkeypatch.setattr(client, "call", lambda name, request: asked.append(request) or call(name, request))
    assert table.find("b" * 12) is not None
    assert [request["ConsistentRead"] for request in asked] == [True]

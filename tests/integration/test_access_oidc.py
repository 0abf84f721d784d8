"""Signing in with an identity provider: the way there, the way back, and everything that is refused on it."""

import json
import socket
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from opsloop.adapters.access_table import AccessTable
from tests.conftest import NOW
from tests.integration.identity_provider import CLIENT_ID, SECRET, IdentityProvider, serving

PATH, CALLBACK = "/v1/session/oidc", "/v1/session/oidc/callback"
HTTPS = {"x-forwarded-proto": "https", "host": "api.example.com"}
BACK = f"https://api.example.com{CALLBACK}"
COOKIE, SESSION = "__Host-opsloop_sign_in", "__Host-opsloop_session"


@pytest.fixture
def provider():
    with serving(IdentityProvider()) as one:
        one.now = NOW.timestamp()
        yield one


@pytest.fixture
def load(aws, load_handler, provider):
    """Return ``load(**environment)``: the function, set up for the provider."""
    aws.client("secretsmanager").create_secret(Name="opsloop-test/access/oidc", SecretString=f"{SECRET}\n")
    environment = {
        "OIDC_ISSUER": provider.url,
        "OIDC_CLIENT_ID": CLIENT_ID,
        "OIDC_REDIRECT_URL": BACK,
        "OIDC_SECRET": "opsloop-test/access/oidc",
        "OIDC_ROLES": "everyone=viewer, on-call=operator",
    }
    return lambda **changes: load_handler("access_session", **{**environment, **changes})


@pytest.fixture
def ask(http_event, context):
    """Return ``ask(handler, path, query, cookies)``: an answer of the function."""

    def ask(handler, path, query="", cookies=None, now=NOW):
        return handler.lambda_handler(
            http_event("GET", path, query=query, headers=HTTPS, cookies=cookies, now=now), context
        )

    return ask


@pytest.fixture
def sign_in(ask, provider):
    """Return ``sign_in(handler)``: the last answer of the way; ``changes`` alter the query of the way back."""

    def sign_in(handler, *, to="", now=NOW, **changes):
        there = ask(handler, PATH, f"to={to}" if to else "", now=now)
        query = provider.sign_in(there["headers"]["location"], **changes)
        return ask(handler, CALLBACK, query, [cookie_of(there, COOKIE)], now=now)

    return sign_in


def cookie_of(answer, name):
    (found,) = (one.partition(";")[0] for one in answer["cookies"] if one.startswith(f"{name}="))
    return found


def is_refused(answer, reason, place="/console"):
    assert SESSION not in str(answer.get("cookies"))
    assert (answer["statusCode"], answer["headers"]["location"]) == (302, f"{place}?sign_in={reason}")
    return True


def test_the_way_there_names_us_and_hides_what_must_come_back(load, ask, provider):
    there = ask(load(), PATH)
    asked = parse_qs(urlsplit(there["headers"]["location"]).query)
    assert (asked["redirect_uri"], asked["scope"]) == ([BACK], ["openid profile email"])
    (cookie,) = there["cookies"]
    assert cookie.endswith("; Max-Age=600; Path=/; HttpOnly; SameSite=Lax; Secure")
    secret = cookie_of(there, COOKIE).partition("=")[2].partition(".")[0]
    assert secret not in there["headers"]["location"]
    assert len({asked[name][0] for name in ("state", "nonce", "code_challenge")}) == 3
    again = parse_qs(urlsplit(ask(load(), PATH)["headers"]["location"]).query)
    assert not {tuple(asked[name]) for name in ("state", "nonce")} & {tuple(again[name]) for name in ("state", "nonce")}


def test_a_person_comes_back_to_the_page_and_is_signed_in(load, ask, sign_in, provider):
    handler = load()
    back = sign_in(handler, to="/console/anomalies/a-1%3Ftz%3DUTC")
    assert (back["statusCode"], back["headers"]["location"]) == (302, "/console/anomalies/a-1?tz=UTC")
    assert f"{COOKIE}=; Max-Age=0" in str(back["cookies"])
    told = ask(handler, "/v1/session", cookies=[cookie_of(back, SESSION)])
    who = json.loads(told["body"])
    assert (who["role"], who["name"], who["parent_id"]) == ("operator", "Ada Lovelace", None)
    assert (who["expires_at"], who["sign_in"]) == ("2026-11-21T20:30:00Z", {"key": True, "oidc": True})
    assert provider.authorizations[0].startswith("Basic ")


def test_the_session_is_listed_with_its_person_and_can_be_revoked(load, ask, sign_in, aws):
    handler = load()
    cookie = cookie_of(sign_in(handler), SESSION)
    table = AccessTable(aws.names["ACCESS_TABLE"])
    (session,) = table.sessions()
    assert (session.origin.subject, session.holder_id) == ("user-17", "user-17")
    table.revoke(session.key_id, NOW)
    assert ask(load(), "/v1/session", cookies=[cookie])["statusCode"] == 401


def test_the_discovery_document_is_kept_for_an_hour_and_longer_where_the_provider_is_down(load, ask, provider):
    handler = load()
    clock = [1_000.0]
    handler.provider._clock = lambda: clock[0]
    for _ in range(3):
        ask(handler, PATH)
    assert provider.asked == ["/.well-known/openid-configuration"]
    clock[0] += 3_601
    provider.broken["/.well-known/openid-configuration"] = (500, b"")
    assert ask(handler, PATH)["headers"]["location"].startswith(provider.url)
    assert len(provider.asked) == 2


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("/console/services/web", "/console/services/web"),
        ("/console", "/console"),
        ("https://evil.example", "/console"),
        ("//evil.example", "/console"),
        ("/console//evil.example", "/console//evil.example"),  # a path of ours, whatever it says
        ("/console/..%5cevil", "/console"),
        ("/consoles", "/console"),
        ("/v1/keys", "/console"),
        ("/console/%0d%0aset-cookie:a", "/console"),
        ("/console/" + "a" * 2_000, "/console"),
    ],
)
def test_nobody_is_sent_anywhere_but_to_the_console(load, sign_in, place, expected):
    assert sign_in(load(), to=place)["headers"]["location"] == expected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": "0" * 64}, "expired"),
        ({"state": ""}, "expired"),
        ({"state": "\u00e9"}, "expired"),
        ({"iss": "https://evil.example"}, "failed"),
        ({"error": "access_denied"}, "refused"),
        ({"error": "server_error"}, "failed"),
        ({"code": "another"}, "failed"),
        ({"code": ""}, "failed"),
    ],
)
def test_an_answer_of_another_sign_in_opens_nothing(load, sign_in, changes, reason):
    assert is_refused(sign_in(load(), **changes), reason)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"nonce": "0" * 64}, "failed"),
        ({"nonce": None}, "failed"),
        ({"aud": "somebody else"}, "failed"),
        ({"aud": None}, "failed"),
        ({"aud": [CLIENT_ID, "somebody else"]}, "failed"),
        ({"azp": "somebody else"}, "failed"),
        ({"iss": "https://evil.example"}, "failed"),
        ({"iss": None}, "failed"),
        ({"exp": NOW.timestamp() - 61}, "failed"),
        ({"exp": "tomorrow"}, "failed"),
        ({"exp": True}, "failed"),
        ({"exp": None}, "failed"),
        ({"iat": NOW.timestamp() - 601}, "failed"),
        ({"iat": NOW.timestamp() + 61}, "failed"),
        ({"sub": ""}, "failed"),
        ({"sub": 17}, "failed"),
        ({"groups": ["strangers"]}, "no_role"),
        ({"groups": None}, "no_role"),
        ({"groups": {"on-call": True}}, "no_role"),
    ],
)
def test_a_token_that_is_not_for_this_sign_in_opens_nothing(load, sign_in, provider, claims, reason):
    provider.claims |= claims
    assert is_refused(sign_in(load()), reason)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW.timestamp() - 59},
        {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID},
        {"aud": [CLIENT_ID]},
        {"groups": "on-call"},
    ],
)
def test_what_the_standard_allows_is_let_in(load, sign_in, provider, claims):
    provider.claims |= claims
    assert sign_in(load())["headers"]["location"] == "/console"


@pytest.mark.parametrize(
    "token", ["", "a.b", "a.b.c", "a.bm90IGpzb24.c", "a.WzFd.c", "a." + "W1tb" * 20_000 + ".c", None, 5]
)
def test_what_is_no_token_opens_nothing(load, sign_in, provider, token):
    provider.broken["/token"] = (200, json.dumps({"id_token": token}).encode())
    assert is_refused(sign_in(load()), "failed")


def test_a_code_is_good_once(load, ask, provider):
    handler = load()
    there = ask(handler, PATH)
    query, cookies = provider.sign_in(there["headers"]["location"]), [cookie_of(there, COOKIE)]
    assert ask(handler, CALLBACK, query, cookies)["headers"]["location"] == "/console"
    assert is_refused(ask(handler, CALLBACK, query, cookies), "failed")  # the provider refuses a code that was used


def test_the_answer_of_one_browser_is_of_no_use_in_another(load, ask, provider):
    handler = load()
    mine, theirs = ask(handler, PATH), ask(handler, PATH)
    query = provider.sign_in(mine["headers"]["location"])
    assert is_refused(ask(handler, CALLBACK, query), "expired")
    assert is_refused(ask(handler, CALLBACK, query, [cookie_of(theirs, COOKIE)]), "expired")
    twice = [cookie_of(mine, COOKIE), cookie_of(theirs, COOKIE)]
    assert is_refused(ask(handler, CALLBACK, query, twice), "failed")
    for forged in ("x", "0" * 64, f"{'0' * 64}.////", f"{'0' * 64}.{'L2V2aWw'}", "." * 50):
        assert is_refused(ask(handler, CALLBACK, query, [f"{COOKIE}={forged}"]), "expired")


def test_a_provider_that_says_whose_its_answers_are_must_say_so(load, sign_in, provider):
    provider.said["authorization_response_iss_parameter_supported"] = True
    assert is_refused(sign_in(load()), "failed")
    assert sign_in(load(), iss=provider.url)["headers"]["location"] == "/console"


def test_a_provider_that_takes_no_header_gets_the_secret_in_the_form(load, sign_in, provider):
    provider.said["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    assert sign_in(load())["headers"]["location"] == "/console"
    assert provider.authorizations == [""]


def test_a_wrong_client_secret_signs_nobody_in(load, sign_in, aws):
    aws.client("secretsmanager").create_secret(Name="wrong", SecretString="wrong")
    assert is_refused(sign_in(load(OIDC_SECRET="wrong")), "failed")


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"token_endpoint": "https://evil.example:x/"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "https://evil.example/\r\nset-cookie: a=b"},
    ],
)
def test_a_description_of_another_provider_is_not_followed(load, ask, provider, said):
    provider.said |= said
    assert is_refused(ask(load(), PATH), "failed")


def test_a_provider_that_is_down_is_told_from_one_that_refuses(load, ask, sign_in, provider):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    assert is_refused(ask(load(OIDC_ISSUER=down), PATH), "unavailable")
    provider.broken["/token"] = (503, b"")
    assert is_refused(sign_in(load()), "unavailable")


def test_roles_come_from_any_claim_and_the_highest_counts(load, ask, sign_in, provider):
    def role(claims, **environment):
        provider.claims = claims
        handler = load(**environment)
        told = ask(handler, "/v1/session", cookies=[cookie_of(sign_in(handler), SESSION)])
        return json.loads(told["body"])["role"]

    nested = {"OIDC_ROLE_CLAIM": "realm_access.roles", "OIDC_ROLES": "a=admin,*=viewer"}
    assert role({"realm_access": {"roles": ["a"]}}, **nested) == "admin"
    assert role({"realm_access": "a"}, **nested) == "viewer"
    dotted = {"OIDC_ROLE_CLAIM": "https://example.com/roles", "OIDC_ROLES": "x=viewer,y=admin"}
    assert role({"https://example.com/roles": ["x", "y"]}, **dotted) == "admin"


@pytest.mark.parametrize("roles", ["on-call", "on-call=root", "=admin", "a=admin,b"])
def test_a_map_of_roles_that_cannot_be_read_stops_the_function_at_its_start(load, roles):
    with pytest.raises(Exception, match="is not VALUE=ROLE"):
        load(OIDC_ROLES=roles)


def test_attempts_are_counted_with_those_of_keys(load, ask, sign_in, provider):
    handler = load()
    provider.claims["groups"] = []
    for _ in range(10):
        assert is_refused(sign_in(handler), "no_role")
    provider.claims["groups"] = ["on-call"]
    assert is_refused(sign_in(handler), "too_many")
    assert sign_in(handler, now=NOW + timedelta(minutes=1))["headers"]["location"] == "/console"


def test_without_a_provider_there_is_no_such_way(aws, load_handler, ask):
    handler = load_handler("access_session")
    assert ask(handler, PATH)["statusCode"] == ask(handler, CALLBACK)["statusCode"] == 404


def test_neither_code_nor_token_nor_secret_is_logged(load, sign_in, provider, capsys):
    handler = load()
    sign_in(handler)
    provider.claims["nonce"] = "wrong"
    sign_in(handler)
    logged = capsys.readouterr().out
    assert "nonce is not that of this sign-in" in logged
    for secret in (SECRET, "code-0", "c2ln"):
        assert secret not in logged

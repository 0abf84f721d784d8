"""Signing in with an identity provider: what follows from what, and hostile texts that must break nothing."""

import base64
import hashlib
import json
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop.access.id_token import parse_roles, person_of
from opsloop.access.model import Role
from opsloop.access.oidc import (
    Client,
    Journey,
    Provider,
    SignInError,
    is_ours,
    is_safe,
    journey_of,
    journey_to,
    provider_of,
    token_request,
    way_there,
)
from tests.conftest import NOW

ISSUER = "https://login.example.com"
CLIENT = Client(ISSUER, "opsloop", "https://api.example.com/v1/session/oidc/callback", "openid")
PROVIDER = Provider(ISSUER, f"{ISSUER}/authorize", f"{ISSUER}/token", takes_basic=True, tells_issuer=False)
ROLES = parse_roles("groups", "on-call=operator")
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.binary(min_size=32, max_size=32), st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60))
def test_a_journey_comes_back_from_its_cookie_as_it_was(randomness, tail):
    journey = journey_to(f"/console/{tail}", randomness=randomness)
    assert journey_of(journey.cookie) == journey
    assert set(journey.cookie) <= set("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.")


def test_the_challenge_is_that_of_the_verifier_and_names_nothing_else():
    """RFC 7636, 4.2: BASE64URL(SHA256(ASCII(verifier))), the verifier being 43 to 128 letters."""
    journey = Journey("5" * 64)
    digest = hashlib.sha256(journey.verifier.encode("ascii")).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    place = way_there(PROVIDER, CLIENT, journey)
    assert f"code_challenge={challenge}&code_challenge_method=S256" in place
    assert 43 <= len(journey.verifier) <= 128
    assert journey.verifier not in place


@given(st.text(max_size=200))
def test_whatever_a_cookie_holds_is_a_journey_of_ours_or_none(text):
    try:
        journey = journey_of(text)
    except SignInError:
        return
    assert is_ours(journey.place)


@given(st.text(max_size=60) | st.from_regex(r"/console[/?\\@:%a.]{0,20}", fullmatch=True))
def test_a_place_that_is_ours_is_on_our_host_however_a_browser_reads_it(place):
    if is_ours(place):
        for base in ("https://api.example.com/v1/session/oidc/callback", "https://api.example.com"):
            there = urlsplit(urljoin(base, place))
            assert (there.scheme, there.netloc) == ("https", "api.example.com")
            assert there.path.startswith("/console")


@given(JSON)
def test_claims_of_any_shape_sign_nobody_in_unless_they_are_all_right(claims):
    token = f"a.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c"
    with pytest.raises(SignInError):
        person_of(token, CLIENT, ROLES, nonce="n", now=NOW)


@given(st.dictionaries(st.sampled_from(["iss", "aud", "azp", "exp", "iat", "sub", "nonce", "groups", "name"]), JSON))
def test_right_claims_with_any_of_them_changed_sign_in_the_same_person_or_nobody(changes):
    right = {"iss": ISSUER, "aud": "opsloop", "exp": NOW.timestamp() + 60, "iat": NOW.timestamp()}
    right |= {"sub": "u", "nonce": "n", "groups": ["on-call"]}
    token = f"a.{base64.urlsafe_b64encode(json.dumps(right | changes).encode()).decode().rstrip('=')}.c"
    try:
        person = person_of(token, CLIENT, ROLES, nonce="n", now=NOW)
    except SignInError:
        return
    assert person.role is Role.OPERATOR
    assert {name for name in changes if changes[name] != right.get(name)} <= {
        "sub",
        "name",
        "exp",
        "iat",
        "groups",
        "azp",
    }


@given(JSON)
def test_a_description_of_any_shape_is_refused(document):
    with pytest.raises(SignInError):
        provider_of(document if isinstance(document, dict) else {}, ISSUER)


@pytest.mark.parametrize(
    ("url", "issuer", "expected"),
    [
        ("https://login.example.com/token", ISSUER, True),
        ("https://elsewhere.example/token", ISSUER, True),  # as large providers do; what is there is TLS's to say
        ("http://login.example.com/token", ISSUER, False),
        ("http://127.0.0.1:5/token", "http://127.0.0.1:5", True),
        ("http://127.0.0.1:5/token", ISSUER, False),
        ("http://example.com/token", "http://127.0.0.1:5", False),
        ("file:///etc/passwd", ISSUER, False),
        ("https:///token", ISSUER, False),
        ("https://[::1", ISSUER, False),
        ("https://login.example.com:99999/token", ISSUER, False),
        ("https://login.example.com/\u00fc", ISSUER, False),
        ("", ISSUER, False),
    ],
)
def test_secrets_go_by_tls_alone_or_on_loopback(url, issuer, expected):
    assert is_safe(url, issuer) is expected


def test_a_client_without_a_secret_names_itself_in_the_form():
    form, header = token_request(PROVIDER, CLIENT, Journey("5" * 64), "c", "")
    assert (header, "client_id=opsloop" in form, "client_secret" in form) == ("", True, False)


def test_values_of_roles_may_hold_spaces_equals_signs_and_by_semicolons_commas():
    assert parse_roles("g", " on call = operator ,a=b=admin,").roles == {"on call": Role.OPERATOR, "a=b": Role.ADMIN}
    assert parse_roles("g", "cn=ops,dc=x=operator;*=viewer").roles == {"cn=ops,dc=x": Role.OPERATOR, "*": Role.VIEWER}
    assert parse_roles("g", "").roles == {}

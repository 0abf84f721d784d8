"""Sessions: whose they are, when they end, and what proves that our own page asks."""

import hashlib
import hmac
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop.access.attempts import attempts_id, refuse_too_many
from opsloop.access.issue import issue
from opsloop.access.model import Role, Scope, role_of
from opsloop.access.revoke import surviving_admin
from opsloop.access.session import csrf_token, refuse_foreign, refuse_forged, session_of_key, session_of_person
from opsloop.errors import ConflictError, ForbiddenError, ThrottledError
from tests.conftest import NOW

HOURS = timedelta(hours=12)
SECRET = "5" * 64
HOST = {"host": "api.example.com"}


def key_of(*scopes, number=1, **changes):
    return issue("on-call", frozenset(scopes), randomness=bytes([number]) * 38, now=NOW, **changes)[0]


def session_of(parent, number=2):
    return session_of_key(parent, randomness=bytes([number]) * 38, now=NOW, lasts=HOURS)[0]


def test_a_session_has_the_name_and_scopes_of_its_key_and_a_secret_of_its_own():
    parent = key_of(Scope.READ, Scope.OPERATE)
    session = session_of(parent)
    assert (session.name, session.scopes) == (parent.name, parent.scopes)
    assert session.secret_sha256 != parent.secret_sha256
    assert session.key_id != parent.key_id
    assert (session.origin.parent_id, session.holder_id) == (parent.key_id, parent.key_id)


def test_a_session_ends_after_its_hours_or_with_its_key():
    assert session_of(key_of(Scope.READ)).expires_at == NOW + HOURS
    soon = NOW + timedelta(minutes=5)
    assert session_of(key_of(Scope.READ, expires_at=soon)).expires_at == soon
    late = NOW + timedelta(days=5)
    assert session_of(key_of(Scope.READ, expires_at=late)).expires_at == NOW + HOURS


def test_a_key_that_shows_nothing_opens_no_session():
    with pytest.raises(ForbiddenError, match="only sends telemetry"):
        session_of(key_of(Scope.INGEST))


@pytest.mark.parametrize("role", Role)
def test_a_person_gets_the_role_that_was_found_and_no_more(role):
    session, _ = session_of_person(
        "Ada", role, issuer="https://id.example.com", subject="u-1", randomness=bytes(38), now=NOW, lasts=HOURS
    )
    assert role_of(session.scopes) is role
    assert Scope.INGEST not in session.scopes
    assert (session.name, session.holder_id, session.expires_at) == ("Ada", "u-1", NOW + HOURS)


def test_a_provider_names_people_as_it_likes():
    for name in ("", "\x00\x1b[2J", " " * 500, "\u202eA" * 500):
        session, _ = session_of_person(
            name, Role.VIEWER, issuer="i", subject="s", randomness=bytes(38), now=NOW, lasts=HOURS
        )
        assert 1 <= len(session.name) <= 100
        assert session.name.isprintable()


def test_an_admins_session_is_not_an_admin_key():
    admin = key_of(Scope.ADMIN)
    session = session_of(admin)
    with pytest.raises(ConflictError):
        surviving_admin(admin, [admin, session], NOW)
    assert surviving_admin(session, [admin, session], NOW) is None


def test_the_csrf_token_is_an_hmac_of_the_secret_and_does_not_tell_it():
    expected = hmac.new(SECRET.encode(), b"opsloop csrf token of the session", hashlib.sha256).hexdigest()
    assert csrf_token(SECRET) == expected
    assert csrf_token("6" * 64) != expected


@given(st.text(max_size=80))
def test_no_other_token_will_do(given_token):
    good = csrf_token(SECRET)
    refuse_forged("POST", {**HOST, "x-csrf-token": good}, SECRET)
    if given_token != good:
        with pytest.raises(ForbiddenError, match="x-csrf-token"):
            refuse_forged("POST", {**HOST, "x-csrf-token": given_token}, SECRET)


def test_what_only_reads_needs_no_token():
    for method in ("GET", "HEAD", "OPTIONS"):
        refuse_forged(method, {**HOST, "origin": "https://evil.example"}, SECRET)
    for method in ("POST", "PUT", "PATCH", "DELETE", "BREW"):
        with pytest.raises(ForbiddenError):
            refuse_forged(method, HOST, SECRET)


@pytest.mark.parametrize(
    ("headers", "is_refused"),
    [
        ({}, False),
        ({"origin": "https://api.example.com"}, False),
        ({"origin": "https://API.example.com"}, False),
        ({"origin": "https://evil.example"}, True),
        ({"origin": "https://api.example.com.evil.example"}, True),
        ({"origin": "https://api.example.com:8443"}, True),
        ({"origin": "null"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "https://console.example.com"}, False),  # behind a proxy
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "same-site", "origin": "https://api.example.com"}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "made-up"}, True),
    ],
)
def test_a_page_of_another_site_is_refused_by_what_its_browser_says(headers, is_refused):
    if is_refused:
        with pytest.raises(ForbiddenError):
            refuse_foreign({**HOST, **headers})
    else:
        refuse_foreign({**HOST, **headers})


def test_ten_failures_are_let_pass_and_then_the_minute_must_end():
    refuse_too_many(9, NOW)
    with pytest.raises(ThrottledError) as caught:
        refuse_too_many(10, NOW + timedelta(seconds=22))
    assert caught.value.retry_after_s == 38


def test_addresses_of_one_household_share_a_count_and_others_do_not():
    def same(one, other):
        return attempts_id(one, NOW) == attempts_id(other, NOW)

    assert not same("192.0.2.1", "192.0.2.2")
    assert same("2001:db8:1:2::1", "2001:0DB8:0001:0002:ffff::9")
    assert not same("2001:db8:1:2::1", "2001:db8:1:3::1")
    assert not same("::ffff:192.0.2.1", "::ffff:192.0.2.2")
    assert attempts_id("192.0.2.1", NOW) != attempts_id("192.0.2.1", NOW + timedelta(minutes=1))
    assert len(attempts_id("x" * 10_000, NOW)) < 100

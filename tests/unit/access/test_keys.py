"""Keys: made, checked, and the last of them kept."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from opsloop.access.authorize import authenticate, authorize, parse_authorization
from opsloop.access.issue import issue
from opsloop.access.model import Scope, parse_scopes
from opsloop.access.revoke import surviving_admin
from opsloop.errors import ConflictError, ForbiddenError, InvalidInputError, UnauthenticatedError

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
RANDOMNESS = bytes(range(38))
KEY, TOKEN = issue("web", frozenset({Scope.INGEST}), randomness=RANDOMNESS, now=NOW)
SECRET = RANDOMNESS[6:].hex()


def admin(number, **changes):
    key, _ = issue("a", frozenset({Scope.ADMIN}), randomness=bytes([number]) * 38, now=NOW)
    return replace(key, **changes)


def test_the_token_is_made_of_the_randomness_and_only_its_hash_is_kept():
    assert f"opsloop_000102030405_{SECRET}" == TOKEN
    assert KEY.secret_sha256 == hashlib.sha256(SECRET.encode()).hexdigest()
    assert SECRET not in repr(KEY)


def test_the_token_opens_what_it_was_made_for():
    key_id, secret = parse_authorization(f"Bearer {TOKEN}")
    assert key_id == KEY.key_id
    assert authenticate(KEY, secret, NOW) is KEY
    authorize(KEY, Scope.INGEST)
    with pytest.raises(ForbiddenError, match="ingest; this needs read"):
        authorize(KEY, Scope.READ)


def test_admin_includes_every_scope():
    for scope in Scope:
        authorize(admin(1), scope)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN}0",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        "Bearer opsloop_x_y",
        f"Bearer {TOKEN} {TOKEN}",
    ],
)
def test_a_header_of_another_form_holds_no_key(header):
    with pytest.raises(UnauthenticatedError) as caught:
        parse_authorization(header)
    assert SECRET not in str(caught.value)


def test_wrong_unknown_revoked_and_expired_keys_open_nothing():
    with pytest.raises(UnauthenticatedError, match="not known"):
        authenticate(KEY, "0" * 64, NOW)
    with pytest.raises(UnauthenticatedError, match="not known"):
        authenticate(None, SECRET, NOW)
    with pytest.raises(UnauthenticatedError, match="revoked"):
        authenticate(replace(KEY, revoked_at=NOW), SECRET, NOW)
    expiring = replace(KEY, expires_at=NOW + timedelta(seconds=1))
    assert authenticate(expiring, SECRET, NOW) is expiring
    with pytest.raises(UnauthenticatedError, match="expired"):
        authenticate(expiring, SECRET, NOW + timedelta(seconds=1))


def test_whether_a_key_was_revoked_is_told_only_to_who_has_its_secret():
    with pytest.raises(UnauthenticatedError, match="not known"):
        authenticate(replace(KEY, revoked_at=NOW), "0" * 64, NOW)


def test_an_unknown_key_costs_the_same_comparison(monkeypatch):
    compared = []
    monkeypatch.setattr("opsloop.access.authorize.hmac.compare_digest", lambda a, b: compared.append((a, b)) or False)
    for key in (KEY, None):
        with pytest.raises(UnauthenticatedError):
            authenticate(key, SECRET, NOW)
    assert [len(a) + len(b) for a, b in compared] == [128, 128]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb"])
def test_a_key_needs_a_printable_name(name):
    with pytest.raises(InvalidInputError, match="name"):
        issue(name, frozenset({Scope.READ}), randomness=RANDOMNESS, now=NOW)


def test_a_key_cannot_be_born_expired_and_needs_a_known_scope():
    with pytest.raises(InvalidInputError, match="expires_at"):
        issue("x", frozenset({Scope.READ}), randomness=RANDOMNESS, now=NOW, expires_at=NOW)
    with pytest.raises(InvalidInputError, match="'write' is not one of ingest, read, operate, admin"):
        parse_scopes(["read", "write"])
    with pytest.raises(InvalidInputError, match="at least one"):
        parse_scopes([])
    with pytest.raises(ValueError, match="38 random bytes"):
        issue("x", frozenset({Scope.READ}), randomness=b"short", now=NOW)


def test_the_last_valid_admin_key_stays():
    keys = [KEY, admin(1), admin(2, revoked_at=NOW), admin(3, expires_at=NOW)]
    with pytest.raises(ConflictError, match="last admin key"):
        surviving_admin(keys[1], keys, NOW)


def test_of_several_admin_keys_the_one_that_lasts_longest_must_stay():
    short, long = admin(2, expires_at=NOW + timedelta(days=1)), admin(3, expires_at=NOW + timedelta(days=2))
    assert surviving_admin(admin(1), [admin(1), short, long], NOW) == long
    assert surviving_admin(admin(1), [admin(1), short, admin(4)], NOW) == admin(4)


def test_other_keys_may_always_be_revoked():
    assert surviving_admin(KEY, [KEY], NOW) is None
    assert surviving_admin(admin(1, expires_at=NOW), [], NOW) is None

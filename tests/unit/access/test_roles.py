"""Scopes include each other as the page says, and make roles."""

import pytest

from opsloop.access.issue import issue
from opsloop.access.model import Role, Scope, role_of, scopes_of
from tests.conftest import NOW

# scope held -> what it opens, as docs/domains/access.md says
OPENS = {
    "ingest": {"ingest"},
    "read": {"read"},
    "operate": {"read", "operate"},
    "admin": {"ingest", "read", "operate", "admin"},
}


@pytest.mark.parametrize("held", OPENS)
def test_a_scope_opens_what_it_includes_and_nothing_else(held):
    key, _ = issue("somebody", frozenset({Scope(held)}), randomness=bytes(38), now=NOW)
    assert {scope.value for scope in Scope if key.has_scope(scope)} == OPENS[held]


def test_the_role_is_that_of_the_highest_scope():
    assert role_of(frozenset({Scope.READ})) is Role.VIEWER
    assert role_of(frozenset({Scope.READ, Scope.OPERATE})) is Role.OPERATOR
    assert role_of(frozenset({Scope.INGEST, Scope.ADMIN, Scope.READ})) is Role.ADMIN
    assert role_of(frozenset({Scope.INGEST})) is None
    assert role_of(frozenset()) is None


def test_each_role_has_scopes_that_make_it():
    assert {role: role_of(scopes_of(role)) for role in Role} == {role: role for role in Role}

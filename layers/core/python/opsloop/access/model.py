"""The nouns of access: a key, and what it may do."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError


class Scope(StrEnum):
    """What a key may do. ``operate`` includes ``read``, ``admin`` includes the others."""

    INGEST = "ingest"
    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"


class Role(StrEnum):
    """What the scopes make of a person who signs in; each may do what those before may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_INCLUDED_IN: dict[Scope, frozenset[Scope]] = {  # scope -> the scopes that include it, itself among them
    Scope.INGEST: frozenset({Scope.INGEST, Scope.ADMIN}),
    Scope.READ: frozenset({Scope.READ, Scope.OPERATE, Scope.ADMIN}),
    Scope.OPERATE: frozenset({Scope.OPERATE, Scope.ADMIN}),
    Scope.ADMIN: frozenset({Scope.ADMIN}),
}
_ROLES = ((Scope.ADMIN, Role.ADMIN), (Scope.OPERATE, Role.OPERATOR), (Scope.READ, Role.VIEWER))


@dataclass(frozen=True)
class Origin:
    """Who opened a session: the holder of the key ``parent_id``, or the person whom ``issuer`` knows as ``subject``."""

    parent_id: str = ""
    issuer: str = ""
    subject: str = ""


@dataclass(frozen=True)
class ApiKey:
    """One key. ``secret_sha256`` (hex) is all that is kept of the secret; several keys are valid at once.

    With an ``origin`` it is a session: the key of one browser for some hours (docs/adr/0018-sessions.md).
    """

    key_id: str
    name: str
    scopes: frozenset[Scope]
    secret_sha256: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    origin: Origin | None = None

    @property
    def holder_id(self) -> str:
        """Return what stays the same when its holder signs in again: the id of the key, or the person's."""
        return (self.origin.parent_id or self.origin.subject) if self.origin else self.key_id

    def is_valid(self, now: datetime) -> bool:
        """Whether the key opens anything at ``now``."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def has_scope(self, scope: Scope) -> bool:
        """Whether the key may do what ``scope`` stands for."""
        return not self.scopes.isdisjoint(_INCLUDED_IN[scope])


def role_of(scopes: frozenset[Scope]) -> Role | None:
    """Return the role that those scopes make; None where they let nobody see anything (``ingest`` alone)."""
    return next((role for scope, role in _ROLES if scope in scopes), None)


def scopes_of(role: Role) -> frozenset[Scope]:
    """Return the scopes of a session of that role."""
    return frozenset(scope for scope, its in _ROLES if its is role)


def parse_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """Return the scopes of those names; raise ``InvalidInputError`` for none or an unknown one."""
    known = [scope.value for scope in Scope]
    scopes = set()
    for name in names:
        if name not in known:
            raise InvalidInputError(f"scopes: {name!r} is not one of {', '.join(known)}")
        scopes.add(Scope(name))
    if not scopes:
        raise InvalidInputError(f"scopes: name at least one of {', '.join(known)}")
    return frozenset(scopes)

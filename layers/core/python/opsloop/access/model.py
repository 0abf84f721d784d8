"""The nouns of access: a key, and what it may do."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError


class Scope(StrEnum):
    """What a key may do. ``admin`` includes the others."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True)
class ApiKey:
    """One key. ``secret_sha256`` (hex) is all that is kept of the secret; several keys are valid at once."""

    key_id: str
    name: str
    scopes: frozenset[Scope]
    secret_sha256: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether the key opens anything at ``now``."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def has_scope(self, scope: Scope) -> bool:
        """Whether the key may do what ``scope`` stands for."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


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

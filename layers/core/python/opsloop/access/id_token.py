"""Who does an identity provider say somebody is, and which role is that here?

The token comes straight from the provider's token endpoint over TLS, whose certificate says whose it is; so its
signature is not checked (OpenID Connect Core 1.0, 3.1.3.7, point 6; docs/adr/0018-sessions.md). Everything else is.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from datetime import datetime

from opsloop.access.model import Role
from opsloop.access.oidc import Client, SignInError
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError

LEEWAY_S = 60  # between the provider's clock and ours
OLDEST_S = 600  # a token is made when the code is redeemed, which is now
MAX_LENGTH = 65_536
_RANKS = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)
_EVERYBODY = "*"


@dataclass(frozen=True)
class Person:
    """Somebody whom the provider knows as ``subject``; ``name`` is for people."""

    subject: str
    name: str
    role: Role


@dataclass(frozen=True)
class RoleMap:
    """Which value of which claim makes which role; ``*`` stands for everybody whom the provider lets in."""

    claim: str
    roles: Mapping[str, Role]

    def role_of(self, claims: Mapping[str, object]) -> Role:
        """Return the highest role that the claims make; raise ``SignInError`` where they make none."""
        values = {*_texts(_claim(claims, self.claim)), _EVERYBODY}
        found = [role for value, role in self.roles.items() if value in values]
        if not found:
            raise SignInError("no_role", f"the claim {self.claim} makes no role")
        return max(found, key=_RANKS.index)


def parse_roles(claim: str, text: str) -> RoleMap:
    """Return the map that ``text`` writes as ``on-call=operator,admins=admin``; raise ``InvalidInputError``.

    Where it holds a semicolon, semicolons part it, so that values may hold commas, as names of directories do.
    """
    roles: dict[str, Role] = {}
    known = [role.value for role in Role]
    for pair in filter(None, (part.strip() for part in text.split(";" if ";" in text else ","))):
        value, equals, name = (part.strip() for part in pair.rpartition("="))
        if not equals or not value or name not in known:
            raise InvalidInputError(f"roles: {pair!r} is not VALUE=ROLE with a role of {', '.join(known)}")
        roles[value] = Role(name)
    return RoleMap(claim, roles)


def person_of(token: str, client: Client, role_map: RoleMap, *, nonce: str, now: datetime) -> Person:
    """Return whom an ID token is about; raise ``SignInError`` unless it is whole, for us, for this sign-in, and new."""
    claims = _claims(token)
    if claims.get("iss") != client.issuer:
        raise SignInError("failed", f"the token is from {claims.get('iss')!r}, not from {client.issuer!r}")
    audience = _texts(claims.get("aud"))
    party = claims.get("azp", client.client_id if len(audience) == 1 else None)
    if client.client_id not in audience or party != client.client_id:
        raise SignInError("failed", "the token is for another client")
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise SignInError("failed", "the token's nonce is not that of this sign-in")
    moment, ends, made = now.timestamp(), _number(claims, "exp"), _number(claims, "iat")
    if not ends + LEEWAY_S > moment:
        raise SignInError("failed", "the token has expired")
    if not moment - OLDEST_S <= made <= moment + LEEWAY_S:
        raise SignInError("failed", "the token was not made just now")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise SignInError("failed", "the token names nobody")
    names = (claims.get(name) for name in ("name", "preferred_username", "email"))
    name = next((text for text in names if isinstance(text, str) and text.strip()), subject)
    return Person(subject, name, role_map.role_of(claims))


def _claims(token: str) -> Mapping[str, object]:
    parts = token.split(".") if len(token) <= MAX_LENGTH else []
    try:
        text = base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True)
        claims = json.loads(text)
    except (IndexError, binascii.Error, ValueError, RecursionError):
        claims = None
    if len(parts) != 3 or not isinstance(claims, dict):
        raise SignInError("failed", "the provider sent no ID token")
    return claims


def _claim(claims: Mapping[str, object], name: str) -> object:
    """Return a claim by its name, or by its path such as ``realm_access.roles``."""
    found: object = claims
    if name in claims:
        return claims[name]
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _texts(value: object) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _number(claims: Mapping[str, object], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SignInError("failed", f"the token has no {name}")
    return float(value)

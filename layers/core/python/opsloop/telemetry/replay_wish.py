"""The body of a request to replay -> which objects are meant."""

from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Mapping

from opsloop.dataclass import dataclass, field
from opsloop.errors import InvalidInputError
from opsloop.telemetry.quarantined import group_and_name

FILTERS = ("source", "kind", "reason", "from", "to")
FIELDS = ("keys", "key", "body", *FILTERS, "limit", "cursor", "dry_run")
DEFAULT_LIMIT, MOST = 100, 500


@dataclass(frozen=True)
class Wish:
    """Either ``keys``, one of them perhaps with a mended ``body``, or the ``query`` that selects them."""

    keys: tuple[str, ...] = ()
    body: bytes | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    limit: int = DEFAULT_LIMIT
    is_dry_run: bool = False


def read_wish(document: Mapping[str, object]) -> Wish:
    """Return what ``document`` asks for; raise ``InvalidInputError`` that names the field at fault."""
    if unknown := document.keys() - set(FIELDS):
        raise InvalidInputError(f"{min(unknown)}: not a field of a replay; there are: {', '.join(FIELDS)}")
    is_dry_run = document.get("dry_run", False)
    if not isinstance(is_dry_run, bool):
        raise InvalidInputError("dry_run: expected true or false")
    query = {name: _text(document[name], name) for name in (*FILTERS, "cursor") if name in document}
    ways = [name for name in ("keys", "key") if name in document] + ["filters"] * bool(query)
    if len(ways) != 1:
        raise InvalidInputError(f"say what to replay by one of: keys; key (with body); some of {', '.join(FILTERS)}")
    if ways == ["filters"]:
        if "body" in document:
            raise InvalidInputError("body: belongs to one key")
        if not query.keys() & set(FILTERS):
            raise InvalidInputError(f"cursor: goes with the {', '.join(FILTERS)} that gave it")
        return Wish(query=query, limit=_limit(document.get("limit", DEFAULT_LIMIT)), is_dry_run=is_dry_run)
    if "limit" in document:
        raise InvalidInputError(f"limit: goes with {', '.join(FILTERS)}")
    if ways == ["key"]:
        key = _key(document["key"])
        return Wish((key,), _body(document["body"]) if "body" in document else None, is_dry_run=is_dry_run)
    if "body" in document:
        raise InvalidInputError("body: belongs to one key: send key, not keys")
    return Wish(_keys(document["keys"]), is_dry_run=is_dry_run)


def _keys(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MOST:
        raise InvalidInputError(f"keys: expected an array of 1 to {MOST} keys, as the list shows them")
    return tuple(dict.fromkeys(_key(one) for one in value))


def _key(value: object) -> str:
    key = _text(value, "key")
    group_and_name(key)
    return key


def _body(value: object) -> bytes:
    try:
        return a2b_base64(_text(value, "body"), strict_mode=True)
    except (Base64Error, ValueError):
        raise InvalidInputError("body: expected the mended bytes in base64") from None


def _limit(value: object) -> int:
    if type(value) is not int or not 1 <= value <= MOST:
        raise InvalidInputError(f"limit: expected a whole number from 1 to {MOST}")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidInputError(f"{name}: expected a text")
    return value

"""Frozen dataclasses as JSON text in an item of DynamoDB, and back, by the types of their fields."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

MAX_BODY_BYTES = 350_000  # of DynamoDB's 400 KB
T = TypeVar("T")


def body_of(record: Any) -> str:
    """Return ``record``, a dataclass of ours, as JSON."""
    return json.dumps(_plain(record), ensure_ascii=False, separators=(",", ":"))


def record_of(kind: type[T], body: str) -> T:
    """Return the dataclass ``kind`` that ``body_of`` made text of.

    Fields that were added to it since have their default, and those that were taken from it are left out, so that a
    function can read what its predecessor wrote.
    """
    made: T = _made(kind, json.loads(body))
    return made


def time_key(moment: datetime) -> str:
    """Return ``moment`` in UTC, always as long, so that keys of items sort by it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def time_keys(since: datetime | None, until: datetime | None = None) -> tuple[str, str]:
    """Return between which keys those of ``since`` and later, and before ``until``, lie; None: without a bound."""
    return time_key(since) if since else "0", time_key(until) if until else "9"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    names = getattr(type(value), "__match_args__", ()) if hasattr(value, "__dataclass_fields__") else ()
    return {name: _plain(getattr(value, name)) for name in names} if names else value


def _made(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, UnionType):
        (kind,) = [one for one in get_args(kind) if one is not NoneType]
    origin = get_origin(kind)
    if origin is tuple:
        of = get_args(kind)
        each = [of[0]] * len(value) if of[-1] is Ellipsis else list(of)
        return tuple(_made(one, item) for one, item in zip(each, value, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        of = get_args(kind)[1]
        return {name: _made(of, item) for name, item in value.items()}
    if not isinstance(kind, type):
        return value
    if issubclass(kind, datetime):
        return datetime.fromisoformat(value)
    if issubclass(kind, Enum):
        return kind(value)
    if hasattr(kind, "__dataclass_fields__"):
        described: Any = kind
        fields = _fields(described)
        return kind(**{name: _made(fields[name], item) for name, item in value.items() if name in fields})
    return value


@cache
def _fields(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {name: hints[name] for name in kind.__match_args__}

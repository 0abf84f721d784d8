"""The shape of a JSON document: which fields, of which kind; written from a dataclass, and read back with care.

A kind is a pair of functions: one that writes a value as JSON has it, one that reads it and raises
``InvalidInputError`` with the path of what is wrong.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from opsloop.clock import format_time, parse_time
from opsloop.dataclass import optional_fields
from opsloop.errors import InvalidInputError

T = TypeVar("T")
_SHOWN = 80  # characters of a wrong value that a message repeats


class Kind(NamedTuple):
    """How one kind of value is written, and read at a path."""

    write: Callable[[Any], Any]
    read: Callable[[Any, str], Any]


class Shape(Generic[T]):
    """The fields of ``made``, a dataclass, each with its kind. Fields with a default may be missing in a document."""

    def __init__(self, made: type[T], kinds: Mapping[str, Kind]) -> None:
        self.made, self.kinds, self.optional = made, kinds, optional_fields(made)

    def written(self, one: T) -> dict[str, Any]:
        """Return ``one`` as a JSON object, fields in the order of its kinds."""
        return {name: kind.write(getattr(one, name)) for name, kind in self.kinds.items()}

    def read(self, value: object, path: str) -> T:
        """Return what a JSON object says; raise ``InvalidInputError`` naming the field under ``path``."""
        if not isinstance(value, Mapping):
            raise _wrong(path, value, "an object")
        given = {name: kind.read(value[name], f"{path}.{name}") for name, kind in self.kinds.items() if name in value}
        try:
            return self.made(**given)
        except TypeError:  # fields without a default are missing
            missing = [name for name in self.kinds if name not in value and not self.optional[name]]
            raise InvalidInputError(f"{path}.{missing[0]}: missing") from None


def _plain(kind: type | tuple[type, ...], words: str) -> Kind:
    def read(value: Any, path: str) -> Any:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise _wrong(path, value, words)
        return value

    return Kind(lambda value: value, read)


text = _plain(str, "text")
whole = _plain(int, "a whole number")
number = _plain((int, float), "a number")
boolean = _plain(bool, "true or false")
any_value = Kind(lambda value: value, lambda value, _path: value)


def _read_time(value: Any, path: str) -> datetime:
    if not isinstance(value, str):
        raise _wrong(path, value, "an ISO 8601 time such as 2026-11-21T08:00:00Z")
    return parse_time(value, name=path)


time = Kind(format_time, _read_time)


def choice(kind: type[StrEnum]) -> Kind:
    """Return the kind of one of an enumeration's values."""

    def read(value: Any, path: str) -> StrEnum:
        if not isinstance(value, str) or value not in {one.value for one in kind}:
            raise _wrong(path, value, f"one of {', '.join(kind)}")
        return kind(value)

    return Kind(lambda value: value.value, read)


def optional(kind: Kind) -> Kind:
    """Return the kind that may also be null."""
    return Kind(
        lambda value: None if value is None else kind.write(value),
        lambda value, path: None if value is None else kind.read(value, path),
    )


def list_of(kind: Kind) -> Kind:
    """Return the kind of a list, a tuple on our side."""

    def read(value: Any, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _wrong(path, value, "a list")
        return tuple(kind.read(one, f"{path}[{position}]") for position, one in enumerate(value))

    return Kind(lambda value: [kind.write(one) for one in value], read)


def map_of(kind: Kind) -> Kind:
    """Return the kind of an object whose fields all have one kind, written in the order of their names."""

    def read(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _wrong(path, value, "an object")
        return {name: kind.read(one, f"{path}.{name}") for name, one in value.items()}

    return Kind(lambda value: {name: kind.write(value[name]) for name in sorted(value)}, read)


def pair(first: Kind, second: Kind) -> Kind:
    """Return the kind of a list of two, each of its own kind."""

    def read(value: Any, path: str) -> tuple[Any, Any]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise _wrong(path, value, "a list of two")
        return first.read(value[0], f"{path}[0]"), second.read(value[1], f"{path}[1]")

    return Kind(lambda value: [first.write(value[0]), second.write(value[1])], read)


def shaped(shape: Shape[Any]) -> Kind:
    """Return the kind of an object of ``shape``."""
    return Kind(shape.written, shape.read)


def _wrong(path: str, value: object, expected: str) -> InvalidInputError:
    shown = repr(value)
    return InvalidInputError(f"{path}: {shown[:_SHOWN]}{'...' * (len(shown) > _SHOWN)} is not {expected}")

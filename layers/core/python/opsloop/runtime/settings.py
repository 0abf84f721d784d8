"""The only reader of the environment: one frozen dataclass of settings per handler.

A field ``telemetry_table: str`` is read from ``TELEMETRY_TABLE``. A default makes it optional. ``str``, ``int``,
``float`` and ``bool`` are understood. A missing or unreadable variable stops the function at start, not at the
third record.
"""

import os
from typing import TypeVar, get_type_hints

from opsloop.dataclass import optional_fields
from opsloop.errors import InvalidInputError

T = TypeVar("T")
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def read_settings(kind: type[T]) -> T:
    """Return ``kind`` filled from the environment; raise ``InvalidInputError`` that lists every fault at once."""
    values: dict[str, object] = {}
    faults: list[str] = []
    hints = get_type_hints(kind)
    for name, is_optional in optional_fields(kind).items():
        variable = name.upper()
        text = os.environ.get(variable)
        if text is None:
            if not is_optional:
                faults.append(f"{variable} is not set")
            continue
        try:
            values[name] = _convert(text, hints[name])
        except ValueError:
            faults.append(f"{variable}={text!r} is not of type {hints[name].__name__}")
    if faults:
        raise InvalidInputError("; ".join(faults))
    return kind(**values)


def _convert(text: str, kind: type) -> object:
    if kind is bool:
        if text.lower() not in _TRUE | _FALSE:
            raise ValueError(text)
        return text.lower() in _TRUE
    return kind(text)

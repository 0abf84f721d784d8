"""Protobuf messages of other projects, read by a table of their fields into dictionaries.

A table's line reads ``number name type``; ``*`` marks a repeated field. Types: string, bytes, bool, uint (uint32 and
uint64), int (int32, int64 and enums), sint (zigzag), double, fixed64, or the name of a message of the same table.
Fields that a table does not have are skipped; one with the wrong wire type is a fault.
"""

import struct
from collections.abc import Mapping
from typing import Any

from opsloop.dataclass import dataclass
from opsloop.telemetry.otlp_schema import I64, LEN, VARINT
from opsloop.telemetry.wire import WireError, read_varint, scan

_WIRES = {"string": LEN, "bytes": LEN, "double": I64, "fixed64": I64}
_VARINTS = ("bool", "uint", "int", "sint")

Value = dict[str, Any]
"""A message: its fields by name; a repeated field is a list, an absent one is not there."""


@dataclass(frozen=True, slots=True)
class _Slot:
    name: str
    kind: str
    wire: int
    repeated: bool


@dataclass(frozen=True, slots=True)
class Table:
    """The messages of one project, by name: each maps a field's number to what it is."""

    messages: Mapping[str, Mapping[int, _Slot]]

    def read(self, data: bytes, at: int, end: int, name: str) -> Value:
        """Return what lies between two positions as the message ``name``; raise ``WireError`` at the first fault."""
        slots = self.messages[name]
        found: Value = {}
        for number, wire, start, value, stop in scan(data, at, end):
            slot = slots.get(number)
            if slot is None:
                continue
            try:
                self._take(found, slot, data, wire, start, value, stop)
            except WireError as error:
                error.inside(slot.name)
                raise
        return found

    def _take(self, found: Value, slot: _Slot, data: bytes, wire: int, start: int, value: int, stop: int) -> None:
        if slot.kind in self.messages:
            self._check(wire == LEN, slot, start)
            one: Any = self.read(data, value, stop, slot.kind)
        elif slot.repeated and wire == LEN and slot.wire != LEN:
            found.setdefault(slot.name, []).extend(_packed(data, value, stop, slot))
            return
        else:
            self._check(wire == slot.wire, slot, start)
            one = _scalar(data, value, stop, slot.kind)
        if slot.repeated:
            found.setdefault(slot.name, []).append(one)
        else:
            found[slot.name] = one

    def _check(self, is_right: bool, slot: _Slot, start: int) -> None:
        if not is_right:
            raise WireError(f"not the wire type of {slot.kind}", start)


def table(messages: Mapping[str, str]) -> Table:
    """Return the table that ``messages`` describe, each by lines of its fields."""
    return Table({name: _slots(lines) for name, lines in messages.items()})


def _slots(lines: str) -> dict[int, _Slot]:
    slots = {}
    for line in lines.strip().splitlines():
        number, name, kind = line.split()
        bare = kind.rstrip("*")
        wire = VARINT if bare in _VARINTS else _WIRES.get(bare, LEN)
        slots[int(number)] = _Slot(name, bare, wire, kind.endswith("*"))
    return slots


def _scalar(data: bytes, at: int, end: int, kind: str) -> Any:
    match kind:
        case "string":
            try:
                return str(memoryview(data)[at:end], "utf-8")
            except UnicodeDecodeError as error:
                raise WireError("string is not UTF-8", at + error.start) from None
        case "bytes":
            return data[at:end]
        case "double":
            return struct.unpack_from("<d", data, at)[0]
        case "fixed64":
            return int.from_bytes(data[at:end], "little")
    return _number(read_varint(data, at, end)[0], kind)


def _number(bits: int, kind: str) -> int | bool:
    match kind:
        case "bool":
            return bits != 0
        case "int":
            return bits - (1 << 64) if bits >> 63 else bits
        case "sint":
            return bits >> 1 ^ -(bits & 1)
    return bits


def _packed(data: bytes, at: int, end: int, slot: _Slot) -> list[Any]:
    if slot.wire == I64:
        if (end - at) % 8:
            raise WireError(f"{end - at} bytes of packed {slot.kind} are no multiple of 8", at)
        letter = "d" if slot.kind == "double" else "Q"
        return list(struct.unpack_from(f"<{(end - at) // 8}{letter}", data, at))
    values = []
    while at < end:
        bits, at = read_varint(data, at, end)
        values.append(_number(bits, slot.kind))
    return values

"""What a client span says of whom it calls: read from its attributes, under their new and old names.

``service.peer.name`` (``peer.service``) names a service; ``db.*``, ``messaging.*`` and ``server.*`` tell the rest. Of
the old names only those count that mean the other side on a client span: ``net.host.name`` is its own host.
https://opentelemetry.io/docs/specs/semconv/registry/attributes/
"""

import re
from functools import cache

from opsloop.telemetry.envelope import any_value_text
from opsloop.telemetry.fields import LEN
from opsloop.telemetry.links import Peer
from opsloop.telemetry.wire import WireError, scan

_ATTRIBUTES, _KEY, _VALUE = 9, 1, 2
_ATTRIBUTE_TAG, _ONE_BYTE = 0x4A, 0x80
_NAMES: dict[str, tuple[str, ...]] = {
    "service": ("service.peer.name", "peer.service"),
    "database": ("db.system.name", "db.system"),
    "space": ("db.namespace", "db.name", "db.redis.database_index", "db.elasticsearch.cluster.name"),
    "messaging": ("messaging.system",),
    "target": ("messaging.destination.name", "messaging.destination"),
    "host": ("server.address", "net.peer.name", "http.host"),
    "port": ("server.port", "net.peer.port"),
}
"""What is looked for, by its attributes, the best first."""
_WANTED = {name.encode(): (what, place) for what, names in _NAMES.items() for place, name in enumerate(names)}
_USUAL_PORTS = {"80", "443"}


def read_peer(data: bytes, begin: int, end: int) -> Peer | None:
    """Return what the span between two positions says it calls; ``None`` if it does not say.

    Attributes as exporters write them are found by their keys. Whoever writes the bytes of one into a text is believed.
    """
    found: dict[str, tuple[int, bytes]] = {}
    for match in _pattern().finditer(data, begin, end):
        at, after = match.span()
        value_end = after + 1 + data[after]
        is_usual = data[at - 2] == _ATTRIBUTE_TAG and data[at - 1] < _ONE_BYTE and data[after] < _ONE_BYTE
        if not is_usual or at + data[at - 1] != value_end or value_end > end:
            found = _scanned(data, begin, end)  # a long value, or the bytes are something else's
            break
        _note(found, match.group(1)[1:], data[after + 1 : value_end])
    texts = {what: text for what, (_, value) in found.items() if (text := any_value_text(value))}
    return _peer(texts) if texts else None


@cache
def _pattern() -> re.Pattern[bytes]:
    """A pair of one of the keys that are wanted, up to the length of its value."""
    keys = b"|".join(re.escape(bytes([len(name)])) + b"(?:%s)" % re.escape(name) for name in _WANTED)
    return re.compile(rb"\x0a(%s)\x12" % keys)


def _scanned(data: bytes, begin: int, end: int) -> dict[str, tuple[int, bytes]]:
    found: dict[str, tuple[int, bytes]] = {}
    try:
        for number, wire, _, at, stop in scan(data, begin, end):
            if number == _ATTRIBUTES and wire == LEN:
                pair = {part: data[first:last] for part, kind, _, first, last in scan(data, at, stop) if kind == LEN}
                _note(found, pair.get(_KEY, b""), pair.get(_VALUE, b""))
    except WireError:
        return {}
    return found


def _note(found: dict[str, tuple[int, bytes]], key: bytes, value: bytes) -> None:
    """Keep of several names the best, and of one the last."""
    if key in _WANTED:
        what, place = _WANTED[key]
        if what not in found or place <= found[what][0]:
            found[what] = place, value


def _peer(texts: dict[str, str]) -> Peer | None:
    service, address = texts.get("service", ""), _address(texts)
    if "database" in texts:
        place = texts.get("space") or address
        return "database", service or (f"{texts['database']}/{place}" if place else texts["database"])
    if "messaging" in texts or "target" in texts:
        parts = [part for part in (texts.get("messaging"), texts.get("target") or address) if part]
        return "queue", service or "/".join(parts)
    return ("external", service or address) if service or address else None


def _address(texts: dict[str, str]) -> str:
    host, port = texts.get("host", ""), texts.get("port", "")
    return f"{host}:{port}" if host and port and port not in _USUAL_PORTS and ":" not in host else host

"""Zipkin spans in JSON, version 2 -> an OTLP trace request.

The collector's Kinesis exporter writes an array of them per resource. Layout: openzipkin/zipkin-api, zipkin2-api.yaml;
rules: OpenTelemetry specification, "OpenTelemetry to Zipkin Transformation", read backwards.

* Times and durations are in microseconds; a shorter trace id has zeros before it.
* localEndpoint.serviceName is ``service.name``, or the attribute that the tag ``otlp.service.name.source`` names.
  Tags that are resource attributes (``telemetry.sdk.*``, ``service.*``, ``host.*``, ``k8s.*`` ...) go to the resource.
* Tags ``otel.status_code``, ``otel.status_description``, ``error``, ``w3c.tracestate``, ``span.kind`` and
  ``otel.library.*``, ``otel.scope.*`` become what they were made of. An ``error`` tag with any value but "false" is an
  error: Zipkin takes its presence for one.
* An annotation is an event; the exporter writes one with attributes as ``name|attributes as JSON|dropped``.
* Tag values are text, in Zipkin too.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from opsloop.telemetry.fault import INVALID_ITEM, UnreadableError
from opsloop.telemetry.formats.items import transcode_each
from opsloop.telemetry.formats.otlp_writer import Groups, attributes, embed, fixed64, number, text
from opsloop.telemetry.reading import Transcoded

KINDS = {"SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
_INTERNAL = 1
_STATUS_OK, _STATUS_ERROR = 1, 2
_SOURCE = "otlp.service.name.source"
_RESOURCE_PREFIXES = (
    "service.",
    "telemetry.",
    "host.",
    "os.",
    "process.",
    "container.",
    "k8s.",
    "cloud.",
    "faas.",
    "deployment.",
    "aws.ecs.",
    "aws.eks.",
    "aws.log.",
)
_NOT_OF_RESOURCE = ("faas.trigger", "faas.coldstart", "faas.invocation_id", "faas.invoked_name", "faas.execution")
_ENDPOINTS = (
    ("localEndpoint", "", "net.host.ip", "net.host.port"),
    ("remoteEndpoint", "peer.service", "net.peer.ip", "net.peer.port"),
)
_MAX_LINKS = 128
_MICROSECOND_NS = 1_000


def transcode(spans: Sequence[Any]) -> Transcoded:
    """Return the trace request of some Zipkin spans, parsed from JSON; those that are none are refused alone."""
    groups = Groups()
    return Transcoded("traces", *transcode_each(spans, lambda span: _add(span, groups), groups, "Zipkin span"))


def _add(span: Any, groups: Groups) -> None:
    if not isinstance(span, dict):
        raise UnreadableError("expected an object", INVALID_ITEM)
    tags = {str(key): _as_text(value) for key, value in _mapping(span.get("tags"), "tags").items()}
    scope = text(1, _take(tags, "otel.scope.name", "otel.library.name"))
    scope += text(2, _take(tags, "otel.scope.version", "otel.library.version"))
    resource = _resource(span, tags)
    groups.add(resource, scope, _span(span, tags))


def _resource(span: Mapping[str, Any], tags: dict[str, str]) -> bytes:
    """Return the resource of a span, and take its tags away."""
    name = _mapping(span.get("localEndpoint"), "localEndpoint").get("serviceName")
    source = tags.pop(_SOURCE, "service.name")
    pairs = {source: name} if isinstance(name, str) and name else {}
    for key in [key for key in tags if key.startswith(_RESOURCE_PREFIXES) and key not in _NOT_OF_RESOURCE]:
        pairs.setdefault(key, tags.pop(key))
    return attributes(1, pairs.items())


def _span(span: Mapping[str, Any], tags: dict[str, str]) -> bytes:
    trace_id = _identity(span.get("traceId"), "traceId", 16)
    span_id = _identity(span.get("id"), "id", 8)
    parent = span.get("parentId")
    start = _integer(span.get("timestamp"), "timestamp") * _MICROSECOND_NS
    end = start + _integer(span.get("duration"), "duration") * _MICROSECOND_NS
    if not start:
        raise UnreadableError("span without timestamp", INVALID_ITEM)
    links = b"".join(embed(13, link) for link in _links(tags))
    status = _status(tags)
    state = tags.pop("w3c.tracestate", "")
    kind = _kind(span, tags)
    pairs: list[tuple[str, object]] = list(tags.items())
    for field, peer, address, port in _ENDPOINTS:
        endpoint = _mapping(span.get(field), field)
        found = ((peer, endpoint.get("serviceName")), (address, endpoint.get("ipv4") or endpoint.get("ipv6")))
        pairs += [(key, value) for key, value in (*found, (port, endpoint.get("port"))) if key and value]
    events = span.get("annotations") or []
    if not isinstance(events, list):
        raise UnreadableError("annotations: expected an array", INVALID_ITEM)
    return b"".join(
        (
            embed(1, trace_id),
            embed(2, span_id),
            text(3, state),
            embed(4, _identity(parent, "parentId", 8)) if parent and parent != span.get("id") else b"",
            text(5, _as_text(span.get("name") or "")),
            number(6, kind),
            fixed64(7, start),
            fixed64(8, end),
            attributes(9, pairs),
            *(embed(11, _event(event)) for event in events),
            links,
            status,
        )
    )


def _kind(span: Mapping[str, Any], tags: dict[str, str]) -> int:
    kind = span.get("kind")
    if isinstance(kind, str) and kind.upper() in KINDS:
        return KINDS[kind.upper()]
    return _INTERNAL if tags.pop("span.kind", "").lower() == "internal" else 0


def _status(tags: dict[str, str]) -> bytes:
    """Return the status field of a span, and take its tags away."""
    code = {"OK": _STATUS_OK, "ERROR": _STATUS_ERROR}.get(tags.pop("otel.status_code", "").upper(), 0)
    message = tags.pop("otel.status_description", "")
    error = tags.get("error")
    if error is not None and error.lower() != "false":
        code = _STATUS_ERROR
        if error.lower() in ("true", ""):
            del tags["error"]
        else:
            message = message or error
    return embed(15, text(2, message) + number(3, code)) if code else b""


def _links(tags: dict[str, str]) -> list[bytes]:
    """Return the links of a span, which the exporter writes as tags, and take these away."""
    links = []
    for place in range(_MAX_LINKS):
        value = tags.pop(f"otlp.link.{place}", None)
        if value is None:
            break
        parts = value.split("|")
        if len(parts) < 5:
            continue
        ids = embed(1, _identity(parts[0], "link", 16)) + embed(2, _identity(parts[1], "link", 8))
        links.append(ids + text(3, parts[2]) + attributes(4, _json_pairs("|".join(parts[3:-1]))))
    return links


def _event(event: Any) -> bytes:
    if not isinstance(event, dict):
        raise UnreadableError("annotations: expected an object", INVALID_ITEM)
    time = fixed64(1, _integer(event.get("timestamp"), "timestamp") * _MICROSECOND_NS)
    value = _as_text(event.get("value") or "")
    name, _, rest = value.partition("|")
    packed, _, dropped = rest.rpartition("|")
    if not packed or not dropped.isdecimal() or not (pairs := _json_pairs(packed)):
        return time + text(2, value)
    return time + text(2, name) + attributes(3, pairs)


def _json_pairs(packed: str) -> list[tuple[str, object]]:
    try:
        found = json.loads(packed)
    except (ValueError, RecursionError):
        return []
    return list(found.items()) if isinstance(found, dict) else []


def _identity(value: object, name: str, size: int) -> bytes:
    """Return an id of ``size`` bytes; Zipkin writes 16 or 32 hex digits, and may leave leading zeros out."""
    try:
        found = bytes.fromhex(value.rjust(2 * size, "0")) if isinstance(value, str) and value.isalnum() else b""
    except ValueError:
        found = b""
    if len(found) != size or not any(found):
        raise UnreadableError(f"{name}: expected at most {2 * size} hex digits, not all zero", INVALID_ITEM)
    return found


def _integer(value: object, name: str) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**63:
        raise UnreadableError(f"{name}: expected microseconds", INVALID_ITEM)
    return int(value)


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnreadableError(f"{name}: expected an object", INVALID_ITEM)
    return value


def _take(tags: dict[str, str], *names: str) -> str:
    return next((found for found in [tags.pop(name, "") for name in names] if found), "")


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)

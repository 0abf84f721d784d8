"""How log documents are searched."""

from opsloop.search import IndexSpec, Kind

LOGS = IndexSpec(
    "logs",
    {
        "time": Kind.TIME,
        "service": Kind.KEYWORD,
        "severity": Kind.KEYWORD,
        "template": Kind.KEYWORD,
        "trace_id": Kind.KEYWORD,
        "span_id": Kind.KEYWORD,
        "event_name": Kind.KEYWORD,
        "body": Kind.TEXT,
        "body_json": Kind.OBJECT,
        "attributes": Kind.OBJECT,
        "kept": Kind.NUMBER,
    },
    "time",
)
"""Documents as ``opsloop.log.document`` makes them. The resource is kept and not searched: its words are those of every
record of a service. ``kept`` counts the steps in which a service's logs were kept: whoever follows a service goes by
it, since lines may be late."""

"""The table of OTLP's messages, compared with the published descriptors."""

import pytest
from google.protobuf.descriptor import FieldDescriptor

from opsloop.telemetry.otlp_schema import MESSAGES, REQUESTS
from tests.unit.telemetry import otlp_messages

_TYPES = {value: name[5:].lower() for name, value in vars(FieldDescriptor).items() if name.startswith("TYPE_")}


def walk(ours, theirs, seen):
    """Yield pairs of our message and its descriptor, from the request down."""
    if ours.name in seen:
        return
    seen.add(ours.name)
    yield ours, theirs
    for field in ours.fields.values():
        if field.message:
            yield from walk(MESSAGES[field.message], theirs.fields_by_number[field.number].message_type, seen)


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_every_message_has_the_published_fields_types_names_and_enums(signal):
    compared = 0
    for ours, theirs in walk(REQUESTS[signal], otlp_messages.REQUESTS[signal].DESCRIPTOR, set()):
        assert set(ours.fields) == {field.number for field in theirs.fields}, ours.name
        for field in ours.fields.values():
            published = theirs.fields_by_number[field.number]
            kind = "bytes" if field.kind == "hex" else field.kind
            assert (field.name, field.json_name, kind, field.repeated, field.presence) == (
                published.name,
                published.json_name,
                _TYPES[published.type],
                published.is_repeated,
                published.containing_oneof is not None,
            ), f"{ours.name}.{field.name}"
            if field.numbers is not None:
                published_names = published.enum_type.values_by_name.items()
                assert dict(field.numbers) == {name: value.number for name, value in published_names}
            compared += 1
    assert compared > 30


def test_hex_is_said_of_trace_and_span_ids_and_of_nothing_else():
    names = {field.name for message in MESSAGES.values() for field in message.fields.values() if field.kind == "hex"}
    assert names == {"trace_id", "span_id", "parent_span_id"}

"""Whom a client span means, by its attributes, however these are written."""

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from opsloop.telemetry.peer import read_peer
from tests.unit.telemetry.call_traces import CLIENT, span

TRACE, A = bytes(range(1, 17)), bytes([7] * 8)


def peer(*attributes, **changes):
    data = span("web", "get", CLIENT, TRACE, A, attributes=attributes, **changes)[1].SerializeToString()
    return read_peer(b"before" + data + b"\x4a\x10", 6, 6 + len(data))


def test_the_new_name_wins_over_old_ones_and_of_one_name_the_last_counts():
    assert peer(("peer.service", "old"), ("service.peer.name", "new")) == ("external", "new")
    assert peer(("service.peer.name", "new"), ("peer.service", "old")) == ("external", "new")
    assert peer(("peer.service", "one"), ("peer.service", "two")) == ("external", "two")


def test_its_own_host_is_not_whom_it_calls():
    assert peer(("net.host.name", "web-1"), ("net.peer.name", "orders"), ("net.peer.port", 8080)) == (
        "external",
        "orders:8080",
    )
    assert peer(("net.host.name", "web-1")) is None


@pytest.mark.parametrize(("port", "name"), [(443, "bank"), (80, "bank"), ("443", "bank"), (8443, "bank:8443")])
def test_a_port_belongs_to_the_name_unless_it_is_the_usual_one(port, name):
    assert peer(("server.address", "bank"), ("server.port", port)) == ("external", name)


def test_values_of_any_length_are_read_and_long_ones_cut():
    assert peer(("http.request.method", "GET"), ("server.address", "h" * 150)) == ("external", "h" * 150)
    kind, name = peer(("server.address", "h" * 5_000))
    assert (kind, len(name)) == ("external", 209)


def test_numbers_are_texts_and_lists_are_none():
    made = Span()
    made.attributes.add(key="db.system").value.string_value = "redis"
    made.attributes.add(key="db.redis.database_index").value.int_value = 3
    made.attributes.add(key="server.address").value.array_value.values.add().string_value = "list"
    data = made.SerializeToString()
    assert read_peer(data, 0, len(data)) == ("database", "redis/3")


def test_what_looks_like_an_attribute_elsewhere_is_none():
    """An attribute's bytes inside a text, and attributes of events and links, say nothing of the span."""
    made = Span(name="x\n\x0eserver.address\x12\x05\n\x03any")
    made.events.add(name="retry").attributes.add(key="server.address").value.string_value = "other"
    made.links.add().attributes.add(key="peer.service").value.string_value = "other"
    made.attributes.add(key="note").value.string_value = "J\x16\n\x0eserver.address\x12\x05\n\x03an"
    data = made.SerializeToString()
    assert read_peer(data, 0, len(data)) is None
    made.attributes.add(key="server.address").value.string_value = "right"
    data = made.SerializeToString()
    assert read_peer(data, 0, len(data)) == ("external", "right")


def test_a_value_before_its_key_is_read_where_another_attribute_is_written_so():
    pair = b"\x12\x08\n\x06orders" + b"\n\x0cpeer.service"
    data = b"\x4a" + bytes([len(pair)]) + pair
    assert read_peer(data, 0, len(data)) is None  # protobuf allows it, no exporter does it: no name, no wrong one


def test_malformed_bytes_name_nobody():
    good = span("web", "get", CLIENT, TRACE, A, attributes=[("server.address", "h" * 150)])[1].SerializeToString()
    for end in range(len(good)):
        assert read_peer(good[:end] + bytes(400), 0, end) is None

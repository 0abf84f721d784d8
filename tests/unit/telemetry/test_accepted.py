"""What the receiver acknowledges, ingest reads: otherwise acknowledged data would end in quarantine."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.catalog import Catalog, Service
from opsloop.errors import PermanentError
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.otlp_http import PROTOBUF, decode_body
from opsloop.telemetry.record import ship
from opsloop.telemetry.segment import StreamRecord
from opsloop.telemetry.shard_log import ShardLog, padded
from tests.unit.telemetry.otlp_messages import captured, messages

SIGNALS = ("traces", "metrics", "logs")
CATALOG = Catalog({}, Service("", 4, "", "", "", (), 2_000, 0.05, is_declared=False))
ARRIVAL_S = 1_795_000_000.0


def records_of(body, signal):
    """Return the stream records of a body; None if the receiver refuses it."""
    try:
        request = decode_body(body, content_type=PROTOBUF, content_encoding="", signal=signal, max_bytes=1_000_000)
    except PermanentError:
        return None
    return ship(request, signal, 1_000).records


def unreadable(records):
    stream = [
        StreamRecord(padded(str(place)), record.partition_key, record.data, ARRIVAL_S)
        for place, record in enumerate(records, 1)
    ]
    segment = plan(stream, ShardLog("test", 900), CATALOG, max_bytes=1_000_000)
    return segment.unreadable if segment else ()


@pytest.mark.parametrize("signal", SIGNALS)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_bytes_change_what_is_acknowledged_is_read(signal, data):
    body = bytearray(captured(signal))
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(body)))
        body[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=4))
    assert not unreadable(records_of(bytes(body), signal) or ())


@pytest.mark.parametrize("signal", SIGNALS)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_message_that_protobuf_writes_is_acknowledged_and_read(signal, data):
    records = records_of(data.draw(messages(signal)).SerializeToString(), signal)
    assert records is not None
    assert not unreadable(records)


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_group_is_refused_because_ingest_could_not_read_it(signal):
    body = captured(signal)
    [record, *_] = records_of(body, signal)
    with_group = record._replace(data=body + b"\xa3\x06\xa4\x06")
    assert unreadable([with_group])
    assert not unreadable([record])
    assert records_of(with_group.data, signal) is None

"""Reading one record of a foreign form, as ingest does."""

from opsloop.telemetry.payload import read_record

LIMIT = 1 << 24


def read(data, limit=LIMIT):
    return read_record(data, "", max_bytes=limit)


def payload_of(data):
    """Return form and payload of a record that is read in full and holds one."""
    reading = read(data)
    assert reading.refused == ()
    (payload,) = reading.payloads
    return reading.form, payload

"""``python -m tests.fuzz.nasty``: write the hand-made part of the corpus, each file named by what is wrong with it."""

import base64
import gzip
import json
import zlib
from pathlib import Path

from tests.fuzz.forms import delimited, double, field, kpl, number, remote_write_1, remote_write_2, snappy, varint

CORPUS = Path(__file__).parent / "corpus"
AT_NS, AT_MS = 1_763_600_000_000_000_000, 1_763_600_000_000
_TIME = AT_NS.to_bytes(8, "little")


def _fixed(field_number: int, value: bytes) -> bytes:
    return varint(field_number << 3 | 1) + value


def _request(*items: bytes, service: bytes = b"shop") -> bytes:
    resource = field(1, field(1, field(1, b"service.name") + field(2, field(1, service))))
    return field(1, resource + field(2, b"".join(field(2, item) for item in items)))


def _span(name: bytes = b"GET /", more: bytes = b"", end: bytes = _TIME) -> bytes:
    return (
        field(1, bytes(range(16)))
        + field(2, bytes(range(8)))
        + field(5, name)
        + number(6, 2)
        + _fixed(7, _TIME)
        + _fixed(8, end)
        + more
    )


def _metric(data: int, point: bytes, name: bytes = b"m", about: bytes = b"") -> bytes:
    return field(1, name) + field(data, field(1, point) + about)


def _nested(depth: int) -> bytes:
    value = field(1, b"leaf")
    for _ in range(depth):
        value = field(5, field(1, value))
    return value


def _json_nested(depth: int) -> bytes:
    value = '{"arrayValue":{"values":[' * depth + '{"stringValue":"leaf"}' + "]}}" * depth
    record = f'{{"timeUnixNano":"{AT_NS}","body":{value}}}'
    return f'{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}'.encode()


def _packed(*counts: int) -> bytes:
    return b"".join(count.to_bytes(8, "little") for count in counts)


def _raw(data: bytes) -> bytes:
    packer = zlib.compressobj(1, wbits=-15)
    return packer.compress(data) + packer.flush()


_GOOD = _request(_span())
_LOG = _request(_fixed(1, _TIME) + number(2, 9) + field(5, field(1, b"hello")))
_PACKER = zlib.compressobj(9, wbits=31)
_HEAD = _PACKER.compress(_GOOD)
_ZIPKIN = {"traceId": "a" * 16, "id": "b" * 16, "name": "get", "timestamp": AT_MS * 1000, "duration": 5}
_ALIEN = {"messageType": "DATA_MESSAGE", "logGroup": "g", "logStream": "s", "logEvents": [{"timestamp": "x"}]}
_CLOUDWATCH = {"metric_stream_name": "s", "namespace": "AWS/EC2", "metric_name": "CPU", "dimensions": None}
_START, _COUNT, _TOTAL = _fixed(3, _TIME), _fixed(4, _packed(3)), double(5, float("nan"))

NASTY: dict[str, bytes] = {
    "empty": b"",
    "one-newline": b"\n",
    "only-zero-bytes": bytes(300),
    "resource-of-length-zero": b"\n\0",
    "ten-thousand-empty-resources": gzip.compress(b"\n\0" * 10_000, mtime=0),
    "two-thousand-empty-spans": _request(*[b""] * 2_000),
    "length-above-2-to-the-63": b"\n" + varint((1 << 64) - 1) + _GOOD[2:],
    "length-one-too-long": b"\n" + varint(len(_GOOD) + 1) + _GOOD[2:],
    "tag-of-eleven-bytes": b"\x8a" + b"\x80" * 10 + b"\0",
    "field-number-zero": b"\x02\x05hello",
    "group-inside": _request(_span(more=b"\x7b\x7c")),
    "name-of-bytes-that-are-not-utf-8": _request(_span(b"\xff\xfe\xc3")),
    "name-of-100-kilobytes": gzip.compress(_request(_span(b"x" * 100_000)), mtime=0),
    "name-empty": _request(_span(b"")),
    "service-empty": _request(_span(), service=b""),
    "span-ends-before-it-starts": _request(_span(end=bytes(8))),
    "times-all-ones": _request(_span(end=b"\xff" * 8), _fixed(7, b"\xff" * 8) + _fixed(8, b"\xff" * 8)),
    "attribute-nested-90-deep": _request(_span(more=field(9, field(1, b"a") + field(2, _nested(44))))),
    "attribute-nested-600-deep": _request(_span(more=field(9, field(1, b"a") + field(2, _nested(300))))),
    "attribute-repeated-5000-times": gzip.compress(
        _request(_span(more=field(9, field(1, b"a") + field(2, field(1, b"b"))) * 5_000)), mtime=0
    ),
    "json-nested-90-deep": _json_nested(22),
    "json-nested-9000-deep": b'{"resourceSpans":' + b"[" * 9_000,
    "json-integer-of-5000-digits": b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":' + b"9" * 5_000 + b"}]}]}]}",
    "json-lone-surrogate": b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\\ud800"}]}]}]}',
    "json-null-everywhere": b'{"resourceSpans":[null,{"scopeSpans":[{"spans":[null,{"attributes":[null]}]}]}]}',
    "json-two-signals": b'{"resourceSpans":[],"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{}}]}]}]}',
    "json-byte-order-mark": b"\xef\xbb\xbf" + _json_nested(0),
    "json-not-finite": b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":['
    b'{"timeUnixNano":"1","asDouble":"NaN"},{"timeUnixNano":"1","asDouble":1e999}]}}]}]}]}',
    "gauge-not-a-number": _request(_metric(5, _fixed(3, _TIME) + double(4, float("nan")))),
    "gauge-infinite": _request(_metric(5, _fixed(3, _TIME) + double(4, float("inf")))),
    "histogram-bounds-fall": _request(
        _metric(9, _START + _COUNT + _TOTAL + field(7, _packed(0, 0)) + field(6, _packed(1, 1, 1)))
    ),
    "histogram-count-2-to-the-64": _request(_metric(9, _START + _fixed(4, b"\xff" * 8) + field(6, b"\xff" * 16))),
    "histogram-sums-wrap-around": _request(_metric(9, _START + _COUNT + field(6, _packed((1 << 63), (1 << 63), 3)))),
    "exponential-histogram-scale-far": _request(_metric(10, _START + _COUNT + varint(6 << 3) + varint((1 << 32) - 1))),
    "exponential-histogram-offset-far": _request(
        _metric(10, _START + _COUNT + field(8, varint(1 << 3) + varint((1 << 32) - 2) + field(2, b"\x01\x01\x01")))
    ),
    "exponential-histogram-100000-buckets": gzip.compress(
        _request(_metric(10, _START + _COUNT + field(8, field(2, b"\x01" * 100_000)))), mtime=0
    ),
    "summary-quantile-not-a-number": _request(
        _metric(11, _START + _COUNT + field(6, double(1, float("nan")) + double(2, 1.0)))
    ),
    "metric-with-two-kinds-of-data": _request(field(1, b"m") + field(5, field(1, _START)) + field(7, field(1, _START))),
    "points-without-a-value": _request(_metric(5, _START), _metric(7, _START)),
    "spans-then-rubbish": _GOOD + b"\xde\xad\xbe\xef",
    "spans-then-logs-in-one-request": _GOOD + _LOG,
    "two-requests-without-lengths": _GOOD + _GOOD,
    "gzip-of-nothing": gzip.compress(b"", mtime=0),
    "gzip-header-alone": b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
    "gzip-wrong-checksum": gzip.compress(_GOOD, mtime=0)[:-8] + bytes(8),
    "gzip-unterminated": _HEAD + _PACKER.flush(zlib.Z_SYNC_FLUSH),
    "gzip-bomb-of-5-megabytes": gzip.compress(bytes(5 << 20), 9, mtime=0),
    "gzip-of-half-a-million-empty-resources": gzip.compress(b"\n\0" * (1 << 19), 9, mtime=0),
    "gzip-of-a-megabyte-of-spaces": gzip.compress(b" " * (1 << 20), 9, mtime=0),
    "gzip-of-half-a-million-empty-scopes": gzip.compress(field(1, b"\x12\0" * 520_000), 9, mtime=0),
    "gzip-of-a-span-of-400000-empty-attributes": gzip.compress(_request(_span(more=b"\x4a\0" * 400_000)), mtime=0),
    "gzip-of-a-span-of-340000-unknown-fields": gzip.compress(_request(_span(more=b"\xa0\x06\x01" * 340_000)), mtime=0),
    "gzip-of-a-histogram-of-half-a-million-buckets": gzip.compress(
        _request(_metric(10, _START + _COUNT + field(8, field(2, b"\x01" * 500_000)))), mtime=0
    ),
    "gzip-of-json-of-half-a-million-zeros": gzip.compress(b'{"resourceSpans":[' + b"0," * 520_000 + b"0]}", mtime=0),
    "remote-write-2-of-half-a-million-empty-symbols": gzip.compress(b"\x22\0" * 520_000, mtime=0),
    "gzip-of-gzip-of-gzip": gzip.compress(gzip.compress(gzip.compress(_GOOD, mtime=0), mtime=0), mtime=0),
    "gzip-of-1010-members": gzip.compress(b"\n\0", mtime=0) * 1_010,
    "gzip-then-rubbish": gzip.compress(_GOOD, mtime=0) + b"rubbish",
    "zlib-of-json": zlib.compress(_json_nested(1)),
    "raw-deflate-of-spans": zlib.compressobj(1, wbits=-15).compress(b"") + _raw(_GOOD),
    "raw-deflate-of-rubbish": _raw(bytes(range(256))),
    "text": b"The quick brown fox jumps over the lazy dog.\n" * 3,
    "kpl-of-three-signals": kpl([_GOOD, _LOG, _request(_metric(5, _START + double(4, 1.5)))]),
    "kpl-of-nothing": kpl([]),
    "kpl-of-kpl": kpl([kpl([kpl([_GOOD])])]),
    "kpl-wrong-checksum": kpl([_GOOD])[:-1] + b"\0",
    "kpl-one-record-broken": kpl([_GOOD, _GOOD[:-7] + b"\xff" * 7, _LOG]),
    "kpl-of-500-empty-records": kpl([b""] * 500),
    "kpl-of-gzip-bombs": kpl([gzip.compress(bytes(2 << 20), 9, mtime=0)] * 4),
    "delimited-two-signals": delimited([_GOOD, _LOG]),
    "delimited-last-one-cut": delimited([_GOOD, _GOOD])[:-9],
    "delimited-of-empty-requests": delimited([b""] * 500),
    "zipkin-one-span": json.dumps([_ZIPKIN]).encode(),
    "zipkin-empty-list": b"[]",
    "zipkin-of-wrong-types": json.dumps(
        [{**_ZIPKIN, "timestamp": "soon", "tags": [1]}, 5, None, {**_ZIPKIN, "duration": -1}]
    ).encode(),
    "zipkin-duration-above-64-bits": json.dumps([{**_ZIPKIN, "duration": 1 << 70, "timestamp": 1 << 63}]).encode(),
    "cloudwatch-logs-of-wrong-types": gzip.compress(json.dumps(_ALIEN).encode(), mtime=0),
    "cloudwatch-logs-control-message": gzip.compress(
        json.dumps({**_ALIEN, "messageType": "CONTROL_MESSAGE"}).encode(), mtime=0
    ),
    "cloudwatch-metric-without-values": json.dumps(_CLOUDWATCH).encode() + b"\n",
    "cloudwatch-metric-of-wrong-types": json.dumps(
        {**_CLOUDWATCH, "timestamp": AT_MS, "value": {"count": "x", "sum": []}}
    ).encode(),
    "jaeger-span": field(1, bytes(16))
    + field(2, bytes(8))
    + field(3, b"op")
    + field(6, number(1, AT_MS // 1000))
    + field(7, number(2, 500)),
    "remote-write-1": snappy(remote_write_1([(1.0, AT_MS), (2.0, AT_MS + 15_000)])),
    "remote-write-1-stale-marker": snappy(
        remote_write_1([(1.0, AT_MS)]).replace(b"\0\0\0\0\0\0\xf0?", b"\x02\0\0\0\0\0\xf0\x7f")
    ),
    "remote-write-2": snappy(remote_write_2([(1.0, AT_MS)])),
    "remote-write-2-symbol-out-of-range": snappy(
        remote_write_2([(1.0, AT_MS)]).replace(bytes([1, 2, 3, 4]), bytes([1, 2, 3, 99]))
    ),
    "snappy-length-lies": varint(1 << 32) + snappy(b"abc")[1:],
    "snappy-copy-before-the-start": varint(8) + b"\0a" + bytes([0b0001_0101, 200]),
    "base64-of-spans": base64.b64encode(_GOOD),
}
"""Records that broke decoders elsewhere, or could break ours, by name."""


def main() -> None:
    """Write each record to the corpus."""
    for name, data in NASTY.items():
        (CORPUS / f"{name}.bin").write_bytes(data)


if __name__ == "__main__":
    main()

"""Spans -> durations per service, operation and kind.

A span belongs to the minute of its start. Its duration is 0 where it ends before it starts. It is an error if its
status is ERROR, or if it is a server span with an HTTP status of 500 or more (4xx are the caller's errors).
Layout: opentelemetry-proto v1, trace/v1/trace.proto. HTTP attributes: OpenTelemetry semantic conventions, HTTP spans,
``http.response.status_code``, before 1.23 ``http.status_code``.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.catalog import Catalog
from opsloop.histogram import SCALE, bucket_keys
from opsloop.telemetry.columns import I64, LEN, VARINT, Fields, Ints
from opsloop.telemetry.envelope import Decoded, Messages, Pairs, Requests, cells_of, series_of
from opsloop.telemetry.model import SPAN_DURATION, SPAN_KINDS, Series

_NAME, _KIND, _START, _END, _ATTRIBUTES, _STATUS = 5, 6, 7, 8, 9, 15
_STATUS_CODE, _STATUS_ERROR = 3, 2
_SERVER = SPAN_KINDS.index("server")
_HTTP_STATUS = ("http.response.status_code", "http.status_code")
_FIRST_SERVER_ERROR = 500


def read_spans(bodies: Sequence[bytes], catalog: Catalog) -> tuple[list[Decoded], NDArray[np.bool_]]:
    """Return the spans of several trace requests, and which of the requests are malformed.

    The cells of a malformed request are there as far as it was understood: whoever uses them leaves that request out.
    """
    requests = Requests(bodies, catalog)
    spans = requests.items()
    n = len(spans)
    fields = requests.scan(spans, (_NAME, _KIND, _START, _END, _ATTRIBUTES, _STATUS))
    attributes = fields.of(_ATTRIBUTES, LEN)
    pairs = requests.pairs(spans.of(attributes), attributes.owner)

    kind = fields.values(_KIND, VARINT, n).astype(np.int64)
    kind = np.where((kind >= 0) & (kind < len(SPAN_KINDS)), kind, 0)
    start, end = fields.values(_START, I64, n), fields.values(_END, I64, n)
    duration = np.where(end > start, end - start, 0).astype(np.float64)

    operation, operations = requests.names(*fields.ranges(_NAME, n))
    dimension, dimensions = requests.dimensions(spans, pairs)
    index, combinations = series_of((spans.resource, operation, kind, dimension))
    series = [
        Series(requests.services[a], SPAN_DURATION, SPAN_KINDS[c], operations[b], "ns", dimensions[d])
        for a, b, c, d in combinations
    ]
    ones = np.ones(n, dtype=np.int64)
    cells = cells_of(
        series,
        index,
        count=ones,
        errors=(_has_error_status(requests, spans, fields.of(_STATUS, LEN)) | _is_server_error(pairs, kind)).astype(
            np.int64
        ),
        total=duration,
        minimum=duration,
        maximum=duration,
        scale=np.full(n, SCALE, dtype=np.int8),
        bucket_start=np.arange(n + 1, dtype=np.int64),
        bucket_key=bucket_keys(duration),
        bucket_count=ones,
    )
    none_dropped = np.zeros(len(bodies), dtype=np.int64)
    return [Decoded(cells, spans.record, start, none_dropped)], requests.is_bad


def _has_error_status(requests: Requests, spans: Messages, status: Fields) -> NDArray[np.bool_]:
    codes = requests.scan(spans.of(status), (_STATUS_CODE,)).values(_STATUS_CODE, VARINT, len(status))
    is_error = np.zeros(len(spans), dtype=bool)
    is_error[status.owner] = codes == _STATUS_ERROR
    return is_error


def _is_server_error(pairs: Pairs, kind: Ints) -> NDArray[np.bool_]:
    is_error = np.zeros(len(kind), dtype=bool)
    for key in _HTTP_STATUS:
        ids, texts = pairs.text(key, len(kind))
        is_high = np.array([text.isdecimal() and int(text) >= _FIRST_SERVER_ERROR for text in texts] + [False])
        is_error |= is_high[ids]  # -1, no such attribute, finds the False at the end
    is_error &= kind == _SERVER
    return is_error

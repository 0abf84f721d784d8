"""Spans -> durations per service, operation and kind.

A span belongs to the minute of its start. Its duration is 0 where it ends before it starts. It is an error if its
status is ERROR, or if it is a server span with an HTTP status of 500 or more; 4xx are the caller's errors, unless the
catalog says that the service counts them too.
Layout: opentelemetry-proto v1, trace/v1/trace.proto. HTTP attributes: OpenTelemetry semantic conventions, HTTP spans.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.catalog import Catalog
from opsloop.telemetry.columns import I64, LEN, VARINT, Fields, Ints
from opsloop.telemetry.envelope import Decoded, Messages, Requests, named, series_of
from opsloop.telemetry.model import SPAN_DURATION, SPAN_KINDS, Series
from opsloop.telemetry.semconv import HTTP_STATUS
from opsloop.telemetry.trace_hash import located
from opsloop.telemetry.values import Values

_NAME, _KIND, _START, _END, _ATTRIBUTES, _STATUS = 5, 6, 7, 8, 9, 15
_STATUS_CODE, _STATUS_ERROR = 3, 2
_SERVER = SPAN_KINDS.index("server")
_FIRST_CALLER_ERROR, _FIRST_SERVER_ERROR, _NO_STATUS = 400, 500, 10_000


def read_spans(bodies: Sequence[bytes], catalog: Catalog) -> tuple[list[Decoded], NDArray[np.bool_]]:
    """Return the spans of several trace requests, and which of the requests are malformed.

    The values of a malformed request are there as far as it was understood: whoever uses them leaves that request out.
    """
    requests = Requests(bodies, catalog)
    spans = requests.items()
    n = len(spans)
    places = located(requests.buffer, spans.begin, spans.end)
    fields = requests.scan(spans)
    pairs = requests.pairs(spans, fields.of(_ATTRIBUTES, LEN))

    kind = fields.values(_KIND, VARINT, n).view(np.int64)
    kind[(kind < 0) | (kind >= len(SPAN_KINDS))] = 0
    start, end = fields.values(_START, I64, n), fields.values(_END, I64, n)
    duration = np.where(end > start, end - start, 0).astype(np.float64)

    names = requests.dimension_names()
    columns, texts = pairs.columns((*names, HTTP_STATUS), n)
    is_error = _has_error_status(requests, spans, fields.of(_STATUS, LEN))
    is_error |= _is_server_error(requests, spans, kind, columns.pop(), texts)
    columns, texts = requests.inherited(spans, names, columns, texts)
    operation, operations = requests.names(*fields.ranges(_NAME, n))
    service, services = requests.service_numbers(spans)
    index, combinations = series_of((service, operation, kind, *columns))
    series = tuple(
        Series(services[a], SPAN_DURATION, SPAN_KINDS[c], operations[b], "ns", named(names, ids, texts))
        for a, b, c, *ids in combinations
    )
    values = Values(series, index, duration, is_error)
    none_dropped = np.zeros(len(bodies), dtype=np.int64)
    return [Decoded(values, spans.record, start, none_dropped, spans=places)], requests.is_bad


def _has_error_status(requests: Requests, spans: Messages, status: Fields) -> NDArray[np.bool_]:
    codes = requests.scan(spans.of(status), (_STATUS_CODE,)).values(_STATUS_CODE, VARINT, len(status))
    is_error = np.zeros(len(spans), dtype=bool)
    is_error[status.owner] = codes == _STATUS_ERROR
    return is_error


def _is_server_error(
    requests: Requests, spans: Messages, kind: Ints, status: Ints, texts: Sequence[str]
) -> NDArray[np.bool_]:
    """Return which are server spans with an HTTP status that is an error; ``status`` numbers ``texts``, -1 is none."""
    if not texts:
        return np.zeros(len(spans), dtype=bool)
    codes = [min(int(text), _NO_STATUS) if text.isdecimal() else 0 for text in texts]
    first = requests.per_service(
        spans, lambda service: _FIRST_CALLER_ERROR if service.counts_4xx_as_errors else _FIRST_SERVER_ERROR
    )
    is_error: NDArray[np.bool_] = kind == _SERVER
    is_error &= np.array([*codes, 0]).take(status, mode="wrap") >= first
    return is_error

"""Log records -> counts per service and severity.

A record belongs to the minute of its time, or of its observed time where it has none. Severities are OpenTelemetry's
numbers in classes of four: 1-4 trace ... 21-24 fatal; from 17 (ERROR) on a record counts as an error.
Layout: opentelemetry-proto v1, logs/v1/logs.proto. Classes: OpenTelemetry, *Logs Data Model*, "Field: SeverityNumber".
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.catalog import Catalog
from opsloop.telemetry.columns import I64, LEN, VARINT
from opsloop.telemetry.envelope import Decoded, Requests, named, series_of
from opsloop.telemetry.model import LOG_RECORDS, SEVERITIES, Series
from opsloop.telemetry.values import Values

_TIME, _SEVERITY, _ATTRIBUTES, _OBSERVED = 1, 2, 6, 11
_FIRST_ERROR, _LAST_SEVERITY = 17, 24


def read_logs(bodies: Sequence[bytes], catalog: Catalog) -> tuple[list[Decoded], NDArray[np.bool_]]:
    """Return the log records of several log requests, and which of the requests are malformed.

    Log records are only counted: their cells have no sum, no histogram, and NaN for minimum and maximum.
    """
    requests = Requests(bodies, catalog)
    records = requests.items()
    n = len(records)
    fields = requests.scan(records)
    pairs = requests.pairs(records, fields.of(_ATTRIBUTES, LEN))

    time, observed = fields.values(_TIME, I64, n), fields.values(_OBSERVED, I64, n)
    severity = fields.values(_SEVERITY, VARINT, n).view(np.int64)
    severity[(severity < 1) | (severity > _LAST_SEVERITY)] = 0

    names = requests.dimension_names()
    columns, texts = requests.inherited(records, names, *pairs.columns(names, n))
    service, services = requests.service_numbers(records)
    index, combinations = series_of((service, (severity + 3) // 4, *columns))
    series = tuple(
        Series(services[a], LOG_RECORDS, SEVERITIES[b], attributes=named(names, ids, texts))
        for a, b, *ids in combinations
    )
    values = Values(series, index, None, severity >= _FIRST_ERROR)
    none_dropped = np.zeros(len(bodies), dtype=np.int64)
    return [Decoded(values, records.record, np.where(time > 0, time, observed), none_dropped)], requests.is_bad

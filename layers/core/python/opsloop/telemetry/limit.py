"""The series limit: what goes over it is counted in one series marked ``otel.metric.overflow=true``, never dropped.

As in OpenTelemetry's SDKs: *Metrics SDK*, "Cardinality limits", overflow attribute.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping

import numpy as np

from opsloop.dataclass import replace
from opsloop.telemetry.aggregate import Aggregate, regroup, without_buckets
from opsloop.telemetry.model import CUMULATIVE_KINDS, OVERFLOW, SPAN_DURATION, Series

LOST_STATES = "overflow"
"""The kind of the series that counts the states of cumulative streams over the limit."""


def limit_series(cells: Aggregate, limit_of: Callable[[str], int], keep: Collection[Series] = frozenset()) -> Aggregate:
    """Return ``cells`` with no more series per service than its limit, besides the overflow series.

    Those in ``keep`` stay; of the others those with the highest counts do, in order of series where counts are equal.
    The rest becomes one series per metric, kind and unit, or one for all if metrics alone exceed the limit. Of
    cumulative streams it is only counted how many states there were: states of several streams do not add up.
    """
    per_service = Counter((one.service, _is_overflow(one)) for one in cells.series)
    crowded = {service for (service, _), number in per_service.items() if number > limit_of(service)}
    if not crowded:
        return cells
    counts = np.bincount(cells.series_index, weights=cells.count, minlength=len(cells.series))
    ranked = sorted(zip(cells.series, counts.tolist(), strict=True), key=lambda one: (one[0] not in keep, -one[1]))
    becomes: dict[Series, Series] = {}
    for service in crowded:
        own = [one for one, _ in ranked if one.service == service]  # sorting is stable, and cells.series is in order
        plain = [one for one in own if not _is_overflow(one)]
        over = {one: one for one in own if _is_overflow(one)}
        over |= {one: _overflow(one) for one in plain[limit_of(service) :]}
        if len(set(over.values())) > limit_of(service):
            over = {old: new if new in keep else _overflow_of_all(old) for old, new in over.items()}
        becomes |= over
    return regroup(_without_states(cells, becomes), lambda one: becomes.get(one, one))


def _without_states(cells: Aggregate, becomes: Mapping[Series, Series]) -> Aggregate:
    """Return ``cells`` where the states of those streams that become part of another series are mere counts."""
    lost = [one.kind in CUMULATIVE_KINDS and becomes.get(one, one) != one for one in cells.series]
    is_lost = np.array(lost, dtype=bool)[cells.series_index]
    if not is_lost.any():
        return cells
    return replace(
        without_buckets(cells, is_lost),
        count=np.where(is_lost, 1, cells.count),
        total=np.where(is_lost, np.nan, cells.total),
        minimum=np.where(is_lost, np.nan, cells.minimum),
        maximum=np.where(is_lost, np.nan, cells.maximum),
    )


def _is_overflow(one: Series) -> bool:
    return (OVERFLOW, "true") in one.attributes


def _overflow(one: Series) -> Series:
    operation = OVERFLOW if one.metric == SPAN_DURATION else ""
    if one.kind in CUMULATIVE_KINDS:
        return Series(one.service, one.metric, LOST_STATES, operation, one.unit, ((OVERFLOW, "true"),))
    return Series(one.service, one.metric, one.kind, operation, one.unit, ((OVERFLOW, "true"),), one.bounds)


def _overflow_of_all(one: Series) -> Series:
    return Series(one.service, OVERFLOW, "gauge", attributes=((OVERFLOW, "true"),))

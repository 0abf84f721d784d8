"""Series of Prometheus -> metrics of an OTLP request.

The type comes from the metadata, which remote-write 1.0 sends apart from the samples; without it the name tells, by
a rule that is the same for every request, so that a series never changes its kind: ``_total``, ``_count`` and
``_sum``, and ``_bucket`` with a label ``le``, are cumulative; all else is a gauge.

* counter, and those of a histogram or summary: cumulative monotonic sum. A summary's quantiles are gauges.
* info and stateset: a sum that is not monotonic. gauge, unknown: gauge. Times and start of a sample are its own.
* The buckets of a classic histogram become one histogram point where a request has them all with their count
  (``prometheus_histogram.assemble``); else each stays a cumulative sum of its own, which is as exact, and says less.
* A stale marker is a point with the flag "no recorded value".
* Exemplars go to the last point of their series; labels ``trace_id`` and ``span_id`` become ids.
"""

from collections.abc import Iterator, Sequence

from opsloop.telemetry.formats.otlp_writer import Groups, attributes, double, embed, fixed64, number, text
from opsloop.telemetry.formats.prometheus_histogram import assemble
from opsloop.telemetry.formats.prometheus_model import (
    CUMULATIVE,
    EXPONENTIAL,
    GAUGE,
    HISTOGRAM,
    NO_RECORDED_VALUE,
    NS_PER_MS,
    SUM,
    Exemplar,
    Meta,
    Sample,
    Series,
)

_PLACES = {GAUGE: (7, 5), SUM: (7, 5), HISTOGRAM: (9, 8), EXPONENTIAL: (1, 11)}  # attributes, exemplars of a point
_SUFFIXES = ("_total", "_bucket", "_count", "_sum", "_created")
_UNITS = {
    "seconds": "s",
    "milliseconds": "ms",
    "microseconds": "us",
    "nanoseconds": "ns",
    "minutes": "min",
    "hours": "h",
    "days": "d",
    "bytes": "By",
    "kibibytes": "KiBy",
    "mebibytes": "MiBy",
    "gibibytes": "GiBy",
    "kilobytes": "kBy",
    "megabytes": "MBy",
    "gigabytes": "GBy",
    "meters": "m",
    "volts": "V",
    "amperes": "A",
    "joules": "J",
    "watts": "W",
    "grams": "g",
    "celsius": "Cel",
    "hertz": "Hz",
    "ratio": "1",
    "percent": "%",
}


def family_names(name: str) -> Iterator[str]:
    """Yield the names under which the metadata of a series may be found."""
    yield name
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            yield name.removesuffix(suffix)


def gather(series: Sequence[Series]) -> bytes:
    """Return the OTLP request of all series; empty for none."""
    metrics = _Metrics()
    for family, point in assemble(series):
        metrics.add(family, HISTOGRAM, point)
    for one in series:
        kind, is_monotonic = kind_of_series(one)
        left = [sample for sample in one.samples if sample.time_ms not in one.taken]
        for place, sample in enumerate(left, 1):
            metrics.add(one, kind, _point(sample), is_monotonic=is_monotonic, is_last=place == len(left))
        for place, (of_histogram, point) in enumerate(one.histograms, 1):
            metrics.add(one, of_histogram, point, is_last=place == len(one.histograms))
    return metrics.request()


def kind_of_series(series: Series) -> tuple[int, bool]:
    """Return which field of a metric the samples of a series go to, and whether they only rise."""
    name, said = series.name, series.meta.type
    is_part = name.endswith(("_count", "_sum")) or (name.endswith("_bucket") and "le" in series.labels)
    match said:
        case "counter":
            return (GAUGE, False) if name.endswith("_created") else (SUM, True)
        case "histogram" | "summary":
            return (SUM, True) if is_part else (GAUGE, False)
        case "info" | "stateset":
            return SUM, False
        case "gauge" | "gaugehistogram":
            return GAUGE, False
    return (SUM, True) if is_part or name.endswith("_total") else (GAUGE, False)


def unit_of(unit: str) -> str:
    """Return a unit of Prometheus as OpenTelemetry writes it; one that the table does not know is kept."""
    return "/".join(_UNITS.get(part, part) for part in unit.split("_per_"))


class _Metrics:
    """Points gathered under their metric, and metrics under their resource and scope."""

    def __init__(self) -> None:
        self._points: dict[tuple[bytes, bytes, bytes, int, bool], list[bytes]] = {}
        self._resources: dict[tuple[str, str], bytes] = {}

    def add(self, series: Series, kind: int, point: bytes, *, is_monotonic: bool = False, is_last: bool = True) -> None:
        """Add a point without labels of ``series``; the last one takes the exemplars."""
        labels = dict(series.labels)
        place = labels.pop("job", ""), labels.pop("instance", "")
        resource = self._resources.get(place)
        if resource is None:
            resource = self._resources[place] = _resource(*place)
        scope = text(1, labels.pop("otel_scope_name", "")) + text(2, labels.pop("otel_scope_version", ""))
        of_attributes, of_exemplars = _PLACES[kind]
        point += attributes(of_attributes, sorted(labels.items()))
        if is_last:
            point += b"".join(embed(of_exemplars, _exemplar(one)) for one in series.exemplars)
        metric = _header(series.name, series.meta)
        self._points.setdefault((resource, scope, metric, kind, is_monotonic), []).append(embed(1, point))

    def request(self) -> bytes:
        """Return the request of all that was added."""
        groups = Groups()
        for (resource, scope, metric, kind, is_monotonic), points in self._points.items():
            data = b"".join(points) + (number(2, CUMULATIVE) if kind != GAUGE else b"")
            groups.add(resource, scope, metric + embed(kind, data + number(3, is_monotonic)))
        return groups.request()


def _resource(job: str, instance: str) -> bytes:
    namespace, _, name = job.rpartition("/")
    pairs = (("service.name", name), ("service.namespace", namespace), ("service.instance.id", instance))
    return attributes(1, [(key, value) for key, value in pairs if value])


def _header(name: str, meta: Meta) -> bytes:
    told = attributes(12, [("prometheus.type", meta.type)]) if meta.type else b""
    return text(1, name) + text(2, meta.help) + text(3, unit_of(meta.unit)) + told


def _point(sample: Sample) -> bytes:
    times = fixed64(2, sample.start_ms * NS_PER_MS) + fixed64(3, sample.time_ms * NS_PER_MS)
    return times + (number(8, NO_RECORDED_VALUE) if sample.is_stale else double(4, sample.value))


def _exemplar(exemplar: Exemplar) -> bytes:
    labels = dict(exemplar.labels)
    trace_id, span_id = (_identity(labels, key, size) for key, size in (("trace_id", 16), ("span_id", 8)))
    return b"".join(
        (
            fixed64(2, exemplar.time_ms * NS_PER_MS),
            double(3, exemplar.value),
            embed(4, span_id) if span_id else b"",
            embed(5, trace_id) if trace_id else b"",
            attributes(7, sorted(labels.items())),
        )
    )


def _identity(labels: dict[str, str], key: str, size: int) -> bytes:
    """Return the id that a label holds in hex, and take the label away; one that is no id stays a label."""
    try:
        found = bytes.fromhex(labels.get(key, "").rjust(2 * size, "0")) if labels.get(key, "").isalnum() else b""
    except ValueError:
        return b""
    if len(found) != size or not any(found):
        return b""
    del labels[key]
    return found

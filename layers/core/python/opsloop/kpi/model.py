"""KPI rows: what a service did in one minute, hour or day, and from which records that is known.

``None`` means "not known" in every number: it is never written as 0 or as 100 %.
"""

import hashlib
import json
from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from opsloop.clock import format_time, minute_of, time_of
from opsloop.dataclass import dataclass, optional_fields, replace
from opsloop.kpi.period import Period
from opsloop.telemetry.model import Source

ROLLUP_MARK = ("#rollup", "hour")
"""Where the KPI table notes the last hour rolled up: no page of a service, whose keys begin with a resolution."""

WHOLE_SERVICE = ""
"""The ``operation`` of a row about all operations of a service together."""

KIND_OF_SPAN = {
    "server": "request",
    "consumer": "request",
    "client": "client",
    "producer": "producer",
    "internal": "internal",
    "unspecified": "internal",  # OpenTelemetry: an unspecified kind may be taken as internal
}
KINDS = ("request", "client", "producer", "internal")


class State(StrEnum):
    """Whether anything is known of a period."""

    OK = "OK"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class KpiRow:
    """One operation (or the whole service) in one period.

    Times of spans are in milliseconds. ``peak_per_minute`` is the count of the busiest minute. A minute is available
    if it had requests and at most the service's limit of errors, unavailable with more, unknown without any. The log
    numbers count log records of the service, errors being those of severity ERROR and above: rows of the whole service
    and kind ``request`` alone have them. ``version`` is that of the blocks the row was made of: the higher one knows
    more. ``hash`` is the SHA-256 of everything else in the row.
    """

    service: str
    operation: str
    kind: str
    resolution: str
    start_minute: int
    complete: bool
    state: State
    requests: int | None = None
    errors: int | None = None
    error_ratio: float | None = None
    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    mean_ms: float | None = None
    peak_per_minute: int | None = None
    available_minutes: int | None = None
    unavailable_minutes: int | None = None
    unknown_minutes: int | None = None
    availability_ratio: float | None = None
    log_records: int | None = None
    log_errors: int | None = None
    sources: tuple[Source, ...] = ()
    version: int = 0
    hash: str = ""

    @property
    def position(self) -> str:
        """Where the row stands among those of its service and resolution: rows are sorted by this text."""
        return f"{self.start_minute:012}\0{self.operation}\0{self.kind}"


@dataclass(frozen=True)
class MetricRow:
    """One metric series in one period, in its own unit.

    ``count`` is the number of measured values: the points of gauges and sums, what histograms and summaries say they
    counted, the records of logs. ``sum`` is their sum; for sums, delta or cumulative, it is the increase within the
    period. Percentiles are there where the sender measured a histogram. ``exemplar`` names a trace that the series'
    greatest known value of these hours was measured in; the hash does not cover it.
    """

    service: str
    metric: str
    kind: str
    operation: str
    unit: str
    attributes: Mapping[str, str]
    resolution: str
    start_minute: int
    complete: bool
    state: State
    count: int | None = None
    errors: int | None = None
    sum: float | None = None
    mean: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    exemplar: Mapping[str, Any] | None = None
    sources: tuple[Source, ...] = ()
    version: int = 0
    hash: str = ""

    @property
    def position(self) -> str:
        """Where the row stands among those of its service, metric and resolution: rows are sorted by this text."""
        return "\0".join(
            [f"{self.start_minute:012}", self.kind, self.operation, self.unit, str(sorted(self.attributes.items()))]
        )


Row = TypeVar("Row", KpiRow, MetricRow)

IDENTITY = ("service", "operation", "kind", "resolution", "start", "complete", "state")
"""The JSON fields that every KPI row has, whatever was asked for."""

KPI_NAMES = tuple(name for name in optional_fields(KpiRow) if name not in {*IDENTITY, "start_minute"})
"""The JSON fields that may be asked for by name."""

EXEMPLAR = "exemplar"
"""One that is there only if asked for by name, for it has to be looked up."""


def sealed(row: Row) -> Row:
    """Return ``row`` with its hash: the SHA-256 of its canonical JSON without the hash, and without an exemplar."""
    content = row_json(replace(row, hash=""))
    del content["hash"]
    content.pop("exemplar", None)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return replace(row, hash=hashlib.sha256(text.encode()).hexdigest())


def row_json(row: "KpiRow | StoredRow | MetricRow") -> dict[str, Any]:
    """Return ``row`` as the JSON object that the API answers and the table keeps."""
    if isinstance(row, StoredRow):
        return row.content
    answer: dict[str, Any] = {}
    for name, value in vars(row).items():
        if name == "start_minute":
            answer["start"] = format_time(time_of(value))
        elif name == "sources":
            answer["sources"] = [dict(vars(source)) for source in value]
        else:
            answer[name] = value
    return answer


def row_from_json(content: Mapping[str, Any]) -> KpiRow:
    """Return the KPI row that ``row_json`` wrote."""
    values = dict(content)
    values["start_minute"] = minute_of(datetime.fromisoformat(values.pop("start")))
    values["state"] = State(values["state"])
    values["sources"] = tuple(Source(**source) for source in values["sources"])
    return KpiRow(**values)


class StoredRow:
    """A KPI row as it lies in its page, for readers: what ``KpiRow`` has, without taking the JSON apart."""

    __slots__ = ("content", "start_minute")

    def __init__(self, content: dict[str, Any], start_minute: int) -> None:
        self.content, self.start_minute = content, start_minute

    def __getattr__(self, name: str) -> Any:
        try:
            return self.content[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def state(self) -> State:
        """Whether anything is known of the period."""
        return _STATES[self.content["state"]]

    @property
    def position(self) -> str:
        """Where the row stands, as ``KpiRow.position``."""
        return f"{self.start_minute:012}\0{self.content['operation']}\0{self.content['kind']}"


_STATES = {state.value: state for state in State}


def stored_rows(content: bytes) -> tuple[StoredRow, ...]:
    """Return the rows of a page from its JSON; all of them begin on one day, or in one month."""
    rows: list[dict[str, Any]] = json.loads(content)
    if not rows or rows[0]["resolution"] != "hour":
        return tuple(StoredRow(row, minute_of(datetime.fromisoformat(row["start"]))) for row in rows)
    midnight = minute_of(datetime.fromisoformat(rows[0]["start"][:10] + "T00:00:00Z"))
    return tuple(StoredRow(row, midnight + 60 * int(row["start"][11:13])) for row in rows)


def unknown_row(service: str, operation: str, kind: str, period: Period) -> KpiRow:
    """Return the row of a period of which nothing is known: every number but ``unknown_minutes`` is missing."""
    return sealed(
        KpiRow(
            service=service,
            operation=operation,
            kind=kind,
            resolution=period.resolution,
            start_minute=period.start_minute,
            complete=period.is_complete,
            state=State.UNKNOWN,
            unknown_minutes=period.elapsed_minutes,
        )
    )


@dataclass(frozen=True)
class PageKey:
    """Where rows are kept: a UTC day of hourly rows (``start`` 2026-11-21), or a month of daily ones (2026-11)."""

    service: str
    resolution: str
    start: str
    kind: str
    operation: str


@dataclass(frozen=True)
class Page:
    """The rows of one page, oldest first. ``version`` counts its saves; ``None`` before the first."""

    key: PageKey
    rows: tuple[KpiRow, ...] = ()
    version: int | None = None

    def with_rows(self, rows: Iterable[KpiRow]) -> "Page":
        """Return the page with ``rows`` put in, unless a row made of newer blocks is there; itself if none is new."""
        kept = {row.start_minute: row for row in self.rows}
        for row in rows:
            there = kept.get(row.start_minute)
            if there is None or there.version <= row.version:
                kept[row.start_minute] = row
        merged = tuple(kept[start] for start in sorted(kept))
        return self if merged == self.rows else replace(self, rows=merged)

    @property
    def end(self) -> datetime:
        """The moment after the last row that the page may hold."""
        first = datetime.fromisoformat(self.key.start if self.key.resolution == "hour" else f"{self.key.start}-01")
        days = 1 if self.key.resolution == "hour" else monthrange(first.year, first.month)[1]
        return first.replace(tzinfo=UTC) + timedelta(days=days)


MAX_OPERATION_BYTES = 900  # a sort key ends at 1,024 bytes


def sort_key(key: PageKey) -> str:
    """Return the sort key of a page in its table; an operation too long for it is named by its hash."""
    operation = key.operation
    name = operation.encode("utf-8", "surrogatepass")
    if len(name) > MAX_OPERATION_BYTES or name.decode("utf-8", "ignore") != operation:
        operation = f"sha256:{hashlib.sha256(name).hexdigest()}"  # the rows inside carry the whole name
    return f"{key.resolution}#{key.start}#{key.kind}#{operation}"


def page_start(resolution: str, minute: int) -> str:
    """Return the ``start`` of the page that holds the row which begins at ``minute``."""
    return time_of(minute).strftime("%Y-%m-%d" if resolution == "hour" else "%Y-%m")


@dataclass(frozen=True)
class StoredPage:
    """A page as readers see it."""

    key: PageKey
    rows: tuple[StoredRow, ...]


def page_key(row: KpiRow | StoredRow) -> PageKey:
    """Return where ``row`` is kept."""
    start = page_start(row.resolution, row.start_minute)
    return PageKey(row.service, row.resolution, start, row.kind, row.operation)


@dataclass(frozen=True)
class KpiRolledUp:
    """The rows of these periods of one resolution are written; ``starts`` are ISO 8601 times."""

    TYPE: ClassVar[str] = "kpi.rolled_up"

    resolution: str
    starts: list[str]
    services: list[str]

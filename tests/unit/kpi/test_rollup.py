"""KPI rows from blocks, checked against the single spans that the blocks were made of."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.kpi.model import KpiRow, State, row_from_json, row_json, sealed
from opsloop.kpi.period import Period
from opsloop.kpi.rollup import compute_rows, day_rows, hour_rows, minute_rows
from opsloop.telemetry.model import Source
from tests.unit.kpi.blocks import DAY, HOUR, SHOP, LogRecord, Span, block

LATER = HOUR + 100_000
HOUR_PERIOD = Period("hour", HOUR, LATER)
DAY_PERIOD = Period("day", DAY, LATER)


def by_key(rows: list[KpiRow]) -> dict[tuple[str, str], KpiRow]:
    return {(row.operation, row.kind): row for row in rows}


def random_spans(seed: int, count: int, *, minutes: int = 60, start: int = HOUR) -> list[Span]:
    random = np.random.default_rng(seed)
    return [
        Span(
            minute=start + int(random.integers(minutes)),
            operation=f"GET /{random.integers(3)}",
            kind=str(random.choice(["server", "consumer", "client", "producer", "internal", "unspecified"])),
            ms=float(random.lognormal(3, 1.5)),
            is_error=bool(random.random() < 0.1),
        )
        for _ in range(count)
    ]


def test_counts_and_times_equal_those_of_the_single_spans():
    spans = random_spans(1, 5_000)
    row = by_key(hour_rows(block(HOUR, spans), HOUR_PERIOD, SHOP))["GET /1", "request"]
    mine = [span for span in spans if span.operation == "GET /1" and span.kind in {"server", "consumer"}]
    assert row.requests == len(mine)
    assert row.errors == sum(span.is_error for span in mine)
    assert row.error_ratio == pytest.approx(sum(span.is_error for span in mine) / len(mine))
    assert row.mean_ms == pytest.approx(np.mean([span.ms for span in mine]))
    assert row.peak_per_minute == np.bincount([span.minute - HOUR for span in mine]).max()


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_are_within_the_stated_error_of_numpys(seed):
    spans = [replace(span, kind="server") for span in random_spans(seed, 4_000)]
    row = by_key(hour_rows(block(HOUR, spans), HOUR_PERIOD, SHOP))["", "request"]
    expected = np.percentile([span.ms for span in spans], [50, 90, 95, 99], method="inverted_cdf")
    found = np.array([row.p50_ms, row.p90_ms, row.p95_ms, row.p99_ms])
    assert np.abs(found / expected - 1).max() <= 0.0055


def test_the_kinds_are_kept_apart_and_only_server_and_consumer_spans_are_requests():
    kinds = ["server", "consumer", "client", "producer", "internal", "unspecified"]
    spans = [Span(HOUR, kind=kind) for kind in kinds]
    rows = by_key(hour_rows(block(HOUR, spans), HOUR_PERIOD, SHOP))
    counts = {kind: row.requests for (operation, kind), row in rows.items() if operation == ""}
    assert counts == {"request": 2, "client": 1, "producer": 1, "internal": 2}


def test_availability_counts_minutes_above_the_services_limit_and_leaves_out_silent_ones():
    def minute(number: int, good: int, bad: int) -> list[Span]:
        return [Span(HOUR + number)] * good + [Span(HOUR + number, is_error=True)] * bad

    spans = minute(0, 19, 1) + minute(1, 18, 1) + minute(2, 0, 1) + minute(5, 1, 0)  # 5.0 %, 5.3 %, 100 %, 0 %
    row = by_key(hour_rows(block(HOUR, spans), HOUR_PERIOD, SHOP))["", "request"]
    assert (row.available_minutes, row.unavailable_minutes, row.unknown_minutes) == (2, 2, 56)
    assert row.availability_ratio == 0.5
    lenient = replace(SHOP, availability_error_ratio=0.06)
    assert by_key(hour_rows(block(HOUR, spans), HOUR_PERIOD, lenient))["", "request"].available_minutes == 3


def test_an_open_hour_counts_only_the_minutes_that_have_begun_as_unknown():
    period = Period("hour", HOUR, HOUR + 9)
    (row, _) = hour_rows(block(HOUR, [Span(HOUR + 3)]), period, SHOP)
    assert (row.complete, row.available_minutes, row.unknown_minutes) == (False, 1, 9)


def test_logs_are_told_on_the_whole_services_request_row_alone():
    logs = [LogRecord(HOUR, "info")] * 5 + [LogRecord(HOUR + 1, "error")] * 2 + [LogRecord(HOUR + 2, "fatal")]
    rows = by_key(hour_rows(block(HOUR, [Span(HOUR)], logs), HOUR_PERIOD, SHOP))
    assert (rows["", "request"].log_records, rows["", "request"].log_errors) == (8, 3)
    assert rows["GET /", "request"].log_records is None


def test_a_service_that_only_logs_has_unknown_requests_and_known_logs():
    (row,) = hour_rows(block(HOUR, logs=[LogRecord(HOUR)]), HOUR_PERIOD, SHOP)
    assert (row.state, row.requests, row.availability_ratio) == (State.UNKNOWN, None, None)
    assert (row.log_records, row.log_errors) == (1, 0)


def test_no_block_at_all_is_unknown_never_zero_and_never_healthy():
    (row,) = day_rows([], HOUR_PERIOD, SHOP)
    told = {name for name, value in row_json(row).items() if value not in (None, "", [])}
    assert told == {"service", "kind", "resolution", "start", "complete", "state", "unknown_minutes", "version", "hash"}
    assert (row.state, row.unknown_minutes, row.version) == (State.UNKNOWN, 60, 0)


def test_no_log_record_is_not_zero_log_errors():
    row = by_key(hour_rows(block(HOUR, [Span(HOUR)]), HOUR_PERIOD, SHOP))["", "request"]
    assert row.log_errors is None


spans_of_a_day = st.lists(
    st.builds(
        Span,
        minute=st.integers(DAY, DAY + 1439),
        operation=st.sampled_from(["a", "b"]),
        kind=st.sampled_from(["server", "client"]),
        ms=st.integers(0, 10**6).map(lambda us: us / 1000),
        is_error=st.booleans(),
    ),
    min_size=1,
    max_size=60,
)


@given(spans_of_a_day, st.randoms())
@settings(max_examples=60, deadline=None)
def test_a_day_from_its_hours_equals_the_day_from_all_minutes_at_once(spans, random):
    hours = [block(hour, spans) for hour in range(DAY, DAY + 1440, 60)]
    random.shuffle(hours)
    merged = day_rows(hours, DAY_PERIOD, SHOP)
    whole = replace(block(DAY, [replace(span, minute=DAY) for span in spans]), service="shop")  # no minutes: one cell
    at_once = by_key(compute_rows([whole], "day", SHOP, now_minute=LATER))
    for row in merged:
        if row.state is State.UNKNOWN:
            assert not any(span.kind == "server" for span in spans)
            continue
        other = at_once[row.operation, row.kind]
        for name in ("requests", "errors", "error_ratio", "p50_ms", "p90_ms", "p95_ms", "p99_ms"):
            assert getattr(row, name) == getattr(other, name), name
        assert row.mean_ms == pytest.approx(other.mean_ms)
        kind = "server" if row.kind == "request" else "client"
        mine = [span for span in spans if row.operation in {"", span.operation} and span.kind == kind]
        per_minute = {at: [s.is_error for s in mine if s.minute == at] for at in {s.minute for s in mine}}
        down = sum(np.mean(errors) > 0.05 for errors in per_minute.values())
        assert (row.unavailable_minutes, row.available_minutes) == (down, len(per_minute) - down)
        assert row.unknown_minutes == 1440 - len(per_minute)
        assert row.peak_per_minute == max(map(len, per_minute.values()))


def test_averaged_percentiles_would_have_been_wrong():
    quiet, busy = [Span(HOUR, ms=1.0)] * 10, [Span(HOUR + 60, ms=100.0)] * 1_000
    hours = [block(HOUR, quiet), block(HOUR + 60, busy)]
    p50 = by_key(day_rows(hours, DAY_PERIOD, SHOP))["", "request"].p50_ms
    assert p50 == pytest.approx(100, rel=0.0055)
    apart = [by_key(hour_rows(one, Period("hour", one.hour, LATER), SHOP))["", "request"].p50_ms for one in hours]
    assert np.mean(apart) == pytest.approx(50.5, rel=0.01)


def test_minutes_have_rows_of_their_own_and_add_up_to_their_hour():
    spans = random_spans(3, 500)
    made = block(HOUR, spans)

    def whole_service(operation: str, kind: str) -> bool:
        return (operation, kind) == ("", "request")

    minutes = minute_rows(made, SHOP, now_minute=LATER, wanted=whole_service)
    (hour,) = day_rows([made], HOUR_PERIOD, SHOP, wanted=whole_service)
    assert sum(row.requests for row in minutes) == hour.requests
    assert max(row.requests for row in minutes) == hour.peak_per_minute
    assert all(row.available_minutes + row.unavailable_minutes == 1 for row in minutes)


def test_the_order_of_hours_changes_nothing_not_even_the_hash():
    spans = random_spans(4, 300, minutes=180)
    hours = [block(hour, spans) for hour in (HOUR, HOUR + 60, HOUR + 120)]
    assert day_rows(hours, DAY_PERIOD, SHOP) == day_rows(hours[::-1], DAY_PERIOD, SHOP)


def test_the_hash_is_of_the_content_and_survives_storage():
    row = hour_rows(block(HOUR, [Span(HOUR)]), HOUR_PERIOD, SHOP)[0]
    assert row_from_json(row_json(row)) == row
    assert sealed(replace(row, hash="")).hash == row.hash
    assert sealed(replace(row, errors=1)).hash != row.hash


def test_a_day_names_one_range_per_log_and_the_items_in_it():
    hours = [block(HOUR, [Span(HOUR)] * 3), block(HOUR + 60, [Span(HOUR + 60)] * 4)]
    (source,) = day_rows(hours, DAY_PERIOD, SHOP)[0].sources
    assert source == Source("log#s#1#0", f"{HOUR:064}", f"{HOUR + 61:064}", 2, 2, 7)

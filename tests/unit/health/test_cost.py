"""What use costs: compared with the examples that AWS publishes with its prices, and with sums made by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from bench.prices import USD as OF_BENCH
from opsloop.health.cost import Line, Month, Use, cost_lines, month_of, summed
from opsloop.health.prices import USD, prices_of

NOVEMBER_11 = datetime(2026, 11, 11, tzinfo=UTC)
TEN_DAYS = Month(measured_h=240.0, present_h=240.0, left_h=480.0)
NOTHING = Use({}, {}, {}, {}, shards=None, alarms=None, custom_metrics=None, metric_requests=0)


def priced(use: Use, month: Month = TEN_DAYS, region: str = "us-east-1") -> dict[tuple[str, str], Line]:
    return {(line.resource, line.unit): line for line in cost_lines(use, month, prices_of(region))}


def use(**changes: object) -> Use:
    return Use(**{**{name: getattr(NOTHING, name) for name in NOTHING.__dataclass_fields__}, **changes})


def test_lambda_costs_what_its_pricing_page_works_out():
    """3 million requests of 120 ms with 1,536 MB on x86: 540,000 GB-seconds for 9.00 USD, and 0.60 USD of requests."""
    sums = {"web_answer invocations": 3e6, "web_answer duration_ms": 3e6 * 120.0}
    lines = priced(use(sums=sums, setups={"web_answer": (1536, "x86_64")}))
    seconds = lines["web_answer", "Lambda x86_64 GB-second"]
    assert seconds.quantity == pytest.approx(540_000)
    assert seconds.usd == pytest.approx(9.00, abs=0.005)
    assert lines["web_answer", "Lambda request"].usd == pytest.approx(0.60)
    assert seconds.capability == "web"


def test_kinesis_costs_what_its_pricing_page_works_out():
    """4 shards for 31 days: 44.64 USD. 535,680,000 put units: 7.4995 USD."""
    sums = {"stream incoming_records": 535_680_000.0, "stream incoming_bytes": 1.0}
    lines = priced(use(sums=sums, shards=4), Month(measured_h=744.0, present_h=744.0, left_h=0.0))
    assert lines["stream", "Kinesis shard-hour"].usd == pytest.approx(44.64)
    assert lines["stream", "Kinesis put unit of 25 KB"].usd == pytest.approx(7.4995, abs=0.00005)


def test_records_above_25_kb_are_counted_by_their_bytes():
    sums = {"stream incoming_records": 10.0, "stream incoming_bytes": 1_000_001.0}
    assert priced(use(sums=sums))["stream", "Kinesis put unit of 25 KB"].quantity == 41.0  # 40 whole ones and a byte


def test_a_table_costs_its_units_its_bytes_and_their_backup():
    sums = {"kpi_table read_units": 1e6, "kpi_table write_units": 1e6}
    month = Month(measured_h=730.0, present_h=730.0, left_h=0.0)
    lines = priced(use(sums=sums, table_bytes={"kpi": 2_000_000_000}), month)
    wanted = {"DynamoDB read unit": 0.125, "DynamoDB write unit": 0.625, "DynamoDB GB-month": 0.50}
    wanted["DynamoDB backup GB-month"] = 0.40
    assert {unit: line.usd for (name, unit), line in lines.items() if name == "kpi_table"} == pytest.approx(wanted)


def test_what_is_measured_goes_on_as_it_did_until_the_month_ends():
    line = priced(use(sums={"api requests": 1e7}))["api", "HTTP API request"]
    assert (line.usd, line.projected_usd) == (pytest.approx(10.0), pytest.approx(30.0))  # ten days of thirty


def test_hours_that_were_not_measured_are_not_taken_for_idle_ones():
    half = Month(measured_h=120.0, present_h=240.0, left_h=480.0)
    assert priced(use(sums={"api requests": 1e7}), half)["api", "HTTP API request"].projected_usd == pytest.approx(50.0)


def test_less_than_an_hour_is_not_projected():
    line = priced(use(sums={"api requests": 5.0}), Month(0.9, 0.9, 700.0))["api", "HTTP API request"]
    assert (line.usd, line.projected_usd) == (pytest.approx(5e-6), None)
    assert "too early" in line.reason


def test_what_is_there_all_the_time_costs_by_the_hour():
    lines = priced(use(alarms=73, custom_metrics=10), Month(measured_h=0.0, present_h=73.0, left_h=73.0))
    assert lines["alarms", "CloudWatch alarm-month"].usd == pytest.approx(0.73)  # 7.30 a month, a tenth of it
    assert lines["alarms", "CloudWatch alarm-month"].projected_usd == pytest.approx(1.46)
    assert lines["metrics", "CloudWatch metric-month"].usd == pytest.approx(0.30)
    assert lines["key", "KMS key-month"].usd == pytest.approx(0.10)


def test_what_is_not_known_costs_none_with_a_reason_and_never_zero():
    unknown = use(setups={"kpi_query": (512, "arm64")}, table_bytes={"kpi": None}, bucket_bytes={"log": None})
    lines = priced(unknown)
    known = {name for name, line in lines.items() if line.usd is not None}
    assert known == {("key", "KMS key-month"), ("measuring", "CloudWatch metric request")}
    assert all(line.reason for line in lines.values() if line.usd is None)


def test_nothing_used_of_what_is_measured_costs_nothing():
    sums = {"kpi_query invocations": 0.0, "kpi_query duration_ms": 0.0}
    lines = priced(use(sums=sums, setups={"kpi_query": (512, "arm64")}))
    assert lines["kpi_query", "Lambda request"].usd == 0.0
    assert lines["kpi_query", "Lambda arm64 GB-second"].projected_usd == 0.0


def test_a_sum_leaves_out_what_is_unknown_and_counts_it():
    lines = [Line("kpi", "a", "x", 1.0, 2.0, 6.0), Line("kpi", "b", "x", None, None, None, "why")]
    assert summed(lines) == (2.0, 6.0, 1)
    assert summed(lines[1:]) == (None, None, 1)


def test_a_sum_is_projected_only_where_each_of_its_lines_is():
    lines = [Line("kpi", "a", "x", 1.0, 2.0, 6.0), Line("kpi", "b", "x", 1.0, 1.0, None, "too early")]
    assert summed(lines) == (3.0, None, 0)


@pytest.mark.parametrize(
    ("now", "since", "present_h", "left_h"),
    [
        (NOVEMBER_11, datetime(2026, 1, 1, tzinfo=UTC), 240.0, 480.0),
        (NOVEMBER_11, NOVEMBER_11 - timedelta(hours=5), 5.0, 480.0),
        (datetime(2026, 12, 31, 12, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), 732.0, 12.0),
        (datetime(2028, 2, 29, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), 672.0, 24.0),
    ],
    ids=["a third of november", "since this morning", "the last noon of a year", "a leap day"],
)
def test_a_month_is_as_far_as_it_has_come(now, since, present_h, left_h):
    assert month_of(now, since, 7.0) == Month(7.0, present_h, left_h)


def test_prices_of_another_region_say_that_they_are_not_its_own():
    assert prices_of("us-east-1").note == ""
    assert prices_of("eu-central-1").note == (
        "prices of us-east-1: those of eu-central-1 are not known here, and differ"
    )


def test_the_estimate_beforehand_and_the_one_from_use_have_one_table_of_prices():
    assert OF_BENCH is USD


def test_every_unit_of_a_line_has_a_price():
    everything = use(
        sums={"kpi_query invocations": 1.0, "kpi_query duration_ms": 1.0},
        setups={"kpi_query": (512, "arm64"), "kpi_rollup": (512, "x86_64")},
        table_bytes={"kpi": 1},
        bucket_bytes={"log": 1.0},
        shards=1,
    )
    assert {unit for _, unit in priced(everything)} <= set(USD)

"""What the catalog and the conventions say about spans: old names, errors of callers, backfills, exemplars."""

from dataclasses import replace

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.catalog import Catalog, Service
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.segment import StreamRecord
from opsloop.telemetry.shard_log import ShardLog

ARRIVAL_S = 1_763_600_000.0
NOW_NS = int(ARRIVAL_S) * 10**9
DAY_MINUTES = 1440
SERVICE = Service("", 4, "", "", "", (), 2_000, 0.05)


def planned(*spans, dimensions=(), resource=(), max_age_days=7, **changes):
    """The segment of one request of one service; a span is its fields, its attributes under ``attributes``."""
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    for key, value in (("service.name", "web"), *resource):
        group.resource.attributes.add(key=key).value.string_value = value
    for number, span in enumerate(spans):
        fields = {"name": "op", "kind": 2, "start_time_unix_nano": NOW_NS, "trace_id": bytes([number] * 16)}
        fields |= {"span_id": bytes([number] * 8), **span}
        attributes = fields.pop("attributes", {})
        fields.setdefault("end_time_unix_nano", fields["start_time_unix_nano"] + 5)
        made = group.scope_spans.add().spans.add(**fields)
        for key, value in attributes.items():
            if isinstance(value, list):
                made.attributes.add(key=key).value.array_value.values.add().string_value = value[0]
            elif isinstance(value, int):
                made.attributes.add(key=key).value.int_value = value
            else:
                made.attributes.add(key=key).value.string_value = value
    catalog = Catalog({}, replace(SERVICE, dimensions=dimensions, **changes))
    record = StreamRecord("1".zfill(64), "", message.SerializeToString(), ARRIVAL_S)
    return plan([record], ShardLog("log", 900), catalog, max_bytes=1 << 20, max_age_days=max_age_days)


@pytest.mark.parametrize("declared", ["http.method", "http.request.method"])
@pytest.mark.parametrize("sent", ["http.method", "http.request.method"])
def test_a_dimension_is_one_under_its_old_name_and_its_new_one(declared, sent):
    (series,) = planned({"attributes": {sent: "GET"}}, dimensions=(declared,)).cells.series
    assert series.attributes == (("http.request.method", "GET"),)


def test_old_and_new_names_make_one_series():
    spans = [{"attributes": {"db.system": "redis"}}, {"attributes": {"db.system.name": "redis"}}]
    assert planned(*spans, dimensions=("db.system",)).cells.count.tolist() == [2]


def test_of_an_item_that_has_both_names_the_new_one_counts_in_either_order():
    for names in (("net.host.name", "server.address"), ("server.address", "net.host.name")):
        attributes = {name: name for name in names}
        (series,) = planned({"attributes": attributes}, dimensions=("server.address",)).cells.series
        assert series.attributes == (("server.address", "server.address"),)


def test_of_two_old_names_the_servers_own_counts():
    attributes = {"net.peer.name": "peer", "net.host.name": "host"}
    (series,) = planned({"attributes": attributes}, dimensions=("server.address",)).cells.series
    assert series.attributes == (("server.address", "host"),)


def test_a_list_under_the_new_name_leaves_the_text_under_the_old_one():
    attributes = {"http.request.method": ["GET"], "http.method": "PUT"}
    (series,) = planned({"attributes": attributes}, dimensions=("http.method",)).cells.series
    assert series.attributes == (("http.request.method", "PUT"),)


def test_a_resources_attribute_is_inherited_under_its_old_name():
    found = planned({}, resource=[("deployment.environment", "prod")], dimensions=("deployment.environment.name",))
    assert found.cells.series[0].attributes == (("deployment.environment.name", "prod"),)


@pytest.mark.parametrize(("status", "kind", "is_error"), [(400, 2, 1), (499, 2, 1), (399, 2, 0), (404, 3, 0)])
@pytest.mark.parametrize("name", ["http.status_code", "http.response.status_code"])
def test_callers_errors_count_where_the_catalog_says_so(status, kind, is_error, name):
    span = {"kind": kind, "attributes": {name: status}}
    assert planned(span, counts_4xx_as_errors=True).cells.errors.tolist() == [is_error]
    assert planned(span).cells.errors.tolist() == [0]


def test_keys_and_values_of_any_length_are_read():
    for key in ("k", "k" * 126, "k" * 127, "k" * 128, "k" * 300):
        for value in ("", "v", "v" * 124, "v" * 125, "v" * 126, "v" * 199):
            (series,) = planned(*[{"attributes": {"other": "x", key: value}}] * 20, dimensions=(key,)).cells.series
            assert series.attributes == (((key, value),) if len(key) < 255 else ())


@pytest.mark.parametrize(("opened", "is_clamped"), [("", True), ("2025-10-01", False), ("2025-11-10", True)])
def test_old_spans_keep_their_time_where_the_catalog_opened_a_window(opened, is_clamped):
    start = NOW_NS - 20 * DAY_MINUTES * 60 * 10**9  # 2025-10-31
    found = planned({"start_time_unix_nano": start}, backfill_from=opened)
    assert found.clamped == is_clamped
    assert found.cells.minute.tolist() == [(NOW_NS if is_clamped else start) // 60 // 10**9]


def test_how_old_spans_may_be_is_a_parameter():
    start = NOW_NS - 20 * DAY_MINUTES * 60 * 10**9
    assert planned({"start_time_unix_nano": start}, max_age_days=21).clamped == 0
    assert planned({"start_time_unix_nano": start}, max_age_days=19).clamped == 1


def test_the_slowest_span_of_a_series_and_hour_is_its_exemplar_and_of_equals_the_latest():
    hour = 3600 * 10**9
    spans = [(0, 5, 1), (60, 9, 2), (90, 9, 3), (120, 2, 4), (-hour // 10**9, 1, 5)]
    found = planned(
        *(
            {
                "start_time_unix_nano": NOW_NS + second * 10**9,
                "end_time_unix_nano": NOW_NS + second * 10**9 + duration,
                "trace_id": bytes([number] * 16),
            }
            for second, duration, number in spans
        )
    )
    latest, earlier = sorted(found.exemplars, key=lambda one: -one.hour)
    assert (latest.value, latest.trace_id, latest.time_ns) == (9.0, "03" * 16, NOW_NS + 90 * 10**9)
    assert (earlier.value, earlier.trace_id) == (1.0, "05" * 16)
    assert latest.hour == NOW_NS // hour * 60
    assert latest.series in found.cells.series


@pytest.mark.parametrize("ids", [{"trace_id": b""}, {"span_id": b""}, {"trace_id": b"x" * 8}])
def test_a_span_that_cannot_be_opened_is_no_exemplar(ids):
    assert planned(ids).exemplars == ()


def test_a_clamped_span_is_the_exemplar_of_the_hour_that_it_counts_in():
    (one,) = planned({"start_time_unix_nano": 1}).exemplars
    assert (one.hour, one.time_ns) == (NOW_NS // 10**9 // 3600 * 60, 1)


def test_what_went_over_the_series_limit_has_no_exemplar_of_its_own():
    spans = [{"name": f"op{number}", "attributes": {}} for number in range(30)]
    found = planned(*spans, series_limit=10)
    assert {one.series for one in found.exemplars} <= set(found.cells.series)
    assert len(found.exemplars) == 10


def test_minutes_before_1970_and_far_ahead_are_clamped():
    far = [2**63, 2**64 - 1]
    found = planned(*({"start_time_unix_nano": start, "end_time_unix_nano": 0} for start in far))
    assert found.clamped == 2
    assert np.unique(found.cells.minute).tolist() == [int(ARRIVAL_S) // 60]

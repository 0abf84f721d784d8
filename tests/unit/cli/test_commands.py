"""Each command asks for the right thing, and shows what it was told."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.unit.cli.conftest import KEYS, Run
from tests.unit.cli.fake_api import FakeApi

PROTOBUF = "application/x-protobuf"
HEALTH = {
    "status": "warn",
    "checks": {
        "dynamodb:responseTime": [{"status": "pass", "observedValue": 3.1, "observedUnit": "ms", "time": "t"}],
        "fold:age": [{"status": "warn", "observedValue": 200, "observedUnit": "s", "output": "the fold is late"}],
    },
}
SERVICES = [
    {"service": "web", "state": "OK", "tier": 1, "owner": "shop", "last_seen": "2026-11-21T08:00:00Z"},
    {"service": "batch", "state": "UNKNOWN", "tier": 3, "owner": "data", "last_seen": None},
]


def row(start: str, **values: Any) -> dict[str, Any]:
    identity = {"service": "web", "operation": "", "kind": "request", "resolution": "hour", "start": start}
    return {**identity, "complete": True, "state": "OK", "sources": [], "version": 1, "hash": "", **values}


OK_ROW = row("2026-11-21T07:00:00Z", requests=1234, errors=12, error_ratio=0.00972, p50_ms=4.25, p95_ms=20.5,
             p99_ms=80.0, peak_per_minute=31, availability_ratio=1.0)  # fmt: skip
UNKNOWN_ROW = row("2026-11-21T08:00:00Z", complete=False, state="UNKNOWN", requests=None, errors=None,
                  error_ratio=None, p50_ms=None, p95_ms=None, p99_ms=None, peak_per_minute=None,
                  availability_ratio=None)  # fmt: skip


def trace_body() -> bytes:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.name, span.start_time_unix_nano, span.end_time_unix_nano = "GET /", 10**18, 10**18 + 1
    return request.SerializeToString()


def log_body() -> bytes:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=10**18).body.string_value = "hello"
    return request.SerializeToString()


def test_kpi_shows_unknown_as_unknown_and_marks_open_periods(local: Run, api: FakeApi):
    api.will("GET /v1/kpis", {"rows": [OK_ROW, UNKNOWN_ROW]})
    lines = local("kpi", "web").stdout.splitlines()
    assert lines[0].split() == ["start", "requests", "errors", "error", "ratio", "p50", "ms", "p95", "ms", "p99", "ms",
                                "peak", "per", "minute", "availability", "ratio"]  # fmt: skip
    assert lines[2].split() == ["2026-11-21T07:00:00Z", "1,234", "12", "0.97", "%", "4.2", "20.5", "80.0", "31",
                                "100.00", "%"]  # fmt: skip
    assert lines[3].split() == ["2026-11-21T08:00:00Z", "*", *["unknown"] * 8]


def test_kpi_asks_with_the_read_key_for_what_the_options_say(local: Run, api: FakeApi):
    api.will("GET /v1/kpis", {"rows": []})
    result = local("kpi", "web", "--operation", "GET /", "--kpi", "p95_ms", "--from", "2026-11-20", "--to",
                   "2026-11-21T00:00:00+01:00", "--resolution", "day")  # fmt: skip
    assert result.exit_code == 0
    assert api.asked[0].headers["authorization"] == f"Bearer {KEYS['read_key']}"
    assert api.asked[0].query == {
        "service": "web",
        "operation": "GET /",
        "kpi": "p95_ms",
        "resolution": "day",
        "from": "2026-11-20T00:00:00Z",
        "to": "2026-11-20T23:00:00Z",
    }


def test_kpi_takes_relative_times_although_they_begin_with_a_dash(local: Run, api: FakeApi):
    api.will("GET /v1/kpis", {"rows": []})
    assert local("kpi", "web", "--from", "-15m", "--resolution", "minute").exit_code == 0
    assert api.asked[0].query["from"] < api.asked[0].query["to"]


def test_all_pages_are_read(local: Run, api: FakeApi):
    api.will("GET /v1/kpis", {"rows": [OK_ROW], "next": "page-2"})
    api.will("GET /v1/kpis", {"rows": [UNKNOWN_ROW]})
    shown = json.loads(local("kpi", "web", "--json").stdout)
    assert shown == {"rows": [OK_ROW, UNKNOWN_ROW]}
    assert [asked.query.get("cursor") for asked in api.asked] == [None, "page-2"]


def test_kpi_of_a_metric_shows_what_it_has_and_tells_series_apart(local: Run, api: FakeApi):
    metric = row("2026-11-21T07:00:00Z", metric="pool", kind="gauge", count=6, mean=2.5, p50=None)
    rows = [{**metric, "attributes": {"state": state}} for state in ("idle", "used")]
    api.will("GET /v1/kpis", {"rows": rows})
    lines = local("kpi", "web", "--kpi", "metric:pool").stdout.splitlines()
    assert lines[0].split() == ["start", "attributes", "count", "mean"]
    assert lines[2].split() == ["2026-11-21T07:00:00Z", "state=idle", "6", "2.5"]


def test_a_kpi_asked_for_is_shown_although_nothing_is_known_of_it(local: Run, api: FakeApi):
    api.will("GET /v1/kpis", {"rows": [{**UNKNOWN_ROW, "mean_ms": None}]})
    lines = local("kpi", "web", "--kpi", "mean_ms,requests").stdout.splitlines()
    assert lines[0].split() == ["start", "mean", "ms", "requests"]
    assert lines[2].split() == ["2026-11-21T08:00:00Z", "*", "unknown", "unknown"]


def test_a_metric_of_which_nothing_is_known_says_so(local: Run, api: FakeApi):
    api.will(
        "GET /v1/kpis", {"rows": [row("2026-11-21T07:00:00Z", state="UNKNOWN", kind="", metric="pool", count=None)]}
    )
    lines = local("kpi", "web", "--kpi", "metric:pool").stdout.splitlines()
    assert lines[2].split() == ["2026-11-21T07:00:00Z", "unknown"]


def test_each_operation_gets_its_row(local: Run, api: FakeApi):
    api.will("GET /v1/kpis", {"rows": [{**OK_ROW, "operation": name} for name in ("GET /", "POST /checkout")]})
    lines = local("kpi", "web", "--operation", "*", "--kind", "request").stdout.splitlines()
    assert [line.split("  ")[1].strip() for line in lines[2:4]] == ["GET /", "POST /checkout"]
    assert (api.asked[0].query["operation"], api.asked[0].query["kind"]) == ("*", "request")


def test_services_are_listed_silent_ones_too(local: Run, api: FakeApi):
    api.will("GET /v1/services", {"services": SERVICES})
    lines = local("services").stdout.splitlines()
    assert lines[2].split() == ["web", "OK", "1", "shop", "2026-11-21T08:00:00Z"]
    assert lines[3].split() == ["batch", "UNKNOWN", "3", "data", "unknown"]
    assert json.loads(local("services", "--json").stdout) == {"services": SERVICES}


def test_status_passes_with_warnings_and_names_silent_services(local: Run, api: FakeApi):
    api.will("GET /health/ready", HEALTH, content_type="application/health+json")
    api.will("GET /v1/services", {"services": SERVICES})
    result = local("status")
    assert result.exit_code == 0
    assert "fold:age" in result.stdout
    assert "the fold is late" in result.stdout
    assert result.stdout.splitlines()[-1] == "2 services, 1 heard from; unknown: batch"


@pytest.mark.parametrize(
    ("status", "document"), [(503, {**HEALTH, "status": "fail"}), (200, {"hello": "world"}), (200, ["pass"])]
)
def test_status_says_no_when_the_platform_fails_or_nothing_is_known(
    local: Run, api: FakeApi, status: int, document: Any
):
    api.will("GET /health/ready", document, status=status)
    api.will("GET /v1/services", {"services": []})
    assert local("status").exit_code == 1


def test_status_without_a_key_still_tells_the_health(run: Run, api: FakeApi):
    api.will("GET /health/ready", HEALTH)
    result = run("--url", api.url, "status", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"url": api.url, "health": HEALTH, "services": None}
    assert "no key with the scope read" in result.stderr
    assert "authorization" not in api.asked[0].headers


def test_send_tells_the_signal_by_content(local: Run, api: FakeApi, tmp_path: Path):
    (tmp_path / "a.bin").write_bytes(trace_body())
    (tmp_path / "b.bin").write_bytes(gzip.compress(log_body()))
    (tmp_path / "c.bin").write_text('{"resourceMetrics": []}')
    for signal in ("traces", "logs", "metrics"):
        api.will(f"POST /v1/{signal}", body=b"", content_type=PROTOBUF)
    result = local("send", "a.bin", "b.bin", "c.bin", "--json")
    assert result.exit_code == 0
    assert [(sent["signal"], sent["accepted"]) for sent in json.loads(result.stdout)["sent"]] == [
        ("traces", True),
        ("logs", True),
        ("metrics", True),
    ]
    assert [asked.body for asked in api.asked] == [(tmp_path / f"{name}.bin").read_bytes() for name in "abc"]
    assert [asked.headers["content-type"] for asked in api.asked] == [PROTOBUF, PROTOBUF, "application/json"]
    assert [asked.headers.get("content-encoding") for asked in api.asked] == [None, "gzip", None]
    assert {asked.headers["authorization"] for asked in api.asked} == {f"Bearer {KEYS['ingest_key']}"}


def test_send_says_how_many_items_were_rejected_and_why(local: Run, api: FakeApi, tmp_path: Path):
    (tmp_path / "a.pb").write_bytes(trace_body())
    (tmp_path / "a.json").write_text('{"resourceSpans": []}')
    partial = ExportTraceServiceResponse()
    partial.partial_success.rejected_spans, partial.partial_success.error_message = 3, "too old"
    api.will("POST /v1/traces", body=partial.SerializeToString(), content_type=PROTOBUF)
    api.will("POST /v1/traces", {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too new"}})
    result = local("send", "a.pb", "a.json")
    assert result.exit_code == 1
    assert "3 items rejected: too old" in result.stdout
    assert "2 items rejected: too new" in result.stdout


def test_send_goes_on_after_a_refused_file_and_says_no(local: Run, api: FakeApi, tmp_path: Path):
    (tmp_path / "broken.pb").write_bytes(b"\xff\xff")
    (tmp_path / "good.pb").write_bytes(trace_body())
    api.will("POST /v1/traces", status=400, content_type=PROTOBUF, body=b"\x08\x03\x12\x0bnot a trace")
    api.will("POST /v1/traces", body=b"", content_type=PROTOBUF)
    result = local("send", "--signal", "traces", "broken.pb", "good.pb", "--json")
    sent = json.loads(result.stdout)["sent"]
    assert [(item["status"], item["accepted"], item["message"]) for item in sent] == [
        (400, False, "not a trace"),
        (200, True, ""),
    ]
    assert result.exit_code == 1


def test_what_was_sent_is_told_although_the_rest_could_not_be(local: Run, api: FakeApi, tmp_path: Path):
    for name in ("a.pb", "b.pb", "c.pb"):
        (tmp_path / name).write_bytes(trace_body())
    api.will("POST /v1/traces", body=b"", content_type=PROTOBUF)
    api.will("POST /v1/traces", status=503, content_type=PROTOBUF, body=b"\x08\x0e\x12\x09try later")
    result = local("send", "a.pb", "b.pb", "c.pb", "--json")
    assert [sent["file"] for sent in json.loads(result.stdout)["sent"]] == ["a.pb"]
    assert (result.exit_code, result.stderr) == (3, "opsloop: b.pb: try later\n")
    assert len(api.asked) == 2


def test_send_tells_the_signal_by_name_where_content_does_not(local: Run, api: FakeApi, tmp_path: Path):
    (tmp_path / "metrics-7.bin").write_bytes(b"")
    (tmp_path / "seven.bin").write_bytes(b"")
    api.will("POST /v1/metrics", body=b"", content_type=PROTOBUF)
    assert local("send", "metrics-7.bin").exit_code == 0
    unknown = local("send", "seven.bin")
    assert unknown.exit_code == 2
    assert "--signal" in unknown.stderr


def test_a_new_key_is_alone_on_stdout(local: Run, api: FakeApi):
    api.will("POST /v1/keys", {"key_id": "5f1c08d9a2b4", "token": "opsloop_5f1c08d9a2b4_secret"}, status=201)
    result = local("keys", "create", "collector", "--scope", "ingest", "--scope", "read", "--expires", "2027-01-01")
    assert result.stdout == "opsloop_5f1c08d9a2b4_secret\n"
    assert "secret" not in result.stderr
    assert api.asked[0].headers["authorization"] == f"Bearer {KEYS['admin_key']}"
    assert json.loads(api.asked[0].body) == {
        "name": "collector",
        "scopes": ["ingest", "read"],
        "expires_at": "2027-01-01T00:00:00Z",
    }


def test_who_is_signed_in_is_listed_with_the_key_behind_it(local: Run, api: FakeApi):
    session = {"key_id": "00aa", "name": "on-call", "scopes": ["read"], "state": "valid"}
    by_key, by_person = session | {"parent_id": "5f1c"}, session | {"parent_id": None, "subject": "user-17"}
    api.will("GET /v1/keys", {"keys": [by_key, by_person]})
    rows = local("keys", "list", "--sessions").stdout.splitlines()[2:]
    assert [row.split()[-1] for row in rows] == ["5f1c", "user-17"]
    assert api.asked[0].query == {"kind": "session"}


def test_keys_are_listed_and_revoked_by_id(local: Run, api: FakeApi):
    key = {
        "key_id": "5f1c08d9a2b4",
        "name": "collector",
        "scopes": ["ingest"],
        "state": "valid",
        "created_at": "2026-11-21T08:00:00Z",
    }
    api.will("GET /v1/keys", {"keys": [key]})
    api.will("DELETE /v1/keys/5f1c08d9a2b4", status=204, body=b"")
    assert local("keys", "list").stdout.splitlines()[2].split() == [
        "5f1c08d9a2b4", "collector", "ingest", "valid", "2026-11-21T08:00:00Z",
    ]  # fmt: skip
    assert local("keys", "revoke", "5f1c08d9a2b4").stdout == "revoked key 5f1c08d9a2b4\n"
    assert local("keys", "revoke", "opsloop_5f1c08d9a2b4_secret").exit_code == 2
    assert [asked.method for asked in api.asked] == ["GET", "DELETE"]

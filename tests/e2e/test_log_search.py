"""Logs are searched, followed, traced and restored on the deployed whole, which enforces IAM: no grant is missing."""

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk.trace import TracerProvider

from opsloop.adapters.log_bucket import LogBucket
from opsloop.adapters.log_table import LogTable
from opsloop.clock import minute_of
from opsloop.log.keep import Step, changed
from opsloop.log.model import LogRecord
from tests.e2e.deployment import RUN, Deployment, wait_until
from tests.e2e.test_logs import aws_environment_of, sdk_logger

SERVICE, OLD = f"search-{RUN}", f"cold-{RUN}"
AGO = 100 + int(RUN) % 900  # days; a cloud that was kept holds the days that earlier runs restored
HOSTILE = "declined \x1b[2J\x00<script>alert(1)</script> \u202e\ue000mark\ue001"


@pytest.fixture(scope="module")
def trace_id(deployment: Deployment) -> str:
    with sdk_logger(deployment, SERVICE) as say:
        for number in range(40):
            say(SeverityNumber.INFO, f"card {number} charged")
        with TracerProvider().get_tracer("e2e").start_as_current_span("pay") as span:
            say(SeverityNumber.ERROR, HOSTILE)
            return f"{span.get_span_context().trace_id:032x}"


@pytest.fixture(scope="module")
def whole(deployment: Deployment, trace_id: str) -> Any:
    """Return the first answer that has everything."""

    def asked() -> Any:
        answer = deployment.request("GET", f"/v1/logs?service={SERVICE}&limit=25", key=deployment.stack["read_key"])
        return answer.json() if answer.status == 200 and answer.json()["total"] == 41 else None

    return wait_until("41 lines to be found", asked)


def test_lines_are_found_counted_and_paged(deployment: Deployment, whole: Any) -> None:
    assert sum(one["count"] for one in whole["counts"]["buckets"]) == 41
    assert [(one["text"], one["count"]) for one in whole["patterns"]][:1] == [("card <*> charged", 40)]
    rest = deployment.get("/v1/logs", service=SERVICE, limit="25", cursor=whole["next"])
    assert len({one["id"] for one in [*whole["hits"], *rest["hits"]]}) == 41
    assert rest["next"] is None


def test_a_hostile_line_is_data_to_the_end(deployment: Deployment, whole: Any) -> None:
    (hit,) = deployment.get("/v1/logs", service=SERVICE, q="declined")["hits"]
    assert hit["body"] == HOSTILE
    assert {"text": "declined", "is_found": True} in hit["highlights"]["body"][0]


def test_a_line_is_seen_by_whoever_follows(deployment: Deployment, whole: Any) -> None:
    after = deployment.get("/v1/logs/tail", service=SERVICE)["after"]
    seen: list[str] = []
    is_done = threading.Event()

    def follow() -> None:
        cursor = after
        while not seen and not is_done.is_set():
            found = deployment.get("/v1/logs/tail", service=SERVICE, after=cursor)
            seen.extend(one["body"] for one in found["hits"])
            cursor = found["after"]

    follower = threading.Thread(target=follow)
    follower.start()
    try:
        with sdk_logger(deployment, SERVICE) as say:
            say(SeverityNumber.WARN, "is anybody there")
        wait_until("the line", lambda: "is anybody there" in seen)
    finally:
        is_done.set()
        follower.join(60)
    assert seen == ["is anybody there"]


def test_patterns_traces_and_the_store_are_told(deployment: Deployment, whole: Any, trace_id: str) -> None:
    patterns = deployment.get("/v1/logs/patterns", service=SERVICE)["patterns"]
    assert patterns[0]["count"] == 40
    found = deployment.get(f"/v1/logs/trace/{trace_id}", service=SERVICE)
    assert [one["body"] for one in found["lines"]] == [HOSTILE]
    assert found["is_complete"]
    assert deployment.get("/v1/search")["is_ready"]


@pytest.fixture
def cold(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Keep a line of long ago, as log_keep did then; it waited for the store, and has left it since."""
    then = datetime.now(UTC).replace(minute=5, second=0, microsecond=0) - timedelta(days=AGO)
    aws_environment_of(deployment, monkeypatch)
    bucket = LogBucket(deployment.stack["log_bucket"])
    table = LogTable(deployment.stack["log_table"], bucket)
    texts = dict.fromkeys(("severity_text", "template", "trace_id", "span_id", "event_name", "scope"), "")
    record = LogRecord(
        doc_id="", time_ns=int(then.timestamp()) * 10**9, observed_ns=0, service=OLD, severity="error",
        severity_number=17, body="from another season", structure=None, attributes={}, resource={}, **texts,
    )  # fmt: skip
    hour = minute_of(then) // 60 * 60
    made = changed(table.state(OLD), "log#e2e", Step("1", 0, 0), {hour: [record]}, {}, since_s=1)
    for found, body in made.objects:
        bucket.put(found.key, body)
    table.commit(made, pattern_days=35)
    return then


def test_lines_that_have_left_the_store_are_told_and_brought_back(deployment: Deployment, cold: datetime) -> None:
    times = {"from": f"{cold:%Y-%m-%dT%H:00:00Z}", "to": f"{cold + timedelta(hours=1):%Y-%m-%dT%H:00:00Z}"}

    def asked() -> Any:
        return deployment.get("/v1/logs", service=OLD, **times)

    def has_left() -> bool:
        later = f"{datetime.now(UTC) + timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"
        deployment.invoke("log_index", time=later)
        deployment.invoke("log_restore")
        gaps = asked()["incomplete"]
        return asked()["total"] == 0 and [one["reason"] for one in gaps] == ["cold"]

    wait_until("the old line to leave the search store", has_left)
    answer = deployment.request(
        "POST",
        "/v1/logs/restore",
        key=deployment.stack["admin_key"],
        body=json.dumps({"service": OLD, **times}).encode(),
        content_type="application/json",
    )
    assert answer.status == 202, answer.body
    wait_until("S3 to have it back", lambda: deployment.invoke("log_restore")["open"] == 0)
    later = f"{datetime.now(UTC) + timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"
    found = wait_until("the old line", lambda: deployment.invoke("log_index", time=later) and asked()["hits"])
    assert [one["body"] for one in found] == ["from another season"]
    assert asked()["incomplete"] == []
    (told,) = (one for one in deployment.get("/v1/logs/restores")["restores"] if one["service"] == OLD)
    assert (told["phase"], told["objects_back"]) == ("back", 1)

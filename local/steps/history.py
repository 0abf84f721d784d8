"""Two weeks that the shop never had: its telemetry put on the stream before the live shop opens, and waited for.

The same way as everything else: Kinesis, ingest, fold. What was sent is known, so what was counted is compared with it.
"""

import gzip
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from local.console import StepFailedError, step
from local.demo.__main__ import DEFAULT_RATE, DEFAULT_SEED
from local.demo.compare import fetcher
from local.demo.history import History, Request
from local.state import StateDir
from local.steps import cloud
from local.steps.deploy import outputs

DAYS = 15
STATE = "history"
CALL_RECORDS, CALL_BYTES = 500, 4_000_000
PATIENCE_S = 300.0
POLL_S = 1.0
MINUTES_PER_DAY = 1440


def ensure_history(state: StateDir) -> None:
    """Send what of the history was not sent yet, unless a demo has already run here; wait until it is counted."""
    plan = state.read(STATE)
    if plan.get("is_done") or (not plan and state.read("first-demo")):
        return
    if not plan:
        end = int(time.time()) // 60
        first = end - DAYS * MINUTES_PER_DAY
        plan = {"first_minute": first, "sent_until": first, "counted": {}, "databases_from": end - MINUTES_PER_DAY}
    with step(f"Sending {DAYS} days of history through the stream") as say:
        send(state, plan, say, end_minute=int(time.time()) // 60)
    with step("Waiting until all of it is counted") as say:
        wait_until_counted(state, plan, say)
    with step("Closing the gap to now"):
        send(state, plan, lambda _: None, end_minute=int(time.time()) // 60)
    state.write(STATE, {**plan, "is_done": True})


def send(state: StateDir, plan: dict[str, Any], say: Any, *, end_minute: int) -> None:
    """Put the history up to ``end_minute`` on the stream; ``plan`` and its file say how far it came."""
    kinesis, stream = cloud.client(state, "kinesis"), outputs(state)["StreamName"]
    if plan.get("sending_until", 0) > plan["sent_until"]:
        end_minute = plan["sending_until"]  # of a run that was interrupted: the same stretches make the same records
    plan["sending_until"] = end_minute
    first = plan["sent_until"]
    history = History(
        seed=DEFAULT_SEED,
        rate=DEFAULT_RATE,
        first_minute=first,
        end_minute=end_minute,
        databases_from=plan.get("databases_from"),
    )
    before = dict(plan["counted"])
    items = 0
    for end, requests in history.requests():
        put(kinesis, stream, [record_of(request, end) for request in requests])
        items += sum(request.items for request in requests)
        plan["sent_until"] = end
        plan["counted"] = {name: before.get(name, 0) + count for name, count in history.counted.items()}
        state.write(STATE, plan)  # an interrupted run goes on here; what it had begun is sent again, and counts once
        say(f"{(end - first) / max(end_minute - first, 1):.0%}, {items:,} spans, points and log lines")


def record_of(request: Request, end_minute: int) -> dict[str, Any]:
    """Return the stream record of ``request``: equal content is an equal record.

    A stretch of time goes through one shard: so one fold saves each of its hours, not one of every shard.
    """
    return {"Data": gzip.compress(request.body, 1, mtime=0), "PartitionKey": f"history-{end_minute}"}


def put(kinesis: Any, stream: str, records: Sequence[dict[str, Any]]) -> None:
    """Put ``records`` on the stream, those that were refused again."""
    waiting = list(records)
    while waiting:
        size, many = 0, 0
        for record in waiting[:CALL_RECORDS]:
            size += len(record["Data"])
            if many and size > CALL_BYTES:
                break
            many += 1
        answer = kinesis.put_records(StreamName=stream, Records=waiting[:many])
        refused = [one for one, told in zip(waiting, answer["Records"], strict=False) if "ErrorCode" in told]
        waiting = refused + waiting[many:]
        if refused:
            time.sleep(0.2)


def wait_until_counted(state: StateDir, plan: dict[str, Any], say: Any) -> None:
    """Fold until the API counts exactly the requests that were sent; fail if it has other numbers when time is up."""
    deadline = time.monotonic() + PATIENCE_S
    stack = state.read("stack")
    counted: dict[str, int] = {}
    while time.monotonic() < deadline:
        invoke(state, "TelemetryFoldFunction")
        counted = {name: requests_of(stack, name, plan) for name in plan["counted"]}
        say(f"{sum(counted.values()):,} of {sum(plan['counted'].values()):,} requests")
        if counted == plan["counted"]:
            return
        time.sleep(POLL_S)
    raise StepFailedError(
        f"history counts {counted}, sent were {plan['counted']}",
        log=state.log("functions"),
        advice="read the log; `make run` waits again",
    )


def requests_of(stack: dict[str, Any], service: str, plan: dict[str, Any]) -> int:
    """Return how many requests opsloop counts for ``service`` in the history, by its days and hours."""
    fetch = fetcher(stack["api_url"], stack["read_key"])
    query = {
        "service": service,
        "resolution": "hour",
        "kpi": "requests",
        "from": iso(plan["first_minute"] // 60 * 60),
        "to": iso(-(-plan["sent_until"] // 60) * 60),
    }
    total = 0
    while True:
        page = fetch(query)
        total += sum(
            row["requests"] or 0 for row in page["rows"] if row["operation"] == "" and row["kind"] == "request"
        )
        if not page.get("next"):
            return total
        query["cursor"] = page["next"]


def invoke(state: StateDir, output: str) -> Any:
    """Start the function named by ``output`` with the event of a schedule of now; return its answer."""
    event = json.dumps({"time": datetime.now(UTC).isoformat(timespec="seconds")})
    answer = cloud.patient_client(state, "lambda").invoke(FunctionName=outputs(state)[output], Payload=event)
    text = answer["Payload"].read()
    if "FunctionError" in answer:
        raise StepFailedError(
            f"{output}: {text.decode(errors='replace')[:500]}",
            log=state.log("functions"),
            advice="read the log; then run `make run` again",
        )
    return json.loads(text or b"null")


def iso(minute: int) -> str:
    """Return ``minute`` as ISO 8601, in UTC."""
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

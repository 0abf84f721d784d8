"""What `make run` shows at last: quiet weeks without an anomaly, then a fault: found, traced to its origin, told once.

Everything happens in the deployed app: this waits, and prints what came. A fault begins where at least four minutes of
its five-minute bucket are left, so that the bucket shows it.
"""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from local.console import StepFailedError, console, step
from local.demo.fault import Fault, begin
from local.sink.show import as_text
from local.sink.store import Mail, Post, Store
from local.state import StateDir
from local.steps.history import DAYS, invoke

STATE = "story"
SERVICE = "payments"
BUCKET_S = 300
NEEDED_S = 240.0
PATIENCE_S = 720.0
POLL_S = 2.0
TIMEOUT_S = 30


def learn(state: StateDir) -> None:
    """Let the detector judge the history, and say how many anomalies it calls in it; it was quiet."""
    if state.read(STATE).get("learned"):
        return
    begun = buckets = 0
    with step(f"Judging {DAYS} days of history") as say:
        while True:
            outcome = invoke(state, "AnomalyDetectFunction")
            begun, buckets = begun + outcome.get("begun", 0), buckets + outcome.get("buckets", 0)
            say(f"{buckets:,} buckets of 5 minutes, {begun} anomalies called")
            if not outcome.get("left") and not outcome.get("overtaken"):
                break
            time.sleep(POLL_S if outcome.get("overtaken") else 0)
    state.write(STATE, {"learned": {"buckets": buckets, "begun": begun}})


def show(state: StateDir) -> None:
    """Begin the fault, wait for the anomaly, its mail and its post, and print them; once per local cloud."""
    told = state.read(STATE)
    if "told" in told:
        console.print("A fault for you to see found: `make fault`. What was told so far: `make told`.")
        return
    with step("Waiting for a good moment for a fault"):
        wait_for_room()
    fault = begin(state.read("demo")["truth_url"], service=SERVICE)
    console.print(
        f"{fault.service} is {fault.latency_factor:g} times slower now; {fault.error_ratio:.0%} of its requests fail"
    )
    anomaly = wait_for(
        "Waiting until it is called an anomaly (every 5 minutes, one minute after they end)",
        lambda: origin_of(state, fault),
        advice="`opsloop anomaly list` shows what was called; the log says what was judged",
        state=state,
    )
    messages = wait_for(
        "Waiting for the mail and the Slack post",
        lambda: messages_about(state, anomaly["anomaly_id"]),
        advice="`opsloop alert deliveries` says what became of them",
        state=state,
    )
    for message in messages:
        console.print(as_text(message), markup=False, highlight=False, soft_wrap=True)
    end_s = datetime.fromisoformat(anomaly["first_minute"]).timestamp() + BUCKET_S
    facts = {"anomaly_id": anomaly["anomaly_id"], "data_time_s": round(end_s - fault.start_s)}
    console.print(
        f"Called {facts['data_time_s']} s of data time after the fault began; origin {anomaly['service']}, "
        f"{len(anomaly['effects'])} effects: {', '.join(effects_of(state, anomaly)) or 'none'}."
    )
    state.write(STATE, {**told, "told": facts})


def wait_for_room(now: Callable[[], float] = time.time) -> None:
    """Return when enough of the bucket is left."""
    while now() % BUCKET_S > BUCKET_S - NEEDED_S:
        time.sleep(POLL_S)


def wait_for(title: str, look: Callable[[], Any], *, advice: str, state: StateDir) -> Any:
    """Return what ``look`` finds; fail with ``advice`` when time is up."""
    deadline = time.monotonic() + PATIENCE_S
    with step(title):
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            time.sleep(POLL_S)
        raise StepFailedError(f"nothing after {PATIENCE_S:.0f} s", log=state.log("functions"), advice=advice)


def origin_of(state: StateDir, fault: Fault) -> dict[str, Any] | None:
    """Return the anomaly of the faulty service that is no effect of another and began with the fault, None so far."""
    since = datetime.fromtimestamp(fault.start_s, UTC) - timedelta(seconds=BUCKET_S)
    for one in anomalies(state, state="open"):
        is_since = datetime.fromisoformat(one["last_minute"]) >= since
        if one["service"] == fault.service and one["part"] != "effect" and is_since:
            return one
    return None


def messages_about(state: StateDir, anomaly_id: str) -> list[Mail | Post]:
    """Return the first mail and the first post that name the anomaly, none until both are there."""
    named = [one for one in Store(state.sink).all() if anomaly_id in as_text(one)]
    kinds = {type(one): one for one in reversed(named)}
    return [kinds[Mail], kinds[Post]] if len(kinds) > 1 else []


def effects_of(state: StateDir, origin: dict[str, Any]) -> list[str]:
    """Return the effects of ``origin`` as service and measure."""
    return [
        f"{one['service']} {one['measure']}" for one in anomalies(state) if one["origin_id"] == origin["anomaly_id"]
        and one["anomaly_id"] != origin["anomaly_id"]
    ]  # fmt: skip


def anomalies(place: StateDir, **query: str) -> list[dict[str, Any]]:
    """Return the anomalies that the API knows of."""
    stack = place.read("stack")
    request = urllib.request.Request(f"{stack['api_url']}/v1/anomalies?{urllib.parse.urlencode(query)}")
    request.add_header("Authorization", f"Bearer {stack['read_key']}")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        found: list[dict[str, Any]] = json.load(answer)["anomalies"]
    return found

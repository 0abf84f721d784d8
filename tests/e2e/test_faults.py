"""Killing the local cloud, its pump and its workers amid traffic loses nothing acknowledged and counts nothing twice.

``OPSLOOP_KILL_SPANS`` says how many spans are sent meanwhile.
"""

import os
import random
import signal
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.deployment import RUN, Deployment, wait_until
from tests.e2e.processes import processes_of, workers_of
from tests.e2e.sender import PatientSender, Truth, bodies_like, bodies_of, make_spans

SERVICE = f"e2e-faults-{RUN}"
SPANS = int(os.environ.get("OPSLOOP_KILL_SPANS", "200000"))
SENDERS, SPANS_PER_BODY = 4, 1_000
BODIES_PER_SENDER = max(1, SPANS // SENDERS // SPANS_PER_BODY)
PAUSE_S = 20.0 / BODIES_PER_SENDER  # however few there are, sending takes long enough for some kills
MOST_KILLS = 14  # so that it ends on a slow machine, too: what a kill costs there is longer than the pause to the next
PLAN = ("worker", "cloud", "worker", "pump", "worker", "worker", "cloud", "worker", "worker", "pump")


def test_kills_in_the_middle_of_traffic_leave_counts_exact(deployment: Deployment, capsys):
    hour = (datetime.now(UTC) - timedelta(hours=6)).replace(minute=0, second=0, microsecond=0)
    before = _segments(deployment)
    start_s, one = int(hour.timestamp()), Truth()
    spans = make_spans(SERVICE, count=SPANS_PER_BODY, start_s=start_s, spread_s=3600, seed=1, truth=one)
    senders = [
        PatientSender(
            deployment,
            bodies_like(spans, number=BODIES_PER_SENDER, seed=number),
            encoding="gzip",
            pause_s=PAUSE_S,
        )
        for number in range(SENDERS)
    ]
    times_sent = SENDERS * BODIES_PER_SENDER
    sent = one.requests.total() * times_sent
    for sender in senders:
        sender.start()
    kills = _kill_at_random_until_sent(deployment, senders)
    assert all(sender.acknowledged == len(sender.bodies) for sender in senders)
    times = {"from": hour.isoformat(), "to": (hour + timedelta(hours=1)).isoformat()}

    def settled() -> dict[str, Any] | None:
        deployment.invoke("telemetry_fold")
        if not deployment.is_known(SERVICE):
            return None
        (row,) = deployment.kpi_rows(SERVICE, resolution="hour", **times)
        return row if (row["requests"] or 0) >= sent else None

    row = wait_until("all requests to be counted", settled)
    with capsys.disabled():
        _print_table(_segments(deployment) - before, kills, senders, sent, row)
    assert row["requests"] == sent
    assert row["errors"] == one.errors.total() * times_sent
    for operation, requests in one.requests.items():
        (by_operation,) = deployment.kpi_rows(SERVICE, operation=operation, resolution="hour", **times)
        assert by_operation["requests"] == requests * times_sent, operation
    assert kills["cloud"] >= 2
    assert kills["worker"] >= 2


def test_a_request_sent_again_after_its_shard_was_split_counts_once(deployment: Deployment):
    """The emulator forgets a parent's records when it is split: it is split when all of them were read."""
    service, hour = f"e2e-split-{RUN}", (datetime.now(UTC) - timedelta(hours=5)).replace(minute=0, second=0)
    hour, truth = hour.replace(microsecond=0), Truth()
    spans = make_spans(service, count=50, start_s=int(hour.timestamp()), spread_s=3600, seed=2, truth=truth)
    (body,) = bodies_of(spans, per_body=50)
    times = {"from": hour.isoformat(), "to": (hour + timedelta(hours=1)).isoformat()}

    def counted() -> int | None:
        deployment.invoke("telemetry_fold")
        if not deployment.is_known(service):
            return None
        (row,) = deployment.kpi_rows(service, resolution="hour", **times)
        return row["requests"]

    assert deployment.post("traces", body).status == 200
    assert wait_until("the request to be counted", counted) == 50
    kinesis, name = deployment.client("kinesis"), deployment.stack["stream_name"]
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        first, last = (int(shard["HashKeyRange"][f"{side}HashKey"]) for side in ("Starting", "Ending"))
        middle = str((first + last) // 2)
        kinesis.split_shard(StreamName=name, ShardToSplit=shard["ShardId"], NewStartingHashKey=middle)
    before = _segments(deployment)["duplicates"]
    assert deployment.post("traces", body).status == 200
    wait_until("the repetition to be told", lambda: _segments(deployment)["duplicates"] > before)
    assert counted() == 50


def _kill_at_random_until_sent(deployment: Deployment, senders: list[PatientSender]) -> Counter[str]:
    """Kill -9 the cloud, the pump or one Lambda worker every few seconds while senders send; return how often each."""
    chance, pause, kills = random.Random(3), threading.Event(), Counter[str]()
    while any(sender.is_alive() for sender in senders):
        pause.wait(1.5 + 3.0 * chance.random())
        if kills.total() == MOST_KILLS:
            continue
        kind = PLAN[kills.total() % len(PLAN)]
        pids = (
            workers_of(deployment.state_dir) if kind == "worker" else processes_of(deployment.state_dir).get(kind, [])
        )
        if pids:
            os.kill(chance.choice(pids), signal.SIGKILL)
            kills[kind] += 1
    return kills


def _print_table(
    segments: Counter[str], kills: Counter[str], senders: list[PatientSender], sent: int, row: dict[str, Any]
) -> None:
    rows = {
        **{f"kills of {kind}": kills[kind] for kind in ("worker", "pump", "cloud")},
        "requests sent, each until it was acknowledged": sum(len(sender.bodies) for sender in senders),
        "requests sent again": sum(sender.repeats for sender in senders),
        "answers other than 200": sum(sum(sender.refusals.values()) for sender in senders),
        "records in the logs": segments["records"],
        "segments": segments["segments"],
        "duplicates suppressed": segments["duplicates"],
        "spans sent": sent,
        "spans counted": row["requests"],
    }
    print()
    for name, number in rows.items():
        print(f"  {name:46} {number:>9,}")


def _segments(deployment: Deployment) -> Counter[str]:
    """Return what all log items say that they hold."""
    found: Counter[str] = Counter()
    pages = (
        deployment.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=deployment.stack["telemetry_table"],
            FilterExpression="begins_with(pk, :log)",
            ExpressionAttributeValues={":log": {"S": "log#"}},
        )
    )
    for item in (item for page in pages for item in page["Items"]):
        found["segments"] += 1
        for name in ("records", "duplicates"):
            found[name] += int(item[name]["N"])
    return found

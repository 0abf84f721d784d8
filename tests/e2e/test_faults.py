"""Killing the local cloud or its workers amid traffic loses nothing acknowledged and counts nothing twice."""

import os
import random
import signal
import threading
from datetime import UTC, datetime, timedelta

from tests.e2e.deployment import RUN, Deployment, wait_until
from tests.e2e.processes import processes_of, workers_of
from tests.e2e.sender import PatientSender, Truth, bodies_of, make_spans

SERVICE = f"e2e-faults-{RUN}"
SENDERS, SPANS_PER_SENDER, SPANS_PER_BODY = 3, 2000, 40


def test_kills_in_the_middle_of_traffic_leave_counts_exact(deployment: Deployment, capsys):
    hour = (datetime.now(UTC) - timedelta(hours=6)).replace(minute=0, second=0, microsecond=0)
    truth, senders = Truth(), []
    for number in range(SENDERS):
        spans = make_spans(
            SERVICE, count=SPANS_PER_SENDER, start_s=int(hour.timestamp()), spread_s=3600, seed=number, truth=truth
        )
        senders.append(PatientSender(deployment, bodies_of(spans, per_body=SPANS_PER_BODY)))
    for sender in senders:
        sender.start()
    kills = _kill_at_random_until_sent(deployment, senders)
    assert all(sender.acknowledged == len(sender.bodies) for sender in senders)
    assert kills["cloud"] >= 2
    assert kills["worker"] >= 2
    times = {"from": hour.isoformat(), "to": (hour + timedelta(hours=1)).isoformat()}

    def settled() -> dict[str, object] | None:
        deployment.invoke("telemetry_fold")
        if not deployment.is_known(SERVICE):
            return None
        (row,) = deployment.kpi_rows(SERVICE, resolution="hour", **times)
        return row if (row["requests"] or 0) >= truth.requests.total() else None

    row = wait_until("all requests to be counted", settled)
    with capsys.disabled():
        repeats = sum(sender.repeats for sender in senders)
        print(f"\n  kills: {kills}; re-sends: {repeats}; sent {truth.requests.total()}, counted {row['requests']}")
    assert row["requests"] == truth.requests.total()
    assert row["errors"] == truth.errors.total()
    for operation, requests in truth.requests.items():
        (by_operation,) = deployment.kpi_rows(SERVICE, operation=operation, resolution="hour", **times)
        assert by_operation["requests"] == requests, operation


def _kill_at_random_until_sent(deployment: Deployment, senders: list[PatientSender]) -> dict[str, int]:
    """Kill -9 the cloud or one Lambda worker every few seconds while senders send; return how often each."""
    chance, pause, kills = random.Random(3), threading.Event(), {"cloud": 0, "worker": 0, "pump": 0}
    plan = ["worker", "cloud", "pump", "worker", "cloud", "worker", "worker"]
    while any(sender.is_alive() for sender in senders):
        pause.wait(1.0 + 2.0 * chance.random())
        if sum(kills.values()) >= len(plan):
            continue
        kind = plan[sum(kills.values())]
        pids = (
            workers_of(deployment.state_dir) if kind == "worker" else processes_of(deployment.state_dir).get(kind, [])
        )
        for pid in pids[:1] if kind != "worker" else [chance.choice(pids)] if pids else []:
            os.kill(pid, signal.SIGKILL)
            kills[kind] += 1
    return kills

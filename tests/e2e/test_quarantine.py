"""What could not be read counts once it can be, and once only: through the gateway, with the rights of the function."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.deployment import RUN, Deployment, wait_until
from tests.e2e.sender import Truth, bodies_of, make_spans

SERVICE = f"e2e-quarantine-{RUN}"
REFUSED, CUT_OFF = 30, 40


@pytest.fixture(scope="module")
def hour() -> datetime:
    """An hour that is closed, so that its KPIs have to be computed again."""
    return (datetime.now(UTC) - timedelta(hours=5)).replace(minute=0, second=0, microsecond=0)


@pytest.fixture(scope="module")
def bodies(hour: datetime) -> tuple[bytes, bytes]:
    spans = make_spans(
        SERVICE, count=REFUSED + CUT_OFF, start_s=int(hour.timestamp()), spread_s=3600, seed=3, truth=Truth()
    )
    (refused,), (cut_off,) = (bodies_of(part, per_body=100) for part in (spans[:REFUSED], spans[REFUSED:]))
    return refused, cut_off


def replay(deployment: Deployment, **wish: Any) -> list[str]:
    body, key = json.dumps(wish).encode(), deployment.stack["admin_key"]
    answer = deployment.request("POST", "/v1/quarantine/replay", key=key, body=body, content_type="application/json")
    assert answer.status == 200, answer.body.decode()
    return [one["result"] for one in answer.json()["results"]]


def requests(deployment: Deployment, hour: datetime) -> int:
    deployment.invoke("telemetry_fold")
    if not deployment.is_known(SERVICE):
        return 0
    until = (hour + timedelta(hours=1)).isoformat()
    rows = deployment.kpi_rows(SERVICE, resolution="hour", **{"from": hour.isoformat(), "to": until})
    return sum(int(row["requests"] or 0) for row in rows if row["complete"])


def test_a_body_that_was_refused_and_a_record_that_was_cut_off_count_in_full_and_once(
    deployment: Deployment, hour: datetime, bodies: tuple[bytes, bytes]
):
    refused, cut_off = bodies
    garbled = b"\xff" + refused
    assert deployment.post("traces", garbled).status == 400
    deployment.client("kinesis").put_record(
        StreamName=deployment.stack["stream_name"], Data=cut_off[:-3], PartitionKey="anybody"
    )

    def listed() -> list[dict[str, Any]] | None:
        objects = deployment.get("/v1/quarantine", limit="1000")["objects"]
        mine = [one for one in objects if one["size_bytes"] == len(garbled) or one["part"] == "part"]
        return mine if len(mine) >= 2 else None

    objects = {one["part"]: one for one in wait_until("both objects", listed)}
    whole = objects["whole"]["key"]
    assert replay(deployment, keys=[whole]) == ["still_unreadable"]
    mended = base64.b64encode(refused).decode()
    with ThreadPoolExecutor(6) as pool:
        results = [
            one for told in pool.map(lambda _: replay(deployment, key=whole, body=mended), range(6)) for one in told
        ]
    assert sorted(results) == ["already_replayed"] * 5 + ["replayed"]
    counted = wait_until(
        "the good part and the mended body", lambda: requests(deployment, hour) >= REFUSED + CUT_OFF - 1
    )
    assert counted
    assert requests(deployment, hour) == REFUSED + CUT_OFF - 1  # but for the span that was cut off


def test_showing_and_giving_bytes_back_need_the_admin_key(deployment: Deployment):
    (one, *_) = deployment.get("/v1/quarantine", state="all", limit="1")["objects"]
    for path in ("item", "body"):
        for key, status in (("read_key", 403), ("admin_key", 200)):
            answer = deployment.request("GET", f"/v1/quarantine/{path}?key={one['key']}", key=deployment.stack[key])
            assert answer.status == status
    assert len(answer.body) == one["size_bytes"]

"""opsloop search: what is asked, and how the progress of a rebuild reads."""

import json

from tests.unit.cli.conftest import KEYS, Run
from tests.unit.cli.fake_api import FakeApi

FOUND = {
    "index": "logs",
    "from": "2026-11-01",
    "to": "2026-11-03",
    "requested_at": "2026-11-21T08:30:00Z",
    "phase": "filling",
    "objects_marked": 1200,
    "objects_waiting": 1000,
    "is_waiting_exact": False,
}


def test_a_rebuild_is_asked_for_with_the_admin_key(local: Run, api: FakeApi) -> None:
    api.will("POST /v1/search/rebuild", FOUND, status=202)
    done = local("search", "rebuild", "--from", "2026-11-01", "--to", "2026-11-03")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "logs of 2026-11-01 to 2026-11-03: filling")
    (asked,) = api.asked
    assert json.loads(asked.body) == {"index": "logs", "from": "2026-11-01", "to": "2026-11-03"}
    assert asked.headers["authorization"] == f"Bearer {KEYS['admin_key']}"


def test_progress_says_what_still_waits(local: Run, api: FakeApi) -> None:
    api.will("GET /v1/search/rebuild", FOUND)
    assert "1200 objects marked, 1000 or more wait" in local("search", "progress").stdout
    assert json.loads(local("search", "progress", "--json").stdout) == FOUND

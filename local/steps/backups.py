"""The first backups of the demo's databases: asked for as a person would, proven by a real restore, and told.

Everything happens in the deployed app: a request at the API, a dump in the bucket, a restore by the function that its
arrival starts. This waits, and says what could be recovered.
"""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local.console import StepFailedError, console, step
from local.state import StateDir
from local.steps import databases

STATE = "backups"
PATIENCE_S = 960.0  # one that was killed while it dumped keeps the others out for a quarter of an hour
POLL_S = 1.0
TIMEOUT_S = 30


def begin(state: StateDir) -> None:
    """Ask for a dump of each database, unless they were told of, or what an earlier run asked for is on its way."""
    known = state.read(STATE)
    if known.get("told"):
        return
    asked: dict[str, str] = known.get("asked", {})
    for name in (one.name for one in databases.catalogued()):
        if name not in asked or not _ask(state, "read_key", f"/{name}")["takes"]:
            asked[name] = _ask(state, "admin_key", f"/{name}/take", method="POST")["slot"]
    state.write(STATE, {"asked": asked})


def show(state: StateDir) -> None:
    """Wait until a dump of each database is proven, and print what could be recovered; once per local cloud."""
    known = state.read(STATE)
    if known.get("told"):
        console.print("What could be recovered at this moment: `opsloop backup list`.")
        return
    with step("Waiting for a dump of each database to be proven") as say:
        proven = wait_until_proven(state, known["asked"], say)
    for name, dump in proven.items():
        console.print(as_line(name, dump), markup=False, highlight=False, soft_wrap=True)
    state.write(STATE, {**known, "told": {name: dump["dump_id"] for name, dump in proven.items()}})


def wait_until_proven(state: StateDir, asked: Mapping[str, str], say: Any) -> dict[str, dict[str, Any]]:
    """Return the first dump of each database since it was asked for; fail if one is not proven, or time is up."""
    deadline = time.monotonic() + PATIENCE_S
    found: dict[str, dict[str, Any]] = {}
    while time.monotonic() < deadline:
        for name in asked.keys() - found.keys():
            dump = judged_dump(state, name, since=asked[name])
            if dump:
                found[name] = dump
        say(f"{len(found)} of {len(asked)}")
        if found.keys() == asked.keys():
            return {name: found[name] for name in asked}
        time.sleep(POLL_S)
    missing = ", ".join(name for name in asked if name not in found)
    raise StepFailedError(
        f"no proven dump of {missing} after {PATIENCE_S:.0f} s: {standing(state, missing.partition(',')[0])}",
        log=state.log("functions"),
        advice="read the log; `opsloop backup list` shows how far it is, `make run` waits again",
    )


def judged_dump(state: StateDir, name: str, *, since: str) -> dict[str, Any] | None:
    """Return the newest dump of ``name`` since then that was verified, None so far; fail if it is not proven."""
    query = urllib.parse.urlencode({"from": since, "limit": 5})
    dumps: list[dict[str, Any]] = _ask(state, "read_key", f"/{name}/dumps?{query}")["dumps"]
    for dump in dumps:
        if dump["verdict"] == "proven":
            return dump
        if dump["verdict"]:
            raise StepFailedError(
                f"the dump of {name} is not proven: {dump['verdict']}, {dump['reason']}",
                log=state.log("functions"),
                advice=f"`opsloop backup history {name}` says what was found",
            )
    return None


def standing(state: StateDir, name: str) -> str:
    """Return how far the dump that was asked for is, in words."""
    takes = _ask(state, "read_key", f"/{name}")["takes"]
    return "; ".join(f"{one['state']}, attempt {one['attempts']}, {one['why'] or 'no error'}" for one in takes) or (
        "it was taken, and not verified yet"
    )


def as_line(name: str, dump: Mapping[str, Any]) -> str:
    """Return one sentence on a proven dump."""
    taken_at = datetime.fromisoformat(dump["taken_at"]).astimezone(UTC)
    size = f"{(dump['size_bytes'] or 0) / 1e6:.0f} MB in a dump of {dump['bytes'] / 1e6:.1f} MB"
    proof = f"{dump['verdict']} by a restore in {dump['restore_s'] or 0.0:.1f} s"
    return f"  {name:9} {dump['rows']:,} rows, {size}: {proof}; all of {taken_at:%H:%M:%S} UTC could be recovered"


def _ask(state: StateDir, key: str, path: str, *, method: str = "GET") -> Any:
    stack = state.read("stack")
    request = urllib.request.Request(f"{stack['api_url']}/v1/backups{path}", method=method)
    request.add_header("Authorization", f"Bearer {stack[key]}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise StepFailedError(
            f"{method} /v1/backups{path}: {error.code} {error.read().decode(errors='replace')[:500]}",
            log=state.log("functions"),
            advice="read the log; then run `make run` again",
        ) from error

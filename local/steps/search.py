"""Where the local cloud searches: a file (the default), a real OpenSearch on loopback, or nowhere."""

import shutil
import time
import urllib.error
import urllib.request

from local.console import StepFailedError, console, step
from local.opensearch.build import BuildFailedError, MissingToolError, ensure_built
from local.processes import Identity, is_alive
from local.state import LOOPBACK, StateDir, free_port, is_free

EMBEDDED, OPENSEARCH, NONE = "embedded", "opensearch", "none"
INDEX_PREFIX = "opsloop-local"  # of the stage, as the stacks put it behind the endpoint
KINDS = (EMBEDDED, OPENSEARCH, NONE)
START_TIMEOUT_S = 300.0
POLL_S = 0.2


def choose(state: StateDir, kind: str) -> None:
    """Remember where to search: ``kind``, or as before if it is empty; build OpenSearch if it is that.

    Raises ``StepFailedError`` where Java or Maven are missing.
    """
    before = state.read("search")
    kind = kind or before.get("kind", EMBEDDED)
    chosen = {"kind": kind}
    if kind == OPENSEARCH:
        with step("Building OpenSearch"):
            try:
                chosen["built"] = str(ensure_built())
            except (MissingToolError, BuildFailedError) as error:
                raise StepFailedError(str(error), advice="`make run SEARCH=embedded` needs neither") from error
        chosen["port"] = str(_port(state, int(before.get("port", 0))))
        chosen["java"] = shutil.which("java") or "java"
    state.write("search", chosen)
    if before and before["kind"] != kind:
        console.print(f"Searching now in {kind}: `opsloop search rebuild` fills it with what was kept before.")


def endpoint(state: StateDir) -> str:
    """Return what the stacks are given as the context ``search``."""
    chosen = state.read("search")
    kind = chosen.get("kind", EMBEDDED)
    if kind == OPENSEARCH:
        return f"http://{LOOPBACK}:{chosen['port']}"
    return NONE if kind == NONE else f"file://{state.root}/search/search.db"


def told(state: StateDir) -> str:
    """Return the endpoint as functions have it, for scripts; "" if there is none.

    Not the stacks' output: the emulator keeps the old one where nothing but an output has changed.
    """
    place = endpoint(state)
    return f"{place}/{INDEX_PREFIX}" if place.startswith("http") else place.removeprefix(NONE)


def _port(state: StateDir, before: int) -> int:
    """Return the port of the last run unless somebody else has taken it; a node that was left running is ours."""
    recorded = state.read("processes").get(OPENSEARCH)
    is_ours = recorded is not None and is_alive(Identity(**recorded))
    return before if before and (is_ours or is_free(before)) else free_port()


def services(state: StateDir) -> tuple[str, ...]:
    """Return the services that searching needs beside the cloud."""
    return (OPENSEARCH,) if state.read("search").get("kind") == OPENSEARCH else ()


def wait_until_ready(state: StateDir) -> None:
    """Wait until OpenSearch answers, where it is what searches."""
    if not services(state):
        return
    with step("Starting OpenSearch"):
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _is_ready(endpoint(state)):
            if time.monotonic() > deadline:
                raise StepFailedError(
                    "OpenSearch does not answer",
                    log=state.log(OPENSEARCH),
                    advice="`make stop`, then `make run`; `make run SEARCH=embedded` goes without",
                )
            time.sleep(POLL_S)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_cluster/health?wait_for_status=yellow&timeout=1s", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False

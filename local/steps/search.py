"""Where the local cloud searches: a file (the default), a real OpenSearch on loopback, or nowhere."""

import shutil
import time
import urllib.error
import urllib.request

from local.console import StepFailedError, console, step
from local.opensearch.build import BuildFailedError, MissingToolError, ensure_built
from local.state import LOOPBACK, StateDir, free_port, is_free
from local.steps import cloud

EMBEDDED, OPENSEARCH, NONE = "embedded", "opensearch", "none"
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
        port = before.get("port")
        is_ours = cloud.is_supervised(state) and OPENSEARCH in state.read("wanted").get("services", [])
        chosen["port"] = str(port if port and (is_ours or is_free(int(port))) else free_port())
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

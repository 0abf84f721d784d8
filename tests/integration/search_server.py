"""Both search stores for tests: the embedded one in a file, and a real OpenSearch that is built and started once.

Tests that use OpenSearch run on one worker, which starts it; where Java or Maven are missing they are skipped, and
`make test` says so.
"""

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from local.opensearch.build import MissingToolError, check_tools, command, ensure_built
from local.state import LOOPBACK, free_port
from opsloop.adapters.search_store import open_search
from opsloop.search import SearchStore

START_TIMEOUT_S = 300.0  # a machine that runs much else at once
STOP_TIMEOUT_S = 30.0
PAUSE_S = 0.2  # between two questions whether it has started: it needs the processor itself
SHORT_LIFE = "-XX:TieredStopAtLevel=1"  # what runs for a minute is not worth optimising: half of its processor time
ON_OPENSEARCH = pytest.mark.xdist_group("opensearch")
STORES = ["embedded", pytest.param("opensearch", marks=ON_OPENSEARCH)]
_numbers = count(1)


@dataclass(frozen=True)
class OneStore:
    """A store, its endpoint, and ``settle``, after which everything that was put is found."""

    store: SearchStore
    endpoint: str
    settle: Callable[[], None]


@pytest.fixture(scope="session")
def opensearch_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of an OpenSearch of this worker's own, with little memory."""
    try:
        check_tools()
    except MissingToolError as error:
        pytest.skip(f"OpenSearch itself is not tested here: {error}")
    home, port = tmp_path_factory.mktemp("opensearch"), free_port()
    java, *words = command(ensure_built(), home, port, heap="256m")
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [java, SHORT_LIFE, *words], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
    url = f"http://{LOOPBACK}:{port}"
    try:
        _wait_for(url, process, home / "log")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_cluster/health?wait_for_status=yellow&timeout=5s", timeout=10):
                return
        except (urllib.error.URLError, OSError):
            with suppress(subprocess.TimeoutExpired):
                process.wait(PAUSE_S)
    pytest.fail(f"OpenSearch does not answer:\n{log.read_text(errors='replace')[-4000:]}")


@pytest.fixture(params=STORES)
def tested(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OneStore]:
    """Return each store in turn, with nothing in it."""
    yield from one_store(request, tmp_path)


def one_store(request: pytest.FixtureRequest, folder: Path) -> Iterator[OneStore]:
    """Yield the store that the parameter names, with nothing in it, and remove what was put into it."""
    if request.param == "embedded":
        endpoint = f"file://{folder}/search.db"
        one = OneStore(open_search(endpoint, prefix="test"), endpoint, lambda: None)
    else:
        url = request.getfixturevalue("opensearch_url")
        endpoint = f"{url}/test{next(_numbers)}"  # a prefix that nobody else has
        one = OneStore(open_search(endpoint, prefix="unused"), endpoint, lambda: _send("POST", f"{url}/_refresh"))
    yield one
    one.store.close()  # type: ignore[attr-defined] -- not of the port: handlers live as long as their process
    if request.param == "opensearch":
        _send("DELETE", f"{endpoint}-*")


def _send(method: str, url: str) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30):
        pass

"""The two search stores side by side: ``python -m bench.search [--documents N]``.

The embedded store in a file and, where Java and Maven are, a real OpenSearch on loopback with 512 MB, both in one run
on the same log-like documents. Wall time, since OpenSearch works in a process of its own; only ratios carry over to
another machine.
"""

import argparse
import random
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local.opensearch.build import MissingToolError, check_tools, command, ensure_built
from local.state import free_port
from opsloop.adapters.search_store import open_search
from opsloop.search import Document, IndexSpec, Kind, Query, SearchStore

DOCUMENTS, BATCH, ROUNDS, SEED = 50_000, 1_000, 40, 7
S = 1_000_000_000
START = 1_795_219_200 * S  # 2026-11-21T00:00Z
SPEC = IndexSpec(
    "bench",
    {
        "at": Kind.TIME,
        "service": Kind.KEYWORD,
        "severity": Kind.KEYWORD,
        "template": Kind.KEYWORD,
        "trace_id": Kind.KEYWORD,
        "body": Kind.TEXT,
        "attributes": Kind.OBJECT,
    },
    "at",
)
LINES = (
    "GET /v1/checkout/{n} answered {s} in {m} ms for user-{u}",
    "com.shop.cart.CartService: order ord-{n} reserved {m} items in warehouse {u}",
    "payment provider timed out after {m} ms, attempt {u} of 5, order ord-{n}",
    "connection pool at {u} % ({m} of 200 connections), waiting requests: {n}",
)
START_TIMEOUT_S = 300.0


def documents(number: int) -> list[Document]:
    """Return log-like documents over one day, always the same."""
    chance = random.Random(SEED)
    made = []
    for place in range(number):
        template = chance.randrange(len(LINES))
        status = chance.choice([200, 200, 200, 404, 500, 502])
        body = LINES[template].format(
            n=chance.randrange(9_000), s=status, m=chance.randrange(900), u=chance.randrange(90)
        )
        content = {
            "at": START + place * 86_400 * S // number,
            "service": chance.choice(["web", "orders", "payments", "stock"]),
            "severity": "error" if status >= 500 else "info",
            "template": f"t{template}",
            "trace_id": f"{chance.getrandbits(128):032x}",
            "body": body,
            "attributes": {"http.status_code": status, "http.route": "/v1/checkout", "user.id": chance.randrange(500)},
        }
        made.append(Document(f"logs/shop/2026-11-21/{place:08}", content))
    return made


def questions(store: SearchStore, sample: Document) -> dict[str, Callable[[], object]]:
    """Return what people ask of logs, by name."""
    hours = {"at": (START + 6 * 3_600 * S, START + 9 * 3_600 * S)}
    some = Query({"service": ["payments"]}, hours, "timed out")
    return {
        "newest 100 of a service": lambda: store.search(SPEC, Query({"service": ["web"]})),
        "two words, newest 100": lambda: store.search(SPEC, some),
        "a phrase by relevance": lambda: store.search(SPEC, Query(text='"payment provider"'), order="relevance"),
        "name=value, errors": lambda: store.search(SPEC, Query({"severity": ["error"]}, {}, "user.id=42")),
        "one trace": lambda: store.search(SPEC, Query({"trace_id": [sample.content["trace_id"]]})),
        "counts by minute and severity": lambda: store.counts(SPEC, some, interval_ns=60 * S, group_by="severity"),
        "counts of a day by hour": lambda: store.counts(SPEC, Query(), interval_ns=3_600 * S, group_by="severity"),
        "top templates": lambda: store.top(SPEC, Query({}, hours), field="template", size=10),
    }


def measured(ask: Callable[[], object]) -> tuple[float, float]:
    """Return the median and the 95th percentile of some rounds, in ms."""
    took = []
    ask()
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        ask()
        took.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(took), statistics.quantiles(took, n=20)[-1]


def filled(store: SearchStore, made: list[Document]) -> tuple[float, float]:
    """Put the documents; return how many per second, and after how many seconds the last one was found."""
    begin = time.perf_counter()
    for start in range(0, len(made), BATCH):
        store.put(SPEC, made[start : start + BATCH])
    put_s = time.perf_counter() - begin
    while store.count(SPEC, Query()) < len(made):
        time.sleep(0.01)
    return len(made) / put_s, time.perf_counter() - begin - put_s


@contextmanager
def opensearch(folder: Path) -> Iterator[str]:
    """Run OpenSearch; give its URL, or "" where it cannot run."""
    try:
        check_tools()
    except MissingToolError as error:
        print(f"OpenSearch is not measured: {error}")
        yield ""
        return
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command(ensure_built(), folder, port), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_cluster/health", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    made = documents(parser.parse_known_args()[0].documents)
    with tempfile.TemporaryDirectory() as scratch, opensearch(Path(scratch)) as url:
        stores = {"embedded": open_search(f"file://{scratch}/search.db", prefix="bench")}
        if url:
            stores["OpenSearch"] = open_search(url, prefix="bench")
        rates = {name: filled(store, made) for name, store in stores.items()}
        asked = {name: questions(store, made[len(made) // 2]) for name, store in stores.items()}
        print(f"| {len(made):,} documents | {' | '.join(stores)} | embedded / OpenSearch |")
        print(f"| --- | {' | '.join('---:' for _ in stores)} | ---: |")
        row("put, documents/s", {name: rate for name, (rate, _) in rates.items()}, ",.0f")
        row("the last one is found after, s", {name: after for name, (_, after) in rates.items()}, ".2f")
        for question in asked["embedded"]:
            times = {name: measured(of[question]) for name, of in asked.items()}
            row(f"{question}: median, ms", {name: median for name, (median, _) in times.items()}, ".1f")
            row(f"{question}: p95, ms", {name: high for name, (_, high) in times.items()}, ".1f")
        for store in stores.values():
            store.close()  # type: ignore[attr-defined]


def row(what: str, values: dict[str, float], form: str) -> None:
    """Print one row, with the ratio where both stores were measured."""
    ratio = f"{values['embedded'] / values['OpenSearch']:.2f}" if len(values) == 2 else ""
    print(f"| {what} | {' | '.join(format(value, form) for value in values.values())} | {ratio} |")


if __name__ == "__main__":
    main()

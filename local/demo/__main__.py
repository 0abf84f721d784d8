"""``python -m local.demo``: run the shop and its visitors until SIGTERM, and serve the truth about them."""

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local.database.server import FACTS, read_facts
from local.demo.fault import read_fault
from local.demo.housekeeping import Housekeeper
from local.demo.load import Load
from local.demo.service import LOOPBACK
from local.demo.shop import Shop
from local.demo.telemetry import Destination
from local.demo.truth import Truth
from local.state import StateDir

DRAIN_S = 1.0
FLUSH_S = 3.0
POLL_S = 0.1
DEFAULT_SEED = 20261121
DEFAULT_RATE = 1.0

logger = logging.getLogger("local.demo")


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return 0, or 1 when some telemetry was never acknowledged."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    stack = json.loads((options.state_dir / "stack.json").read_text())
    truth = Truth(started_ns=time.time_ns())
    destination = Destination(stack["api_url"], stack["ingest_key"])
    state = StateDir(options.state_dir)
    database = (lambda name: address(state, name)) if state.read(FACTS) else None
    shop = Shop(destination, truth, seed=options.seed, prefix=options.prefix, database=database)
    shop.start()
    if database:
        Housekeeper(database).start()
    server = serve_truth(truth, shop)
    load = None if options.services_only else Load(shop.web.port, seed=options.seed, rate=options.rate)
    if load:
        load.start()
    _write(options.state_dir / "demo.json", _description(options, shop, server))
    logger.info("shop open at %s, truth at http://%s:%d/truth", shop.web.url, *server.server_address[:2])

    wait(stop, options.duration)
    if load:
        load.stop(timeout_s=DRAIN_S)
        if load.turned_away:
            logger.warning("%d visitors turned away: the shop was too slow", load.turned_away)
    shop.stop()
    close(shop, timeout_s=FLUSH_S)
    snapshot = truth.snapshot()
    _write(options.state_dir / "demo-truth.json", snapshot)
    return report(snapshot["delivery"])


def address(state: StateDir, name: str) -> str:
    """Return how the service ``name`` connects to its database, as the state directory says at this moment.

    Raises
    ------
    OSError
        If the database is being made and not filled yet.
    """
    facts = read_facts(state)
    if facts is None:
        raise OSError("it is not filled yet")
    return facts.dsn(name, name)


def wait(stop: threading.Event, duration_s: float | None) -> None:
    """Return when ``stop`` is set or the time is over.

    In short sleeps: Python runs signal handlers between two steps of this thread, so one that comes just before an
    endless wait would be seen by nobody, and one that comes inside ``stop.wait`` would wait for its own lock.
    """
    end = None if duration_s is None else time.monotonic() + duration_s
    while not stop.is_set() and (end is None or time.monotonic() < end):
        time.sleep(POLL_S)


def serve_truth(truth: Truth, shop: Shop) -> ThreadingHTTPServer:
    """Serve ``GET /truth`` and ``POST /fault`` on a free loopback port."""

    class TruthHandler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.partition("?")[0] == "/truth":
                self._answer(200, truth.snapshot())
            else:
                self._answer(404, {"error": "only /truth is here"})

        def do_POST(self) -> None:
            if self.path != "/fault":
                self._answer(404, {"error": "only /fault is here"})
                return
            services = {service.name: service for service in shop.services}
            try:
                content = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"{}")
                fault = read_fault(content, services, time.time())
            except ValueError as error:
                self._answer(400, {"error": str(error)})
                return
            services[fault.service].fault = fault
            truth.note_fault(asdict(fault))
            logger.info("fault in %s until %.0f", fault.service, fault.end_s)
            self._answer(200, asdict(fault))

        def _answer(self, status: int, content: Any) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((LOOPBACK, 0), TruthHandler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="truth", daemon=True).start()
    return server


def close(shop: Shop, *, timeout_s: float) -> None:
    """Flush and close all telemetry side by side, waiting no longer than ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    for service in shop.services:
        service.telemetry.begin_closing()
    threads = [
        threading.Thread(target=closer, daemon=True)
        for service in shop.services
        for closer in service.telemetry.closers()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def report(deliveries: dict[str, dict[str, dict[str, int]]]) -> int:
    """Log what became of the telemetry; return 1 when some of it was never acknowledged."""
    is_all_there = True
    for service, signals in deliveries.items():
        for name, delivery in signals.items():
            missing = delivery["made"] - delivery["acknowledged"]
            is_all_there &= missing == 0
            logger.log(
                logging.ERROR if missing else logging.INFO,
                "%s %s: %d made, %d never acknowledged (%d of these refused for good)",
                service, name, delivery["made"], missing, delivery["refused"],
            )  # fmt: skip
    return 0 if is_all_there else 1


def _description(options: argparse.Namespace, shop: Shop, server: ThreadingHTTPServer) -> dict[str, Any]:
    port = int(server.server_address[1])
    return {
        "pid": os.getpid(),
        "port": port,
        "truth_url": f"http://{LOOPBACK}:{port}/truth",
        "services": {service.name: service.url for service in shop.services},
        "seed": options.seed,
        "rate": 0.0 if options.services_only else options.rate,
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(path)  # a reader sees the old content or the new, never half of it


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument("--state-dir", type=Path, default=Path(".local"), help="where stack.json is")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="decides the requests, latencies and failures")
    parser.add_argument("--rate", type=float, default=DEFAULT_RATE, help="requests a second to web, mean of a week")
    parser.add_argument("--duration", type=float, help="seconds; without it, until SIGTERM")
    parser.add_argument("--services-only", action="store_true", help="no visitors: you send the requests")
    parser.add_argument("--prefix", default="", help="put before each service name")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())

"""``python -m local.database``: run the PostgreSQL of the demo shop until SIGTERM; fill it if it is new."""

import argparse
import logging
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from local.database.fill import Size, fill
from local.database.server import FACTS, running
from local.processes import set_on_signals
from local.state import StateDir

POLL_S = 0.1

logger = logging.getLogger("local.database")


def main(arguments: list[str] | None = None) -> int:
    """Run the server; return 0 after SIGTERM, 1 if it ended by itself."""
    parser = argparse.ArgumentParser(prog="python -m local.database", description=__doc__)
    parser.add_argument("--state-dir", type=Path, default=Path(".local"), help="where it lives (%(default)s)")
    parser.add_argument("--orders", type=int, default=Size().orders, help="rows at first (%(default)s)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    stop = threading.Event()
    set_on_signals(stop)
    state = StateDir(options.state_dir.resolve())
    with running(state) as (server, facts):
        started = time.monotonic()
        filled = fill(facts, until=datetime.now(UTC).replace(microsecond=0), size=Size(orders=options.orders))
        if filled:
            logger.info("filled %s in %.1f s", " and ".join(filled), time.monotonic() - started)
        state.write(FACTS, {**state.read(FACTS), "is_filled": True})
        logger.info("PostgreSQL %s listens on port %d", server.data, facts.port)
        while not stop.wait(POLL_S):
            if server.has_ended() is not None:
                logger.error("PostgreSQL ended with status %s", server.has_ended())
                return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

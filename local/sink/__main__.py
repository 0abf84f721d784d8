"""`python -m local.sink --state-dir DIR`: take the local cloud's mails and Slack posts; with `--show`, print them."""

import argparse
import threading
from pathlib import Path

from local.processes import set_on_signals
from local.sink.show import as_text
from local.sink.smtp import SmtpServer
from local.sink.store import Store
from local.sink.webhook import WebhookServer
from local.state import LOOPBACK, TOOLS, StateDir, remembered_ports


def serve(state: StateDir) -> None:
    """Take mails and posts on the ports of ``state`` until SIGTERM or SIGINT."""
    ports, store = remembered_ports(state), Store(state.sink)
    stop = threading.Event()
    set_on_signals(stop)
    with SmtpServer((LOOPBACK, ports.smtp), store) as smtp, WebhookServer((LOOPBACK, ports.slack), store) as webhook:
        threads = [threading.Thread(target=server.serve_forever) for server in (smtp, webhook)]
        for thread in threads:
            thread.start()
        stop.wait()
        for server in (smtp, webhook):
            server.shutdown()
        for thread in threads:
            thread.join()


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state-dir", type=Path, default=TOOLS, help="where the local cloud lives (%(default)s)")
    parser.add_argument("--show", action="store_true", help="print what came so far, and end")
    options = parser.parse_args()
    state = StateDir(options.state_dir.resolve())
    if options.show:
        for one in Store(state.sink).all():
            print(as_text(one))
    else:
        serve(state)


if __name__ == "__main__":
    main()

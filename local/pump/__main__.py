"""`python -m local.pump`: run the pump until SIGTERM or SIGINT."""

import logging
import signal

from local.pump.aws import Aws
from local.pump.reader import Pump


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s [%(threadName)s] %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    pump = Pump(Aws.connect())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: pump.stop.set())
    pump.run()
    logging.info("ended")


if __name__ == "__main__":
    main()

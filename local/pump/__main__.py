"""`python -m local.pump`: run the pump until SIGTERM or SIGINT."""

import logging

from local.processes import set_on_signals
from local.pump.aws import Aws
from local.pump.reader import Pump


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s [%(threadName)s] %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    pump = Pump(Aws.connect())
    set_on_signals(pump.stop)
    pump.run()
    logging.info("ended")


if __name__ == "__main__":
    main()

"""The cloud process: `python -m local.cloud STATE_DIR AWS_PORT DOOR_PORT`.

It runs in the environment of local/requirements.txt. One event loop serves both ports. SIGTERM and SIGINT make a
checkpoint and end it.
"""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app as ministack_app
from ministack.services import cloudwatch, lambda_svc

from local.cloud import function_logs, function_metrics
from local.cloud.alarms import Judge
from local.cloud.door import Door, Receive, Scope, Send, answer
from local.cloud.emulator import Emulator
from local.cloud.journal import Generations

LOOPBACK = "127.0.0.1"
CHECKPOINT_PATH = "/_opsloop/checkpoint"
CHECK_INTERVAL_S = 30.0


class Cloud:
    """ASGI application: the emulator on one port, the front door on the other."""

    def __init__(self, state: Emulator, door: Door, door_port: int) -> None:
        self._state = state
        self._door = door
        self._door_port = door_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of either port, or the start and the end."""
        if scope["type"] == "http" and scope["server"][1] == self._door_port:
            await self._door(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == CHECKPOINT_PATH and scope["method"] == "POST":
            self._state.checkpoint()
            await answer(send, 200, {"checkpoint": "done"}, kind="application/json")
        else:
            await ministack_app(scope, receive, send)


async def serve_until_told(cloud: Cloud, state: Emulator, ports: tuple[int, int]) -> None:
    """Serve both ports until SIGTERM or SIGINT, then make a checkpoint."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    config = Config()
    config.bind = [f"{LOOPBACK}:{port}" for port in ports]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1.0
    config.loglevel = "WARNING"
    keeping_short = loop.create_task(keep_journal_short(state))
    await serve(cloud, config, shutdown_trigger=stop.wait)
    keeping_short.cancel()
    state.checkpoint()


async def keep_journal_short(state: Emulator) -> None:
    """Make a checkpoint whenever the journal has grown long."""
    while True:
        await asyncio.sleep(CHECK_INTERVAL_S)
        if state.wants_checkpoint:
            state.checkpoint()


def main() -> None:
    """Run the cloud."""
    root, aws_port, door_port = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    function_logs.install(root.parent / "logs" / "functions.log")
    judge = Judge(cloudwatch)
    judge.install()
    function_metrics.install(lambda_svc, cloudwatch, after=judge.judge_all)
    state = Emulator(Generations(root / "generations"), Path(os.environ["STATE_DIR"]))
    cloud = Cloud(state, Door(ministack_app, root / "door.json"), door_port)
    asyncio.run(serve_until_told(cloud, state, (aws_port, door_port)))
    logging.shutdown()
    os._exit(0)  # threads of the emulator may wait for functions that hang


if __name__ == "__main__":
    main()

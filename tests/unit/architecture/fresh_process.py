"""Run one handler as Lambda does: in a process of its own, with its layers and the runtime's packages on the path.

Read the order on stdin, write what was imported and what the samples gave to stdout. Nothing of the test's own
environment is on the path: the interpreter is started with ``-I -S``.
"""

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any


class Context:
    """What Lambda hands over beside the event."""

    function_name = "opsloop-test"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:opsloop-test"
    aws_request_id = "5f2d3a6e-0000-4000-8000-000000000002"

    def get_remaining_time_in_millis(self) -> int:
        """Return one minute."""
        return 60_000


def run(order: dict[str, Any]) -> dict[str, Any]:
    """Import the handler, invoke it with each sample, and tell what happened."""
    sys.path[:0] = order["path"]
    os.environ.update(order["environment"])
    outcomes: dict[str, str] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        import handler

        for sample in order["samples"]:
            event = json.loads(Path(sample).read_text(encoding="utf-8"))
            try:
                outcomes[Path(sample).stem] = type(handler.lambda_handler(event, Context())).__name__
            except Exception as error:  # noqa: BLE001 -- the test decides which errors a sample may end in
                outcomes[Path(sample).stem] = f"{type(error).__module__}.{type(error).__name__}: {error}"
    return {"imported": sorted(_third_party(order["path"])), "outcomes": outcomes}


def _third_party(path: list[str]) -> set[str]:
    """Return the top-level packages that were loaded from ``path``, the handler's own folder left out."""
    folders = tuple(path[1:])
    return {
        name.partition(".")[0]
        for name, module in list(sys.modules.items())
        if str(getattr(module, "__file__", "") or "").startswith(folders)
    }


if __name__ == "__main__":
    json.dump(run(json.load(sys.stdin)), sys.stdout)

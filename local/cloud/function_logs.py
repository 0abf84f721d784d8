"""What functions print, in one file for `make logs`; and log groups that do not grow without end.

CloudWatch Logs of the emulator has it too, under /aws/lambda/, with one stream per invocation kept for ever.
"""

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from ministack.services import cloudwatch_logs, lambda_svc

MAX_BYTES = 20 * 1024 * 1024
KEPT_INVOCATIONS = 2000  # per log group

printed = logging.getLogger("opsloop.functions")
_emit_lambda_logs = lambda_svc._emit_lambda_logs


def install(path: Path) -> None:
    """Copy what functions print to ``path`` from now on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    printed.addHandler(handler)
    printed.propagate = False
    logging.getLogger("lambda").setLevel(logging.WARNING)  # it repeats what some triggers' functions print
    lambda_svc._emit_lambda_logs = emit


def emit(function: dict[str, Any], request_id: str, text: str, error: bool, *rest: Any, **named: Any) -> None:
    """Stand for the emulator's own: called once at the end of every invocation."""
    config = function.get("config") or function
    name = config.get("FunctionName", "unknown")
    for line in text.splitlines():
        printed.info("%s %s", name, line)
    if error:
        printed.error("%s FAILED, request %s", name, request_id)
    _emit_lambda_logs(function, request_id, text, error, *rest, **named)
    forget_old_streams((config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}")


def forget_old_streams(group_name: str) -> None:
    """Keep the newest invocations of a group alone."""
    group = cloudwatch_logs._log_groups.get(group_name)
    streams = group["streams"] if group else {}
    for name in list(streams)[: max(0, len(streams) - KEPT_INVOCATIONS)]:
        streams.pop(name, None)

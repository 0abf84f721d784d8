"""What runs in the fresh process: read an order on stdin, import the handler, write what it cost.

Nothing is imported before the handler but what reads the order needs least: the order is read by ``eval`` of a literal,
since ``json`` would be paid for here and not where it belongs.
"""

import sys
import time

order = eval(sys.stdin.readline(), {"true": True, "false": False, "null": None})  # noqa: S307 -- our own parent's
sys.path[:0] = order["path"]
loaded_before = set(sys.modules)
started = time.process_time()
import handler  # type: ignore[import-not-found]  # noqa: E402 -- this is what is measured

import_s = time.process_time() - started
loaded = set(sys.modules) - loaded_before


def main() -> None:
    """Invoke the handler as ordered, and tell what import and calls cost."""
    import contextlib
    import io
    import json

    calls_s: list[float] = []
    rss_mb = peak_mb()
    known = set(sys.modules)
    with contextlib.redirect_stdout(io.StringIO()):
        for sample in order.get("samples", ()):
            with open(sample, encoding="utf-8") as file:
                event = json.load(file)
            before = time.process_time()
            handler.lambda_handler(event, Context())
            calls_s.append(time.process_time() - before)
            del event
    found = {
        "import_ms": import_s * 1e3,
        "import_rss_mb": rss_mb,
        "modules": len(loaded),
        "calls_ms": [call_s * 1e3 for call_s in calls_s],
        "loaded_by_calls": sorted(set(sys.modules) - known),
        "peak_rss_mb": peak_mb(),
    }
    print(json.dumps(found))


def peak_mb() -> float:
    """Return the greatest resident set so far, from Linux: ``getrusage`` counts that of the parent before ``exec``."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024


class Context:
    """What Lambda hands over beside the event."""

    function_name = "opsloop-bench"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:opsloop-bench"
    aws_request_id = "5f2d3a6e-0000-4000-8000-000000000003"

    def get_remaining_time_in_millis(self) -> int:
        """Return one minute."""
        return 60_000


main()

"""Faults of the shop: one service becomes slow and fails for a while. ``python -m local.demo.fault`` begins one.

The demo takes them at ``POST /fault`` of the address in ``demo.json``, and lists them in ``GET /truth``.
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_SERVICE = "payments"
DEFAULT_MINUTES = 15.0
DEFAULT_LATENCY_FACTOR = 4.0
DEFAULT_ERROR_RATIO = 0.3
LONGEST_MINUTES = 24 * 60
WAIT_MS = 120.0  # the median that a request waits before it fails
MESSAGE = "no connection from the pool within 2000 ms: 8 of 8 in use"
TIMEOUT_S = 10


@dataclass(frozen=True)
class Fault:
    """What is wrong with ``service`` from ``start_s`` to ``end_s`` (epoch seconds).

    Each step of a request takes ``latency_factor`` times as long, and ``error_ratio`` of the requests fail.
    """

    service: str
    start_s: float
    end_s: float
    latency_factor: float = DEFAULT_LATENCY_FACTOR
    error_ratio: float = DEFAULT_ERROR_RATIO

    def is_active(self, now_s: float) -> bool:
        """Return whether the fault is there at ``now_s``."""
        return self.start_s <= now_s < self.end_s


def read_fault(content: Any, services: Mapping[str, Any], now_s: float) -> Fault:
    """Return the fault that the JSON ``content`` asks for, beginning now; raise ``ValueError`` with what is wrong."""
    if not isinstance(content, dict):
        raise ValueError("expected a JSON object")
    service = content.get("service", DEFAULT_SERVICE)
    if service not in services:
        raise ValueError(f"service: {service!r} is not one of {', '.join(services)}")
    minutes = _number(content, "minutes", DEFAULT_MINUTES, 0.0, LONGEST_MINUTES)
    factor = _number(content, "latency_factor", DEFAULT_LATENCY_FACTOR, 1.0, 100.0)
    ratio = _number(content, "error_ratio", DEFAULT_ERROR_RATIO, 0.0, 1.0)
    return Fault(service, now_s, now_s + 60.0 * minutes, factor, ratio)


def _number(content: Mapping[str, Any], name: str, default: float, least: float, most: float) -> float:
    value = content.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{name}: {value!r} is not a number from {least:g} to {most:g}")
    return float(value)


def begin(address: str, **wanted: Any) -> Fault:
    """Ask the demo whose truth is served at ``address`` for a fault; raise ``ValueError`` if it refuses."""
    url = address.removesuffix("/truth") + "/fault"
    request = urllib.request.Request(url, json.dumps(wanted).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return Fault(**json.load(answer))
    except urllib.error.HTTPError as error:
        raise ValueError(json.load(error)["error"]) from None


def main(arguments: list[str] | None = None) -> int:
    """Begin a fault in the running demo; return 0, or 1 with the reason why not."""
    parser = argparse.ArgumentParser(prog="python -m local.demo.fault", description=__doc__)
    parser.add_argument("--state-dir", type=Path, default=Path(".local"), help="where demo.json is")
    parser.add_argument("--service", default=DEFAULT_SERVICE, help="which service (%(default)s)")
    parser.add_argument("--minutes", type=float, default=DEFAULT_MINUTES, help="how long (%(default)s)")
    parser.add_argument("--latency-factor", type=float, default=DEFAULT_LATENCY_FACTOR, help="slower by (%(default)s)")
    parser.add_argument("--error-ratio", type=float, default=DEFAULT_ERROR_RATIO, help="share that fails (%(default)s)")
    options = vars(parser.parse_args(arguments))
    try:
        address = json.loads((options.pop("state_dir") / "demo.json").read_text())["truth_url"]
        fault = begin(address, **options)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError:
        sys.stderr.write("the demo does not run: start it with `make run`\n")
        return 1
    until = time.strftime("%H:%M:%S", time.gmtime(fault.end_s))
    sys.stdout.write(
        f"{fault.service}: {fault.latency_factor:g} times slower, "
        f"{fault.error_ratio:.0%} of requests fail, until {until} UTC\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

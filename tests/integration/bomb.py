"""Sends the bodies in the files it is given to telemetry_receive; prints the statuses and by how much it grew.

A process of its own, because the kernel tells the largest size of a process, not of a call.
"""

import importlib.util
import json
import resource
import sys
from pathlib import Path

from opsloop.access.issue import issue
from opsloop.access.model import Scope
from tests.conftest import FUNCTIONS, NOW, FakeContext, make_http_event


def main(files: list[str]) -> None:
    """Send each file as gzipped protobuf and as gzipped JSON."""
    spec = importlib.util.spec_from_file_location("handler", FUNCTIONS / "telemetry_receive" / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    handler = importlib.util.module_from_spec(spec)
    sys.modules["handler"] = handler
    spec.loader.exec_module(handler)
    key, token = issue("bomber", frozenset({Scope.INGEST}), randomness=bytes(38), now=NOW)
    handler.authenticator._find = lambda _key_id: key
    statuses, before = [], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for content_type in ("application/x-protobuf", "application/json"):
        headers = {"content-type": content_type, "content-encoding": "gzip"}
        for file in files:
            event = make_http_event("POST", "/v1/traces", headers=headers, body=Path(file).read_bytes(), token=token)
            statuses.append(handler.lambda_handler(event, FakeContext())["statusCode"])
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps({"statuses": statuses, "grown_kib": grown_kib}))


if __name__ == "__main__":
    main(sys.argv[1:])

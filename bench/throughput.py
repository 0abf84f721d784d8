"""The local cloud end to end: spans per second through HTTP and through Kinesis, and how late they can be queried.

``python -m bench.throughput --state-dir DIR``; the cloud of ``make run`` has the state directory ``.local``.
Everything runs on this machine: the sender, the emulated AWS, our functions and their queries share its cores. Sent is
what was acknowledged; the lag of a request runs from its acknowledgement until a query of ``GET /v1/kpis`` by minute
has its spans. The fold runs every minute, so some 30 s of lag is the design; more is load.
"""

import argparse
import gzip
import json
import statistics
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SPANS_PER_REQUEST = 800
SENDERS = 2
GIVE_UP_S = 300.0


@dataclass
class Sent:
    """Acknowledged requests: when, and how many spans were acknowledged with it and before it."""

    moments: list[float] = field(default_factory=list)
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def acknowledge(self, requests: int) -> None:
        """Note that so many more requests were acknowledged now."""
        with self.lock:
            self.moments += [time.monotonic()] * requests

    @property
    def spans(self) -> int:
        """How many spans were acknowledged."""
        return len(self.moments) * SPANS_PER_REQUEST


def make_bodies(service: str, count: int) -> list[bytes]:
    """Return ``count`` gzipped requests of spans that begin now, no two of them equal."""
    bodies = []
    start = time.time_ns()
    for number in range(count):
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        group.resource.attributes.add(key="service.name").value.string_value = service
        group.resource.attributes.add(key="service.instance.id").value.string_value = f"{start}-{number}"
        scope = group.scope_spans.add()
        for place in range(SPANS_PER_REQUEST):
            scope.spans.add(
                trace_id=start.to_bytes(16, "big"),
                span_id=(number * SPANS_PER_REQUEST + place + 1).to_bytes(8, "big"),
                name=f"GET /items/{place % 20}",
                kind=2,
                start_time_unix_nano=start + place,
                end_time_unix_nano=start + place + (place * 7919 % 900 + 1) * 1_000_000,
            ).attributes.add(key="http.response.status_code").value.int_value = 500 if place % 50 == 0 else 200
        bodies.append(gzip.compress(request.SerializeToString(), 1))
    return bodies


def over_http(stack: dict[str, Any], bodies: list[bytes], sent: Sent, until: float) -> None:
    """Post one body after the other to the front door until ``until``."""
    headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
    headers["authorization"] = f"Bearer {stack['ingest_key']}"
    while bodies and time.monotonic() < until:
        request = urllib.request.Request(stack["api_url"] + "/v1/traces", bodies.pop(), headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60):  # noqa: S310
                sent.acknowledge(1)
        except urllib.error.HTTPError as error:
            error.close()
            sent.refused += 1


def over_kinesis(stack: dict[str, Any], bodies: list[bytes], sent: Sent, until: float) -> None:
    """Put ten bodies after the other on the stream until ``until``, as a collector's exporter does."""
    client = _client(stack)
    while bodies and time.monotonic() < until:
        batch = [bodies.pop() for _ in range(min(10, len(bodies)))]
        records: Any = [
            {"Data": body, "PartitionKey": f"{time.monotonic_ns()}{place}"} for place, body in enumerate(batch)
        ]
        answer = client.put_records(StreamName=stack["stream_name"], Records=records)
        sent.acknowledge(len(batch) - answer["FailedRecordCount"])
        sent.refused += answer["FailedRecordCount"]


def measure(stack: dict[str, Any], name: str, send: Callable[..., None], seconds: float, most: int) -> str:
    """Return the row of one way in: spans per second until acknowledged and until queryable, and the lag."""
    service = f"bench-{name.lower()}-{time.time_ns()}"
    bodies = make_bodies(service, most)
    sent, began = Sent(), time.monotonic()
    threads = [
        threading.Thread(target=send, args=(stack, bodies, sent, began + seconds), daemon=True) for _ in range(SENDERS)
    ]
    for thread in threads:
        thread.start()
    seen = list(_watch(stack, service, sent, threads))
    took = max(sent.moments) - began
    lags = [
        next(at for at, spans in seen if spans >= (i + 1) * SPANS_PER_REQUEST) - moment
        for i, moment in enumerate(sorted(sent.moments))
    ]
    late = statistics.quantiles(lags, n=20)[-1]
    rates = f"{sent.spans / took:,.0f} | {sent.spans / (seen[-1][0] - began):,.0f}"
    return f"| {name} | {sent.spans:,} | {rates} | {statistics.median(lags):.0f} | {late:.0f} | {sent.refused} |"


def _watch(
    stack: dict[str, Any], service: str, sent: Sent, threads: list[threading.Thread]
) -> Iterator[tuple[float, int]]:
    """Yield, second after second, when how many spans could be queried, until all that were sent can."""
    began = time.monotonic()
    while time.monotonic() - began < GIVE_UP_S:
        counted = _counted(stack, service)
        yield time.monotonic(), counted
        if not any(thread.is_alive() for thread in threads) and counted >= sent.spans:
            if counted > sent.spans:
                raise AssertionError(f"{counted} counted, {sent.spans} sent")
            return
        threading.Event().wait(1.0)
    raise AssertionError(f"after {GIVE_UP_S:.0f} s {_counted(stack, service)} of {sent.spans} spans can be queried")


def _counted(stack: dict[str, Any], service: str) -> int:
    query = urllib.parse.urlencode({"service": service, "resolution": "minute", "kpi": "requests"})
    headers = {"authorization": f"Bearer {stack['read_key']}"}
    request = urllib.request.Request(f"{stack['api_url']}/v1/kpis?{query}", headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return sum(row["requests"] or 0 for row in json.load(response)["rows"])
    except urllib.error.HTTPError as error:  # 404 until the service was heard from
        error.close()
        return 0


def _client(stack: dict[str, Any]) -> Any:
    return boto3.client(
        "kinesis",
        endpoint_url=stack["aws_endpoint_url"],
        region_name=stack["region"],
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
    )


def main() -> None:
    """Measure both ways into the local cloud that runs from ``--state-dir``."""
    parser = argparse.ArgumentParser(prog="python -m bench.throughput", description=main.__doc__)
    parser.add_argument("--state-dir", type=Path, default=Path(".local"))
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--requests", type=int, default=1_500, help=f"at most, of {SPANS_PER_REQUEST} spans each")
    options = parser.parse_args()
    stack = json.loads((options.state_dir / "stack.json").read_text())
    print("| way in | spans sent | taken in per s | queryable per s | lag, median s | lag, 95 % s | refused |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, send in (("HTTP", over_http), ("Kinesis", over_kinesis)):
        print(measure(stack, name, send, options.seconds, options.requests), flush=True)


if __name__ == "__main__":
    main()

"""``kpi_query``, 30 days of hours of one KPI, 200 services x 50 operations loaded: ``python -m bench.query``.

CPU time within the handler, from API Gateway's event to its answer, key check included. The table answers at once:
a stand-in for the sockets finds the pages asked for among all that are stored and hands their JSON over, so that
signing, parsing and inflating count and the wait for DynamoDB does not. The services share the bytes of their pages,
which saves the bench a gigabyte and the handler nothing: it sees those of one service.
"""

import argparse
import hashlib
import importlib.util
import json
import logging
import os
import statistics
import sys
import time
import zlib
from base64 import b64encode
from collections.abc import Mapping
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.fresh import HERE
from opsloop.adapters import aws_http
from opsloop.kpi.model import KpiRow, State, page_key, row_json, sealed, sort_key
from opsloop.telemetry.model import Source
from stacks.constructs.layer_build import ROOT, build_layer

SERVICES, OPERATIONS, DAYS, ROUNDS = 200, 50, 30, 60
MARK_MS = 20.0
NOW = datetime(2026, 11, 21, tzinfo=UTC)
TOKEN = f"opsloop_{'b' * 12}_{'b' * 64}"
ENVIRONMENT = {
    **{f"{word}_TABLE": word.lower() for word in ("TELEMETRY", "KPI", "ACCESS")},
    "SEGMENT_BUCKET": "segment",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "POWERTOOLS_SERVICE_NAME": "kpi",
    "POWERTOOLS_METRICS_NAMESPACE": "Opsloop",
}


class Tables(dict[tuple[str, str], bytes]):
    """The JSON of every stored page by its key; stands in for the connection to DynamoDB."""

    def request(self, _method: str, _target: str, headers: Mapping[str, str], body: bytes) -> aws_http.Answer:
        """Answer one operation at once."""
        wanted = json.loads(body)
        operation = headers["x-amz-target"].partition(".")[2]
        if operation == "GetItem":
            return aws_http.Answer(200, {}, json.dumps({"Item": access_item()}).encode())
        if operation == "Query":
            return aws_http.Answer(200, {}, b'{"Items":[]}')
        keys = [(key["pk"]["S"], key["sk"]["S"]) for key in wanted["RequestItems"]["kpi"]["Keys"]]
        items = b",".join(b'{"pk":{"S":"%s"},' % key[0].encode() + self[key][1:] for key in keys if key in self)
        return aws_http.Answer(200, {}, b'{"Responses":{"kpi":[' + items + b']},"UnprocessedKeys":{}}')


def access_item() -> dict[str, Any]:
    """Return the stored key that ``TOKEN`` is of."""
    created = "2026-11-01T00:00:00.000000+0000"
    digest = hashlib.sha256(("b" * 64).encode()).hexdigest()
    texts = {"key_id": "b" * 12, "name": "bench", "secret_sha256": digest, "created_at": created}
    return {name: {"S": value} for name, value in texts.items()} | {"scopes": {"SS": ["read"]}}


def row(operation: str, start: datetime) -> KpiRow:
    """Return a row as the roll-up would make it, with every number."""
    minute = int(start.timestamp()) // 60
    times: dict[str, Any] = {f"p{percentile}_ms": 12.345678901234 * percentile / 50 for percentile in (50, 90, 95, 99)}
    return sealed(
        KpiRow(
            service="service-0",
            operation=operation,
            kind="request",
            resolution="hour",
            start_minute=minute,
            complete=True,
            state=State.OK,
            requests=123_456 + minute % 997,
            errors=minute % 89,
            error_ratio=minute % 89 / 123_456,
            mean_ms=17.23456789012345,
            peak_per_minute=3_210,
            available_minutes=59,
            unavailable_minutes=1,
            unknown_minutes=0,
            availability_ratio=59 / 60,
            sources=(Source("log#stream#1#shardId-000000000000", "4" * 56, "5" * 56, 60, 480, 9_600),),
            version=60,
            **times,
        )
    )


def load() -> Tables:
    """Return the pages of all services: those of the first, under the names of all."""
    tables = Tables()
    for day in range(DAYS):
        midnight = NOW - timedelta(days=DAYS - day)
        for number in range(OPERATIONS):
            rows = [row(f"GET /route-{number}/{{id}}", midnight + timedelta(hours=hour)) for hour in range(24)]
            key = page_key(rows[0])
            content = zlib.compress(json.dumps([row_json(one) for one in rows], separators=(",", ":")).encode())
            text = json.dumps({"sk": {"S": sort_key(key)}, "rows": {"B": b64encode(content).decode()}}).encode()
            for service in range(SERVICES):
                tables[f"service-{service}", sort_key(key)] = text
    return tables


def handler() -> ModuleType:
    """Return the function's module, wired to the environment of this bench."""
    os.environ.update(ENVIRONMENT)
    sys.path.insert(0, str(build_layer("catalog", HERE) / "python"))
    spec = importlib.util.spec_from_file_location("kpi_query_handler", ROOT / "functions/kpi_query/handler.py")
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("functions/kpi_query")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def event(number: int, kpi: str) -> dict[str, Any]:
    """Return the request for 30 days of one operation."""
    first, last = NOW - timedelta(days=DAYS), NOW
    query = (
        f"service=service-{number % SERVICES}&operation=GET%20/route-{number % OPERATIONS}/%7Bid%7D&resolution=hour"
        f"&from={first:%Y-%m-%dT%H:%M:%SZ}&to={last:%Y-%m-%dT%H:%M:%SZ}{kpi}"
    )
    http = {"method": "GET", "path": "/v1/kpis"}
    moment = int((NOW + timedelta(hours=1)).timestamp() * 1_000)
    return {
        "rawPath": "/v1/kpis",
        "rawQueryString": query,
        "headers": {"authorization": f"Bearer {TOKEN}"},
        "requestContext": {"http": http, "requestId": "bench", "timeEpoch": moment},
        "isBase64Encoded": False,
    }


class Context:
    """What Lambda hands over beside the event."""

    function_name, memory_limit_in_mb, aws_request_id = "bench", 512, "bench"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:bench"


def measure(module: ModuleType, kpi: str) -> list[float]:
    """Return the CPU milliseconds of ``ROUNDS`` requests, each for another service and operation."""
    took: list[float] = []
    for number in range(ROUNDS):
        asked = event(number, kpi)
        started = time.process_time()
        with redirect_stdout(StringIO()):
            answer = module.lambda_handler(asked, Context())
        took.append((time.process_time() - started) * 1e3)
        rows = json.loads(answer["body"]).get("rows", [])
        if answer["statusCode"] != 200 or len(rows) != 24 * DAYS or any(one["state"] != "OK" for one in rows):
            raise AssertionError(answer["body"][:300])
    return took


def main(arguments: list[str] | None = None) -> None:
    """Measure both forms of the request and print their percentiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    tables, module = load(), handler()
    aws_http.Connection.request = lambda _self, *request: tables.request(*request)  # type: ignore[method-assign]
    logging.getLogger("kpi").setLevel(logging.WARNING)
    rows = []
    for case, kpi in (("one KPI", "&kpi=p95_ms"), ("whole rows", "")):
        measure(module, kpi)
        took = measure(module, kpi)
        p95 = statistics.quantiles(took, n=20)[-1]
        rows.append({"case": case, "p50_ms": round(statistics.median(took), 2), "p95_ms": round(p95, 2)})
        print(f"{case:12} p50 {rows[-1]['p50_ms']:6.2f} ms   p95 {rows[-1]['p95_ms']:6.2f} ms   mark {MARK_MS:.0f} ms")
    print(f"{24 * DAYS} rows of one operation; {len(tables):,} pages loaded; CPU within the handler, table at once")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "mark_ms": MARK_MS}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

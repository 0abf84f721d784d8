"""What the sample files hold, by a second method: the standard library's codecs and protobuf's own classes."""

import base64
import gzip
import json
import zlib
from pathlib import Path

from google.protobuf import json_format
from google.protobuf.internal.decoder import _DecodeVarint32

from tests.unit.telemetry.foreign_messages import KPL
from tests.unit.telemetry.otlp_messages import REQUESTS

_NAMES = {"resourceSpans": "traces", "resourceMetrics": "metrics", "resourceLogs": "logs"}


def read(path: Path) -> tuple[list[bytes], str, bytes]:
    """Return the records that a sample file holds, their signal, and their requests joined to one."""
    data = path.read_bytes()
    if path.name.startswith("firehose"):
        records = [base64.b64decode(one["data"]) for one in json.loads(data)["records"]]
        return records, "metrics", b"".join(map(_delimited, records))
    if path.suffix == ".ndjson":  # the same points, all of them written with the unit None
        request = REQUESTS["metrics"].FromString(_delimited(path.with_name("cloudwatch-otel1.bin").read_bytes()))
        for metric in (m for group in request.resource_metrics for scope in group.scope_metrics for m in scope.metrics):
            metric.unit = "1"
        return [data], "metrics", request.SerializeToString()
    if path.name.startswith("cloudwatch"):
        return [data], "metrics", _delimited(data)
    if path.name.startswith("kinesis-kpl"):
        parts = [record.data for record in KPL["AggregatedRecord"].FromString(data[4:-16]).records]
        return [data], "logs", b"".join(parts)
    if path.suffix == ".json":
        document = json.loads(data)
        (name,) = document
        return [data], _NAMES[name], _from_json(document, _NAMES[name])
    signal = next((one for one in REQUESTS if one in path.name), "traces")
    return [data], signal, _inflated(path, data)


def _inflated(path: Path, data: bytes) -> bytes:
    if path.name.endswith(".gz") or path.stem.endswith("-gzip"):
        return gzip.decompress(data)
    bits = {"unterminated": 31, "zlib": 15, "flate": -15}.get(path.stem.rpartition("-")[2])
    return zlib.decompressobj(bits).decompress(data) if bits else data


def _delimited(data: bytes) -> bytes:
    requests, at = b"", 0
    while at < len(data):
        size, at = _DecodeVarint32(data, at)
        requests += data[at : at + size]
        at += size
    return requests


def _from_json(document: object, signal: str) -> bytes:
    written: bytes = json_format.ParseDict(_base64_ids(document), REQUESTS[signal]()).SerializeToString()
    return written


def _base64_ids(value: object) -> object:
    """Return OTLP JSON as protobuf's own mapping has it: ids in base64 instead of hex."""
    if isinstance(value, list):
        return [_base64_ids(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64encode(bytes.fromhex(one)).decode()
        if name in ("traceId", "spanId", "parentSpanId")
        else _base64_ids(one)
        for name, one in value.items()
    }

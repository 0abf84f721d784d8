"""Every handler runs with its layers alone, and loads no package that the table in ``layers.py`` does not name."""

import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from stacks.constructs.layer_build import RUNNING, Target, build_layer, machine_architecture
from stacks.constructs.layers import BRINGS, LAMBDA_RUNTIME, SLOW_CLIENTS, WITHOUT_SLOW_CLIENTS, layer_names
from stacks.generate_docs import Function, read_functions

ROOT = Path(__file__).parents[3]
HERE = Target(RUNNING, machine_architecture(), is_this_machine=True)
FUNCTIONS = read_functions()
SCRIPT = Path(__file__).with_name("fresh_process.py")
FOR_NEW_TABLES = {"pynamodb"}  # docs/adding-a-capability.md makes a table with it; ours are all read or written hot


class EmptyCloud(BaseHTTPRequestHandler):
    """An account in which everything exists and nothing is stored: one answer that suits every JSON request."""

    protocol_version = "HTTP/1.1"
    ANSWER: ClassVar[dict[str, Any]] = {
        "Items": [],
        "Count": 0,
        "ScannedCount": 0,
        "Responses": {"name": []},  # every table has this name here
        "UnprocessedKeys": {},
        "FailedRecordCount": 0,
        "Records": [{"SequenceNumber": "1", "ShardId": "shardId-000000000000"}],
        "FailedEntryCount": 0,
        "Entries": [{"EventId": "1"}],
        "Table": {"TableStatus": "ACTIVE"},
        "Shards": [],
        "StreamDescriptionSummary": {
            "StreamStatus": "ACTIVE",
            "StreamCreationTimestamp": 1_700_000_000,
            "OpenShardCount": 2,
        },
        "MetricDataResults": [],
    }

    def do_POST(self) -> None:
        """Answer a request to DynamoDB, Kinesis or EventBridge."""
        self._answer(json.dumps(self.ANSWER).encode())

    def do_PUT(self) -> None:
        """Store an object, or so it seems."""
        self._answer(b"")

    def do_GET(self) -> None:
        """Answer how a function is set up, what a bucket holds, or with an empty object."""
        if "list-type=2" in self.path or "versions=" in self.path:
            self._answer(b"<ListBucketResult/>")
            return
        is_function = self.path.startswith("/2015-03-31/functions/")
        self._answer(json.dumps({"MemorySize": 512, "Timeout": 30}).encode() if is_function else b"")

    do_HEAD = do_PUT  # noqa: N815 -- the name that the base class looks for

    def _answer(self, body: bytes) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Sat, 21 Nov 2026 08:30:00 GMT")  # as of any object
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    """Return the URL of an empty cloud."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyCloud) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def lambda_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what the Lambda runtime carries, and nothing else of this environment."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in LAMBDA_RUNTIME:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        place = origin.parent if origin.name == "__init__.py" else origin
        (folder / place.name).symlink_to(place)
    return folder


@pytest.fixture(scope="module")
def reports(cloud: str, lambda_runtime: Path) -> dict[str, dict[str, Any]]:
    """Return what every function imported, and what came of its samples."""
    return {one.name: run(one, cloud, lambda_runtime, layer_names(one.name)) for one in FUNCTIONS}


def run(
    one: Function, cloud: str, lambda_runtime: Path, layers: tuple[str, ...], *, code: Path | None = None
) -> dict[str, Any]:
    """Return the report of ``one`` in a fresh process with ``layers``; ``code``: another folder with its handler."""
    environment = {setting.variable: "name" for setting in one.settings if setting.default is None}
    environment |= {
        "AWS_ENDPOINT_URL": cloud,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "POWERTOOLS_SERVICE_NAME": one.name.partition("_")[0],
        "POWERTOOLS_METRICS_NAMESPACE": "Opsloop",
    }
    if "search" in layers:  # the one setting whose value decides what is imported
        environment["SEARCH_ENDPOINT"] = cloud
    path = [
        code or ROOT / "functions" / one.name,
        *(build_layer(name, HERE) / "python" for name in layers),
        lambda_runtime,
    ]
    order = {
        "path": [str(folder) for folder in path],
        "environment": environment,
        "samples": [str(ROOT / "events" / one.name / f"{sample}.json") for sample in one.samples],
    }
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", str(SCRIPT)],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, f"{one.name}: {done.stderr}"
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.parametrize("name", [one.name for one in FUNCTIONS])
def test_a_handler_loads_only_what_its_layers_may_bring(name: str, reports: dict[str, dict[str, Any]]) -> None:
    may = LAMBDA_RUNTIME.union(*(BRINGS[layer] for layer in layer_names(name)))
    assert set(reports[name]["imported"]) - may == set()


@pytest.mark.parametrize("name", sorted(WITHOUT_SLOW_CLIENTS))
def test_a_quick_handler_loads_neither_boto3_nor_pynamodb(name: str, reports: dict[str, dict[str, Any]]) -> None:
    assert set(reports[name]["imported"]) & SLOW_CLIENTS == set()


def test_the_slow_clients_would_be_found(cloud: str, lambda_runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text("import boto3, pynamodb.models\n")
    one = replace(next(one for one in FUNCTIONS if one.name in WITHOUT_SLOW_CLIENTS), samples=[])
    report = run(one, cloud, lambda_runtime, layer_names(one.name), code=tmp_path)
    assert set(report["imported"]) >= SLOW_CLIENTS


@pytest.mark.parametrize("name", [one.name for one in FUNCTIONS])
def test_every_sample_is_answered_with_the_layers_alone(name: str, reports: dict[str, dict[str, Any]]) -> None:
    failed = {case: outcome for case, outcome in reports[name]["outcomes"].items() if ":" in outcome}
    assert failed == {}


def test_the_table_names_nothing_that_no_handler_loads(reports: dict[str, dict[str, Any]]) -> None:
    loaded = {package for report in reports.values() for package in report["imported"]}
    assert {package for layer in BRINGS.values() for package in layer} - loaded == FOR_NEW_TABLES


def test_a_missing_layer_would_be_found(cloud: str, lambda_runtime: Path) -> None:
    one = next(one for one in FUNCTIONS if one.name == "access_keys")
    with pytest.raises(AssertionError, match="No module named 'aws_lambda_powertools'"):
        run(one, cloud, lambda_runtime, ("core", "catalog"))

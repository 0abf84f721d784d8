"""A handler in a process of its own, with its layers in one folder as Lambda has them under ``/opt/python``."""

import importlib.util
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from stacks.constructs.function_build import build_function
from stacks.constructs.layer_build import RUNNING, Target, build_layer, machine_architecture
from stacks.constructs.layers import LAMBDA_RUNTIME, layer_environment, layer_names
from stacks.generate_docs import Function

HERE = Target(RUNNING, machine_architecture(), is_this_machine=True)
CHILD = Path(__file__).with_name("fresh_child.py")


NOTHING: dict[str, Any] = {  # what DynamoDB, Kinesis and EventBridge say of an account where nothing is stored
    "Items": [],
    "Responses": {"name": []},
    "UnprocessedKeys": {},
    "FailedRecordCount": 0,
    "FailedEntryCount": 0,
    "Shards": [],
    "Table": {"TableStatus": "ACTIVE"},
    "StreamDescriptionSummary": {"StreamStatus": "ACTIVE", "StreamCreationTimestamp": 1.7e9},
}


class EmptyCloud(BaseHTTPRequestHandler):
    """An account in which everything exists and nothing is stored."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer DynamoDB and Kinesis: nothing found, everything accepted."""
        self._answer(json.dumps(NOTHING).encode())

    def do_PUT(self) -> None:
        """Store an object, or so it seems."""
        self._answer(b"")

    def do_GET(self) -> None:
        """List a bucket: it is empty."""
        self._answer(b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")

    do_HEAD = do_PUT  # noqa: N815 -- the name that the base class looks for

    def _answer(self, body: bytes) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@contextmanager
def empty_cloud() -> Iterator[str]:
    """Serve an empty cloud; give its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyCloud) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def deployed(layers: tuple[str, ...]) -> Iterator[list[Path]]:
    """Give the folders that a function with ``layers`` finds its packages in: the layers in one, then the runtime's."""
    with tempfile.TemporaryDirectory(prefix="opsloop-bench-") as place:
        opt, runtime = Path(place) / "opt", Path(place) / "runtime"
        for folder in (opt, runtime):
            folder.mkdir()
        for layer in layers:
            for entry in (build_layer(layer, HERE) / "python").iterdir():
                if not (opt / entry.name).exists():
                    (opt / entry.name).symlink_to(entry)
        for name in LAMBDA_RUNTIME:
            spec = importlib.util.find_spec(name)
            if spec is None or spec.origin is None:
                raise ModuleNotFoundError(name)
            origin = Path(spec.origin)
            entry = origin.parent if origin.name == "__init__.py" else origin
            (runtime / entry.name).symlink_to(entry)
        yield [opt, runtime]


def run_fresh(one: Function, *, cloud: str, order: dict[str, Any], profile: bool = False) -> tuple[dict[str, Any], str]:
    """Import the handler of ``one`` in a fresh process, with the environment of its stack; do what ``order`` says.

    Return what the process found, and the interpreter's own list of import times if ``profile``.
    """
    with deployed(layer_names(one.name)) as folders:
        path = [str(build_function(one.name, HERE)), *map(str, folders)]
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", *(["-X", "importtime"] if profile else []), str(CHILD)],
            input=json.dumps({"path": path, **order}),
            capture_output=True,
            text=True,
            check=False,
            env=environment_of(one, cloud),
        )
    if done.returncode:
        raise RuntimeError(f"{one.name}: {done.stderr[-2_000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found, done.stderr


def environment_of(one: Function, cloud: str) -> dict[str, str]:
    """Return the environment that the function's stack gives it, with names for what it needs."""
    return {
        "PATH": "/usr/bin:/bin",
        **{setting.variable: "name" for setting in one.settings if setting.default is None},
        **layer_environment(one.name),
        "AWS_ENDPOINT_URL": cloud,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "POWERTOOLS_SERVICE_NAME": one.name.partition("_")[0],
        "POWERTOOLS_METRICS_NAMESPACE": "Opsloop",
    }

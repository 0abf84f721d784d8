"""What the end-to-end tests know of a deployment, and how they talk to it: HTTP as a client, AWS as an operator."""

import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

T = TypeVar("T")
PATIENCE_S = 180.0
RUN = f"{datetime.now(UTC):%H%M%S}"
"""Part of service names, so that a cloud that was kept from an earlier run has not heard of them."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Deployment:
    state_dir: Path
    stack: Mapping[str, Any]

    @classmethod
    def read(cls, state_dir: Path) -> "Deployment":
        return cls(state_dir, json.loads((state_dir / "stack.json").read_text()))

    def request(
        self, method: str, path: str, *, key: str | None = None, body: bytes | None = None, **headers: str
    ) -> Answer:
        """Send one request to the front door; a refused connection is raised as ``OSError``."""
        all_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            all_headers["authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self.stack["api_url"] + path, body, all_headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return Answer(response.status, _lower(response.headers.items()), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _lower(error.headers.items()), error.read())

    def post(self, signal: str, body: bytes, *, content_type: str = "application/x-protobuf", **headers: str) -> Answer:
        return self.request(
            "POST", f"/v1/{signal}", key=self.stack["ingest_key"], body=body, content_type=content_type, **headers
        )

    def get(self, path: str, **parameters: str) -> Any:
        answer = self.request("GET", f"{path}?{urllib.parse.urlencode(parameters)}", key=self.stack["read_key"])
        assert answer.status == 200, answer.body.decode()
        return answer.json()

    def kpi_rows(self, service: str, **parameters: str) -> list[dict[str, Any]]:
        """Return all rows, page by page."""
        rows: list[dict[str, Any]] = []
        while True:
            answer = self.get("/v1/kpis", service=service, **parameters)
            rows += answer["rows"]
            if answer["next"] is None:
                return rows
            parameters["cursor"] = answer["next"]

    def is_known(self, service: str) -> bool:
        """Return whether the API knows ``service``."""
        return service in {item["service"] for item in self.get("/v1/services", limit="500")["services"]}

    def client(self, name: str) -> Any:
        return boto3.client(
            name,
            endpoint_url=self.stack["aws_endpoint_url"],
            region_name=self.stack["region"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 8}, read_timeout=120),
        )

    def invoke(self, function: str, **event: Any) -> Any:
        """Run a scheduled function now, with the event that its schedule would send."""
        event.setdefault("time", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        answer = self.client("lambda").invoke(FunctionName=self.stack["functions"][function], Payload=json.dumps(event))
        body = json.loads(answer["Payload"].read() or b"null")
        assert "FunctionError" not in answer, body
        return body


def wait_until(what: str, probe: Callable[[], T | None], *, seconds: float = PATIENCE_S) -> T:
    """Call ``probe`` until it answers something true; fail after ``seconds``, saying what was waited for."""
    pause, last = threading.Event(), None
    for _ in range(int(seconds * 2)):
        last = probe()
        if last:
            return last
        pause.wait(0.5)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {what}; last seen: {last!r}")


def _lower(items: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in items}

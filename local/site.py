"""The console from its sources: `make console` serves them over the running local cloud, `make site` builds what ships.

`python -m local.site [--api URL] [--key KEY] [--role ROLE] [--port N]` serves; with `--key` every question to the API
carries that key, and nobody has to sign in. `python -m local.site --build` writes layers/dashboard/site.
"""

import argparse
import hashlib
import http.client
import json
import mimetypes
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.console import StepFailedError, console, run_logged, step
from local.state import LOOPBACK, ROOT, TOOLS, StateDir
from local.steps.tools import cdk_environment, node_home

SOURCES = ROOT / "layers" / "dashboard"
SITE = SOURCES / "site"
SERVED = TOOLS / "console"
PACKAGES = ("package.json", "package-lock.json")
STAMP = SOURCES / "node_modules" / ".installed"
TO_API = ("/v1/", "/health/", "/openapi.json")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'"


def node() -> Path:
    """Return the Node that came from the package index."""
    return node_home() / "bin" / "node"


def ensure_packages(state: StateDir) -> None:
    """Install what the console is made of and tested with into layers/dashboard/node_modules unless it is there."""
    mark = hashlib.sha256(b"".join((SOURCES / name).read_bytes() for name in PACKAGES)).hexdigest()
    if STAMP.exists() and STAMP.read_text() == mark:
        return
    with step("Installing the packages of the console"):
        npm = node_home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        state.logs.mkdir(parents=True, exist_ok=True)
        run_logged(
            [node(), npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            log=state.log("install-console"),
            what="installing the packages of the console from npm",
            advice="check that the npm registry can be reached, then run the same command again",
            env=cdk_environment(),
            cwd=SOURCES,
        )
        STAMP.write_text(mark)


def build(out: Path, *, is_dev: bool = False) -> None:
    """Bundle the console into the folder ``out``; raise ``StepFailedError`` with what the bundler says."""
    command = [str(node()), "build.mjs", str(out), *(["--dev"] if is_dev else [])]
    done = subprocess.run(command, cwd=SOURCES, env=cdk_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StepFailedError(f"the console cannot be built:\n{done.stderr}", advice="correct the file it names")


class FreshSite:
    """The built sources, built again when one of them has changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen = -1
        self._lock = threading.Lock()

    def bring_up_to_date(self) -> None:
        """Build unless nothing changed since the last time."""
        newest = max(path.stat().st_mtime_ns for path in (SOURCES / "src").rglob("*"))
        with self._lock:
            if newest != self._seen:
                build(self.folder, is_dev=True)
                self._seen = newest


class Handler(BaseHTTPRequestHandler):
    """Files of the console, and the API behind them."""

    site: FreshSite
    api: str
    key: str
    role: str
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a page, a file, or what the API answers."""
        path = urlsplit(self.path).path
        if path == "/v1/session" and self.key:
            self._answer_json(200, self._session())
        elif path.startswith(TO_API):
            self._pass_on()
        else:
            self._file(path)

    def do_POST(self) -> None:
        """Pass the request on."""
        self._pass_on()

    do_DELETE = do_PUT = do_POST  # noqa: N815  (names that http.server calls)

    def _session(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "scopes": [self.role],
            "name": "sources",
            "key_id": "",
            "expires_at": None,
            "csrf_token": "",
            "sign_in": {"key": True, "oidc": False},
        }

    def _file(self, path: str) -> None:
        try:
            self.site.bring_up_to_date()
        except StepFailedError as error:
            self._answer(500, str(error).encode(), {"content-type": "text/plain; charset=utf-8"})
            return
        name = path.removeprefix("/console").lstrip("/")
        file = self.site.folder / name
        if not name.startswith("assets/") or not file.resolve().is_relative_to(self.site.folder) or not file.is_file():
            file = self.site.folder / "index.html"
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        headers = {"content-type": kind, "cache-control": "no-store", "content-security-policy": POLICY}
        self._answer(200, file.read_bytes(), headers)

    def _pass_on(self) -> None:
        address = urlsplit(self.api)
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in {"host", "connection"}}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
            headers.pop("cookie", None)
        connection = http.client.HTTPConnection(address.hostname or LOOPBACK, address.port, timeout=35)
        try:
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            told = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
            self._answer(answer.status, answer.read(), told)
        except OSError as error:
            self._answer_json(502, {"title": "Bad Gateway", "detail": f"{self.api} does not answer: {error}"})
        finally:
            connection.close()

    def _answer_json(self, status: int, document: object) -> None:
        self._answer(status, json.dumps(document).encode(), {"content-type": "application/json"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing of each request."""


def server(
    *, api: str, key: str = "", role: str = "admin", port: int = 0, folder: Path = SERVED
) -> ThreadingHTTPServer:
    """Return a server of the sources on loopback, with the API at ``api`` behind it; port 0 takes a free one."""
    given = {"site": FreshSite(folder), "api": api, "key": key, "role": role}
    return ThreadingHTTPServer((LOOPBACK, port), type("Site", (Handler,), given))


def main() -> None:
    """Build or serve, as the command line asks."""
    parser = argparse.ArgumentParser(description="The console from its sources")
    parser.add_argument("--build", action="store_true", help="write layers/dashboard/site and end")
    parser.add_argument("--api", default="", help="address of an API (that of the running local cloud)")
    parser.add_argument("--key", default="", help="a key to ask with; nobody signs in")
    parser.add_argument("--role", default="admin", choices=("viewer", "operator", "admin"), help="what --key may do")
    parser.add_argument("--port", type=int, default=8123, help="port on loopback (%(default)s)")
    options = parser.parse_args()
    state = StateDir(TOOLS)
    try:
        ensure_packages(state)
        if options.build:
            shutil.rmtree(SITE, ignore_errors=True)
            build(SITE)
            console.print(f"Built {SITE.relative_to(ROOT)}", markup=False)
            return
        api = options.api or state.read("stack").get("api_url", "")
        if not api:
            raise StepFailedError("no local cloud is known", advice="start one with `make run`, or pass --api")
        folder = TOOLS / f"console-{options.port}"
        with server(api=api, key=options.key, role=options.role, port=options.port, folder=folder) as serving:
            console.print(f"http://{LOOPBACK}:{serving.server_port}/console/ over {api} (Ctrl-C ends it)", markup=False)
            serving.serve_forever()
    except StepFailedError as failure:
        failure.show()
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

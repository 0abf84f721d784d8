"""The files that Grafana reads: a dashboard per board, and how to reach opsloop as a data source."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from opsloop.dashboard.panels_health import BOARDS
from opsloop_cli.dashboard_grafana import SOURCE_UID, dashboard_json
from opsloop_cli.dashboard_queries import DIALECTS, Source

DATASOURCE_FILE = "datasource.yaml"
KEY_VARIABLE = "OPSLOOP_READ_KEY"
CONSOLE = "/console"
SAME, DIFFERS, MISSING = "same", "differs", "missing"
HEAD = f"""\
# The data source of opsloop's dashboards, for Grafana's folder provisioning/datasources. The key stays in the
# environment of Grafana's server: {KEY_VARIABLE}, a key with the scope read.
apiVersion: 1
datasources:
  - name: opsloop
    uid: {SOURCE_UID}
    type: {{plugin}}
    access: proxy
    url: {{url}}
"""
SETTINGS: Mapping[Source, str] = {
    Source.infinity: f"""\
    jsonData:
      auth_method: bearerToken
      allowedHosts: [{{url}}]
      customHealthCheckEnabled: true
      customHealthCheckUrl: {{health}}
    secureJsonData:
      bearerToken: ${KEY_VARIABLE}
""",
    Source.json: f"""\
    jsonData:
      httpHeaderName1: Authorization
    secureJsonData:
      httpHeaderValue1: Bearer ${KEY_VARIABLE}
""",
}


@dataclass(frozen=True)
class File:
    """A file to write: its name within the folder, and what is in it."""

    name: str
    text: str


def files_of(source: Source, url: str) -> list[File]:
    """Return all files of an export for ``source``, over the API at ``url``; the same for the same arguments."""
    dialect = DIALECTS[source]
    boards = [File(f"{board.name}.json", dashboard_json(board, dialect, url + CONSOLE)) for board in BOARDS]
    quoted = {"url": json.dumps(url), "health": json.dumps(f"{url}/v1/services?limit=1")}  # JSON strings are YAML's
    return [*boards, File(DATASOURCE_FILE, (HEAD + SETTINGS[source]).format(plugin=dialect.plugin, **quoted))]


def write(files: list[File], folder: Path) -> None:
    """Write the files into ``folder``, which is made; raise ``OSError`` if that is not possible."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file.name).write_text(file.text, encoding="utf-8", newline="\n")


def compare(files: list[File], folder: Path) -> dict[str, str]:
    """Return for each file's name whether what is in ``folder`` is the same, differs or is missing."""
    return {file.name: _state(file, folder / file.name) for file in files}


def _state(file: File, path: Path) -> str:
    if not path.is_file():
        return MISSING
    return SAME if path.read_bytes() == file.text.encode() else DIFFERS

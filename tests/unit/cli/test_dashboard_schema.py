"""Exported dashboards fit Grafana's own types (npm's @grafana/schema), to the last property; broken ones do not."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.browser import console_packages
from local.site import SOURCES, node
from opsloop.dashboard.panels import Board
from opsloop.dashboard.panels_health import BOARDS
from opsloop_cli.dashboard_grafana import dashboard_json
from opsloop_cli.dashboard_queries import DIALECTS, Source

TYPES = SOURCES / "node_modules" / "@grafana" / "schema" / "dist" / "types"
PANELS = {"timeseries": "TimeSeries", "stat": "Stat", "table": "Table"}
HAVE_FIELDS = ("timeseries", "table")
CONSOLE = "https://opsloop.example.com/console"
# JSON has the values of enumerations, not their members
PLAIN = """
import type { Dashboard, Panel, ValueMapping, ThresholdsConfig } from "@grafana/schema";
%s
type Plain<T> = T extends string ? `${T}` : T extends (infer One)[] ? Plain<One>[]
  : T extends object ? { [Name in keyof T]: Plain<T[Name]> } : T;
"""

Document = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def _packages() -> None:
    console_packages()


def typescript(dashboard: Document) -> str:
    """Return a program whose constants are the dashboard and its panels' options and fields, with their types."""
    imports = [
        f'import type * as {kind} from "@grafana/schema/{kind}";' for kind in PANELS if kind in json.dumps(dashboard)
    ]
    lines = [PLAIN % "\n".join(imports), f"export const dashboard: Plain<Dashboard> = {json.dumps(dashboard)};"]
    for panel in dashboard["panels"]:
        kind, number = panel["type"], panel["id"]
        lines.append(f"export const options{number}: Plain<{kind}.Options> = {json.dumps(panel['options'])};")
        custom = panel["fieldConfig"]["defaults"].get("custom")
        if kind in HAVE_FIELDS:
            lines.append(f"export const fields{number}: Plain<Partial<{kind}.FieldConfig>> = {json.dumps(custom)};")
        for place, override in enumerate(panel["fieldConfig"]["overrides"]):
            found = {one["id"].removeprefix("custom."): one for one in override["properties"]}
            own = {name: one["value"] for name, one in found.items() if one["id"].startswith("custom.")}
            if own:
                lines.append(
                    f"export const own{number}_{place}: Plain<Partial<{kind}.FieldConfig>> = {json.dumps(own)};"
                )
            for name, wanted in (("mappings", "ValueMapping[]"), ("thresholds", "ThresholdsConfig")):
                if name in found:
                    text = json.dumps(found[name]["value"])
                    lines.append(f"export const {name}{number}_{place}: Plain<{wanted}> = {text};")
    return "\n".join(lines)


def check(dashboard: Document, folder: Path) -> subprocess.CompletedProcess[str]:
    """Return what tsc says of the dashboard as a typed constant."""
    raw = TYPES / "raw" / "composable"
    paths = {f"@grafana/schema/{kind}": [str(raw / kind / "panelcfg" / "x" / "types.gen.d.ts")] for kind in PANELS}
    options = {
        "paths": {"@grafana/schema": [str(TYPES / "index.d.ts")], **paths},
        "target": "ES2022", "module": "ESNext", "moduleResolution": "Bundler", "strict": True, "types": [],
        "skipLibCheck": True, "noEmit": True,
    }  # fmt: skip
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["dashboard.ts"]}))
    (folder / "dashboard.ts").write_text(typescript(dashboard))
    command = [str(node()), str(SOURCES / "node_modules" / "typescript" / "bin" / "tsc"), "--project", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def exported(board: Board, source: Source) -> Document:
    document: Document = json.loads(dashboard_json(board, DIALECTS[source], CONSOLE))
    return document


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_a_dashboard_is_of_grafanas_types(board: Board, source: Source, tmp_path: Path):
    done = check(exported(board, source), tmp_path)
    assert (done.returncode, done.stdout) == (0, "")


def unknown_property(dashboard: Document) -> None:
    dashboard["titel"] = "Production health"


def wrong_word(dashboard: Document) -> None:
    dashboard["panels"][2]["options"]["legend"]["placement"] = "left"


def unknown_option(dashboard: Document) -> None:
    dashboard["panels"][0]["options"]["footer"] = {"show": False}  # it was one before Grafana 12.2


def wrong_shape(dashboard: Document) -> None:
    dashboard["panels"][2]["gridPos"]["x"] = "0"


def wrong_field(dashboard: Document) -> None:
    dashboard["panels"][2]["fieldConfig"]["defaults"]["custom"]["drawStyle"] = "lines"


def wrong_mapping(dashboard: Document) -> None:
    dashboard["panels"][0]["fieldConfig"]["overrides"][1]["properties"][0]["value"][0]["type"] = "words"


@pytest.mark.parametrize(
    "breaking",
    [unknown_property, wrong_word, unknown_option, wrong_shape, wrong_field, wrong_mapping],
    ids=lambda one: one.__name__,
)
def test_a_broken_dashboard_is_refused(breaking: Callable[[Document], None], tmp_path: Path):
    dashboard = exported(BOARDS[0], Source.infinity)
    breaking(dashboard)
    done = check(dashboard, tmp_path)
    assert done.returncode != 0
    assert "error TS" in done.stdout

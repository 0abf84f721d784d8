"""Merge the API descriptions of all capabilities into one OpenAPI 3.1 document."""

import json
from pathlib import Path
from typing import Any

from stacks.constructs.yaml_source import SourceError, YamlSource, read_yaml

ROOT = Path(__file__).parents[2]
API = ROOT / "docs" / "api"
BASE = "_base.yaml"
FRAGMENT_KEYS = {"paths", "components", "tags"}


def compile_openapi(folder: Path = API, *, root: Path = ROOT) -> str:
    """Return the whole API description as JSON text, the same for the same files.

    Raises ``SourceError`` where two fragments describe one operation or one component, or hold other keys.
    """
    document = read_yaml(folder / BASE, root).data
    faults: list[str] = []
    for file in sorted(folder.glob("*.yaml")):
        if file.name != BASE:
            faults += _add(document, read_yaml(file, root))
    if faults:
        raise SourceError(faults)
    return json.dumps(document, sort_keys=True, ensure_ascii=False, indent=1) + "\n"


def _add(document: dict[str, Any], source: YamlSource) -> list[str]:
    faults = [
        source.fault((key,), f"a fragment holds only {', '.join(sorted(FRAGMENT_KEYS))}")
        for key in sorted(set(source.data) - FRAGMENT_KEYS)
    ]
    for path, operations in source.data.get("paths", {}).items():
        faults += _merge(document["paths"].setdefault(path, {}), operations, source, ("paths", path))
    for kind, parts in source.data.get("components", {}).items():
        faults += _merge(document["components"].setdefault(kind, {}), parts, source, ("components", kind))
    document.setdefault("tags", []).extend(source.data.get("tags", []))
    return faults


def _merge(into: dict[str, Any], parts: dict[str, Any], source: YamlSource, path: tuple[str, ...]) -> list[str]:
    faults = []
    for name, part in parts.items():
        if name in into:
            faults.append(source.fault((*path, name), "already described in another file; keep one"))
        else:
            into[name] = part
    return faults

"""Check the catalog's text files and compile them to the one document that functions read."""

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from stacks.constructs.yaml_source import Path_, SourceError, YamlSource, read_yaml

ROOT = Path(__file__).parents[2]
CATALOG = ROOT / "layers" / "catalog"
SCHEMA = ROOT / "docs" / "schema" / "catalog.schema.json"
FORMAT = 1  # opsloop.catalog.FORMAT reads this one

BUILT_IN = {
    "dimensions": [],
    "series_limit": 2000,
    "availability_error_ratio": 0.05,
    "description": "",
    "counts_4xx_as_errors": False,
    "replica_attribute": "",
    "backfill_from": "",
    "anomaly": {},
    "runbook": "",
}
DATABASE = {
    "description": "",
    "secret": "",
    "source_name": "",
    "schemas": [],
    "exclude_schemas": [],
    "every_h": 6,
    "format": "custom",
    "retention": "standard",
    "legal_hold": False,
    "object_lock_days": 0,
    "assertions": [],
    "sources": [],
}
OBJECTIVES = {1: (300, 3600), 2: (900, 14_400), 3: (3600, 86_400)}  # tier -> RPO and RTO in seconds
STANDARD = {"name": "standard", "policy": "rolling", "days": 30}  # the class where none is named
RETENTION = {"mode": "suggest", "keep": 0, "days": 0, "daily": 0, "weekly": 0, "monthly": 0, "yearly": 0, "minimum": 3}
UNDECLARED = {"tier": 4, "owner": "nobody", "contact": "nobody", "environment": "production"}
NEEDED = ("tier", "owner", "contact", "environment")
ONCE = ("defaults", "undeclared")


def compile_catalog(folder: Path = CATALOG, *, root: Path = ROOT, schema: Path = SCHEMA) -> str:
    """Return the compiled catalog as JSON text, the same for the same files.

    Raises ``SourceError`` with one line per mistake: file, line and column, field, and what would be right.
    """
    validator = Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    sources: list[YamlSource] = []
    faults: list[str] = []
    for file in sorted(folder.glob("*.yaml")):
        try:
            source = read_yaml(file, root)
        except SourceError as error:
            faults += error.faults
            continue
        problems = sorted(validator.iter_errors(source.data or {}), key=lambda error: list(map(str, error.path)))
        faults += [line for problem in problems for line in _explain(source, problem)]
        sources.append(source)
    if not faults:
        faults += [
            *_repeated_sections(sources),
            *_repeated_names(sources),
            *_missing_fields(sources),
            *_unknown_services(sources),
            *_unknown_in_databases(sources),
        ]
    if faults:
        raise SourceError(faults)
    document = {
        "format": FORMAT,
        "services": sorted(_services(sources), key=lambda service: str(service["name"])),
        "streams": {stream["name"]: stream["fingerprint_window_s"] for stream in _streams(sources)},
        "channels": sorted(_section_items(sources, "channels"), key=lambda channel: str(channel["name"])),
        **_backups(sources),
        "undeclared": BUILT_IN | UNDECLARED | _section(sources, "undeclared"),
    }
    return json.dumps(document, sort_keys=True, ensure_ascii=False, indent=1) + "\n"


def _explain(source: YamlSource, error: ValidationError) -> Iterator[str]:
    """Say what is wrong, and what would be right, for one finding of the schema."""
    path: Path_ = tuple(error.absolute_path)
    instance: Any = error.instance
    schema = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        for key in sorted(set(instance) - set(known)):
            yield source.fault((*path, str(key)), f"unknown field; {_nearest(str(key), known)}")
    elif error.validator == "required":
        missing = [key for key in schema["required"] if key not in instance]
        yield source.fault(path, f"the field {' and '.join(missing)} is missing")
    elif error.validator == "enum":
        yield source.fault(path, f"{instance!r} is not known; {_nearest(instance, schema['enum'])}")
    elif error.validator == "uniqueItems":
        twice = sorted({str(item) for item in instance if instance.count(item) > 1})
        yield source.fault(path, f"{', '.join(twice)} is written twice; name each once")
    else:
        yield source.fault(path, f"{_shown(instance)} is wrong; write {_right(schema)}")


def _nearest(word: object, known: list[Any]) -> str:
    words = [str(one) for one in known]
    near = difflib.get_close_matches(str(word), words, n=1) if isinstance(word, str) else []
    return f"did you mean {near[0]}?" if near else f"write one of {', '.join(words)}"


def _shown(value: object) -> str:
    if isinstance(value, bool):  # YAML reads a bare no, off, yes and on as a truth value
        return f"{str(value).lower()} (a truth value; put the word in quotes if it is text)"
    return json.dumps(value, ensure_ascii=False, default=str)


def _right(schema: dict[str, Any]) -> str:
    text = str(schema.get("description") or f"a value of type {schema.get('type', 'object')}")
    examples = schema.get("examples")
    return f"{text}, for example {json.dumps(examples[0], ensure_ascii=False)}" if examples else text


def _section(sources: list[YamlSource], name: str) -> dict[str, Any]:
    return next((dict(source.data[name]) for source in sources if name in (source.data or {})), {})


def _services(sources: list[YamlSource]) -> Iterator[dict[str, Any]]:
    defaults = _section(sources, "defaults")
    for _, _, service in _declared(sources):
        yield BUILT_IN | defaults | service


def _declared(sources: list[YamlSource]) -> Iterator[tuple[YamlSource, int, dict[str, Any]]]:
    for source in sources:
        for index, service in enumerate((source.data or {}).get("services", [])):
            yield source, index, service


def _streams(sources: list[YamlSource]) -> Iterator[dict[str, Any]]:
    for source in sources:
        yield from (source.data or {}).get("streams", [])


def _section_items(sources: list[YamlSource], section: str) -> Iterator[dict[str, Any]]:
    for source in sources:
        yield from (source.data or {}).get(section, [])


def _backups(sources: list[YamlSource]) -> dict[str, Any]:
    """Return what is declared of databases: objectives filled in by tier, and the retention class that is usual."""
    by_tier = OBJECTIVES | {one["tier"]: (one["rpo_s"], one["rto_s"]) for one in _section_items(sources, "objectives")}
    classes = {one["name"]: RETENTION | one for one in [STANDARD, *_section_items(sources, "retention")]}
    databases = []
    for one in _section_items(sources, "databases"):
        rpo_s, rto_s = by_tier[one["tier"]]
        whole = DATABASE | {"rpo_s": rpo_s, "rto_s": rto_s} | one
        databases.append(whole | {"source_name": whole["source_name"] or whole["name"]})
    disasters = [{"description": "", "steps": []} | one for one in _section_items(sources, "disasters")]
    return {
        "databases": sorted(databases, key=lambda one: str(one["name"])),
        "retention": [classes[name] for name in sorted(classes)],
        "disasters": sorted(disasters, key=lambda one: str(one["name"])),
    }


def _unknown_in_databases(sources: list[YamlSource]) -> Iterator[str]:
    """Say where databases and disasters name what nobody declared."""
    services = sorted(service["name"] for _, _, service in _declared(sources))
    classes = sorted({"standard", *(one["name"] for one in _section_items(sources, "retention"))})
    databases = sorted(one["name"] for one in _section_items(sources, "databases"))
    for source in sources:
        for place, one in enumerate((source.data or {}).get("databases", [])):
            if one["service"] not in services:
                problem = f"{one['service']} is not a declared service; {_nearest(one['service'], services)}"
                yield source.fault(("databases", place, "service"), problem)
            if one.get("retention", "standard") not in classes:
                problem = f"{one['retention']} is not a retention class; {_nearest(one['retention'], classes)}"
                yield source.fault(("databases", place, "retention"), problem)
        for place, one in enumerate((source.data or {}).get("disasters", [])):
            for index, name in enumerate(one["databases"]):
                if name not in databases:
                    problem = f"{name} is not a declared database; {_nearest(name, databases)}"
                    yield source.fault(("disasters", place, "databases", index), problem)


def _unknown_services(sources: list[YamlSource]) -> Iterator[str]:
    """Say where a channel is for a service that nobody declared: misspelt, it would never be told anything."""
    known = sorted(service["name"] for _, _, service in _declared(sources))
    for source in sources:
        for place, channel in enumerate((source.data or {}).get("channels", [])):
            for index, name in enumerate(channel.get("services", [])):
                if name not in known:
                    path: Path_ = ("channels", place, "services", index)
                    yield source.fault(path, f"{name} is not a declared service; {_nearest(name, known)}")


def _repeated_sections(sources: list[YamlSource]) -> Iterator[str]:
    for name in ONCE:
        holders = [source for source in sources if name in (source.data or {})]
        for source in holders[1:]:
            yield source.fault((name,), f"already in {holders[0].file}; keep one")


def _repeated_names(sources: list[YamlSource]) -> Iterator[str]:
    for section in ("services", "streams", "channels", "databases", "objectives", "retention", "disasters"):
        key = "tier" if section == "objectives" else "name"
        seen: dict[str, str] = {}
        for source in sources:
            for index, one in enumerate((source.data or {}).get(section, [])):
                path: Path_ = (section, index, key)
                name = str(one[key])
                if name in seen:
                    yield source.fault(path, f"{name} is already declared in {seen[name]}; keep one")
                else:
                    seen[name] = f"{source.file}:{source.places[path][0]}"


def _missing_fields(sources: list[YamlSource]) -> Iterator[str]:
    defaults = _section(sources, "defaults")
    for source, index, service in _declared(sources):
        for field in NEEDED:
            if field not in service and field not in defaults:
                message = f"{service['name']} has no {field}; add it here or under defaults"
                yield source.fault(("services", index), message)

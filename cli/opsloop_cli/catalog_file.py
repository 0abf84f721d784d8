"""The catalog for commands that work on files: the compiled document, or the YAML that teams write."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from opsloop.catalog import Catalog, Service
from opsloop.errors import InvalidInputError
from opsloop_cli.failure import CommandError, ExitCode

SERIES_LIMIT = 2_000
_DEFAULTS: dict[str, Any] = {
    "tier": 4,
    "owner": "nobody",
    "contact": "nobody",
    "environment": "production",
    "dimensions": (),
    "series_limit": SERIES_LIMIT,
    "availability_error_ratio": 0.05,
}


def read_catalog(path: Path | None) -> Catalog:
    """Return the catalog of a file: compiled JSON, or YAML of ``layers/catalog``. None: as if nothing was declared."""
    if path is None:
        return Catalog({}, _service({"name": ""}, is_declared=False))
    try:
        if path.suffix == ".json":
            return Catalog.from_json(path.read_bytes())
        return _from_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidInputError) as error:
        raise CommandError(f"--catalog: {path} is no catalog that can be read: {error}", ExitCode.USAGE) from None


def _from_yaml(text: str) -> Catalog:
    """Return the catalog of one YAML file. What is wrong in it, ``cdk synth`` tells better."""
    import yaml

    try:
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    defaults = document.get("defaults") or {}
    services = [_service({**defaults, **item}, is_declared=True) for item in document.get("services") or []]
    undeclared = _service({"name": "", **(document.get("undeclared") or {})}, is_declared=False)
    return Catalog({one.name: one for one in services}, undeclared)


def _service(item: dict[str, Any], *, is_declared: bool) -> Service:
    known = {field.name for field in fields(Service)}
    values = {**_DEFAULTS, **{name: value for name, value in item.items() if name in known}}
    return Service(**{**values, "dimensions": tuple(values["dimensions"]), "is_declared": is_declared})

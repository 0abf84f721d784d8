"""What a catalog says a database's dumps must be: for ``opsloop backup verify``."""

from pathlib import Path
from typing import Any

from opsloop.catalog import Assertion, Catalog
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError
from opsloop_cli.failure import CommandError, ExitCode


@dataclass(frozen=True)
class Expected:
    """The catalog's name of a database, what its server calls it, and what must be true of a copy."""

    database: str = ""
    source_name: str = ""
    assertions: tuple[Assertion, ...] = ()


def expected_of(path: Path | None, name: str | None) -> Expected:
    """Return what the catalog in a file says of a database; of the only one, where none is named."""
    if path is None:
        return Expected()
    try:
        found = _compiled(path) if path.suffix == ".json" else _written(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidInputError) as error:
        raise CommandError(f"--catalog: {path} is no catalog that can be read: {error}", ExitCode.USAGE) from None
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name not in found:
        known = ", ".join(sorted(found)) or "no database"
        raise CommandError(f"--database: {path} has {known}; name one of them", ExitCode.USAGE)
    return found[name]


def _compiled(path: Path) -> dict[str, Expected]:
    databases = Catalog.from_json(path.read_bytes()).databases
    return {one.name: Expected(one.name, one.source_name, one.assertions) for one in databases.values()}


def _written(path: Path) -> dict[str, Expected]:
    """Return the databases of one YAML file. What is wrong in it, ``cdk synth`` tells better."""
    import yaml

    try:
        document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    return {item["name"]: _expected(item) for item in document.get("databases") or []}


def _expected(item: dict[str, Any]) -> Expected:
    assertions = tuple(Assertion(one["name"], one["sql"]) for one in item.get("assertions") or [])
    return Expected(item["name"], item.get("source_name") or item["name"], assertions)

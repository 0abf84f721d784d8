"""The catalog layer: what synth compiles, found beside the package, never under /opt."""

from functools import cache

import opsloop_catalog

from opsloop.catalog import Catalog

FOLDER = str(opsloop_catalog.__file__).removesuffix("__init__.py")  # without pathlib, which costs 4 ms here


@cache
def load_catalog() -> Catalog:
    """Return the catalog that this function was deployed with; read once per process."""
    return Catalog.from_json(_read("catalog.json"))


@cache
def load_openapi() -> bytes:
    """Return the OpenAPI 3.1 document of the whole API, as UTF-8 JSON."""
    return _read("openapi.json")


def load_functions() -> bytes:
    """Return what was known of each function when the stacks were made, as ``opsloop.health.facts`` reads it."""
    return _read("functions.json")


def _read(name: str) -> bytes:
    with open(FOLDER + name, "rb") as file:
        return file.read()

"""The catalog layer: the compiled catalog and the API description, found beside the package, never under /opt."""

from functools import cache
from pathlib import Path

import opsloop_catalog

from opsloop.catalog import Catalog

FOLDER = Path(opsloop_catalog.__file__).parent


@cache
def load_catalog() -> Catalog:
    """Return the catalog that this function was deployed with; read once per process."""
    return Catalog.from_json((FOLDER / "catalog.json").read_bytes())


@cache
def load_openapi() -> bytes:
    """Return the OpenAPI 3.1 document of the whole API, as UTF-8 JSON."""
    return (FOLDER / "openapi.json").read_bytes()

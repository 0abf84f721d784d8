"""A function reads the catalog that was compiled for it, and no other."""

import json

import pytest

from opsloop.catalog import FORMAT, Catalog
from opsloop.errors import InvalidInputError
from stacks.constructs import catalog_build


def test_synth_writes_the_format_that_functions_read() -> None:
    assert catalog_build.FORMAT == FORMAT


def test_another_format_is_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match="format 99 is not 1"):
        Catalog.from_json(json.dumps({"format": 99, "services": [], "undeclared": {}}))

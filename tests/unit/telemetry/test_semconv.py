"""The renamed attributes against the conventions' own packages: what these say was replaced, and by what."""

import importlib
import inspect
import re

import pytest

from opsloop.telemetry.semconv import RENAMED, names_of, new_name

AREAS = ("http", "net", "db", "messaging", "rpc")
LINE = re.compile(r'^\w+: Final = "(?P<old>[^"]+)"\n"""\nDeprecated: (?P<how>Replaced by .*)$', re.MULTILINE)
SPLIT = {
    "http.request_content_length": "http.request.body.size",  # became a header; the schema file says body size
    "http.response_content_length": "http.response.body.size",
}
NO_DIMENSIONS = re.compile(r"cassandra\.(?!table)|cosmosdb\.(?!container)|uncompressed|metadata|path_parts|node\.name")


def replaced():
    """Yield old name, and the names that its documentation offers instead."""
    for area in AREAS:
        module = importlib.import_module(f"opentelemetry.semconv._incubating.attributes.{area}_attributes")
        for found in LINE.finditer(inspect.getsource(module)):
            yield found["old"], re.findall(r"`([a-z0-9_.]+)`", found["how"])


def test_every_replaced_attribute_of_the_conventions_is_known_under_a_name_they_offer():
    known = dict(replaced())
    assert len(known) > 40
    for old, offered in known.items():
        if offered and not NO_DIMENSIONS.search(old) and old != "db.connection_string":
            assert RENAMED[old] in [*offered, SPLIT.get(old)], old


def test_a_new_name_is_never_an_old_one_too():
    assert not set(RENAMED) & set(RENAMED.values())


@pytest.mark.parametrize("name", ["http.status_code", "http.response.status_code"])
def test_an_attribute_is_found_by_any_of_its_names_the_new_one_first(name):
    assert names_of(name) == ("http.response.status_code", "http.status_code")
    assert new_name(name) == "http.response.status_code"


def test_what_was_never_renamed_has_one_name():
    assert names_of("tenant") == ("tenant",)

"""Which store an endpoint names, and what it costs to name it."""

import subprocess
import sys
from pathlib import Path

import pytest

from opsloop.adapters.search_embedded import EmbeddedSearchStore
from opsloop.adapters.search_none import NoSearchStore
from opsloop.adapters.search_opensearch import OpenSearchStore
from opsloop.adapters.search_store import open_search
from opsloop.errors import DependencyUnavailableError, InvalidInputError
from opsloop.search import IndexSpec, Kind, Query, SearchStore

SPEC = IndexSpec("line", {"at": Kind.TIME}, "at")
PACKAGE = Path(__file__).parents[3] / "layers" / "core" / "python"


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        ("", NoSearchStore),
        ("file:///nowhere/search.db", EmbeddedSearchStore),
        ("http://127.0.0.1:9200", OpenSearchStore),
        ("https://search.example.com/opsloop-dev", OpenSearchStore),
    ],
)
def test_the_endpoint_names_the_store(endpoint: str, kind: type) -> None:
    assert type(open_search(endpoint, prefix="test")) is kind


@pytest.mark.parametrize("endpoint", ["name", "file://relative/path", "ftp://x", "https://", "localhost:9200", "none"])
def test_any_other_endpoint_is_refused_at_once(endpoint: str) -> None:
    with pytest.raises(InvalidInputError, match="SEARCH_ENDPOINT"):
        open_search(endpoint, prefix="test")


def test_without_a_store_every_call_says_why() -> None:
    store: SearchStore = NoSearchStore()
    calls = (
        lambda: store.prepare(SPEC),
        lambda: store.put(SPEC, []),
        lambda: store.search(SPEC, Query()),
        lambda: store.nearest(SPEC, "x", [1.0], Query(), size=1),
        lambda: store.count(SPEC, Query()),
        lambda: store.counts(SPEC, Query(), interval_ns=1),
        lambda: store.top(SPEC, Query(), field="x", size=1),
        lambda: store.scan(SPEC, Query()),
        lambda: store.delete(SPEC, Query()),
        lambda: store.drop(SPEC),
    )
    for call in calls:
        with pytest.raises(DependencyUnavailableError, match="SEARCH_ENDPOINT is empty"):
            call()
    assert not store.standing().is_ready


@pytest.mark.parametrize(
    ("endpoint", "heavy"),
    [("", set()), ("file:///nowhere/search.db", {"sqlite3"}), ("http://127.0.0.1:9", {"opensearchpy"})],
)
def test_only_what_the_endpoint_needs_is_imported(endpoint: str, heavy: set[str]) -> None:
    code = (
        "import sys; from opsloop.adapters.search_store import open_search;"
        f"open_search({endpoint!r}, prefix='x');"
        "print(*{'opensearchpy', 'sqlite3', 'numpy', 'boto3'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(PACKAGE)})
    assert set(done.stdout.split()) == heavy


@pytest.mark.parametrize(
    ("name", "fields", "time_field", "dimensions"),
    [
        ("a-b", {"at": Kind.TIME}, "at", 0),
        ("", {"at": Kind.TIME}, "at", 0),
        ("a", {"at": Kind.TIME, "x; DROP": Kind.TEXT}, "at", 0),
        ("a", {"At": Kind.TIME}, "At", 0),
        ("a", {"at": Kind.NUMBER}, "at", 0),
        ("a", {}, "at", 0),
        ("a", {"at": Kind.TIME, "v": Kind.VECTOR}, "at", 0),
        ("a", {"at": Kind.TIME}, "at", 3),
    ],
)
def test_an_index_is_described_without_contradiction(
    name: str, fields: dict[str, Kind], time_field: str, dimensions: int
) -> None:
    with pytest.raises(InvalidInputError):
        IndexSpec(name, fields, time_field, dimensions)

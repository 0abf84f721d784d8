"""Over random small shops and questions, each store finds what a plain model of the port finds."""

from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsloop.search import Query, SearchStore
from tests.integration.search_model import (
    ASKED,
    DAY,
    SHOPS,
    SPEC,
    Asked,
    S,
    counted,
    documents,
    fitting,
    most,
)
from tests.integration.search_server import OneStore

RUNS = count()


def paged(store: SearchStore, query: Query, order: str, size: int) -> tuple[list[str], set[int]]:
    """Return the ids of all pages and the totals that they told."""
    ids: list[str] = []
    totals: set[int] = set()
    cursor = ""
    while True:
        page = store.search(SPEC, query, order=order, size=size, cursor=cursor)
        ids += [hit.doc_id.partition(":")[2] for hit in page.hits]
        totals.add(page.total)
        if not page.cursor:
            return ids, totals
        cursor = page.cursor


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents=SHOPS, asked=st.lists(ASKED, min_size=1, max_size=4), size=st.integers(1, 7))
def test_a_store_finds_what_the_model_finds(
    tested: OneStore, contents: dict[str, dict[str, Any]], asked: list[Asked], size: int
) -> None:
    run, store = f"run{next(RUNS)}", tested.store
    assert store.put(SPEC, documents(contents, run)) == ()
    tested.settle()
    for one in asked:
        ids, query = fitting(contents, one), one.query(run)
        assert paged(store, query, "oldest", size) == (ids, {len(ids)})
        assert paged(store, query, "newest", size) == (ids[::-1], {len(ids)})
        by_relevance, _ = paged(store, query, "relevance", 1_000)
        assert sorted(by_relevance) == sorted(ids)
        assert store.count(SPEC, query) == len(ids)
        for interval_ns in (400 * S, DAY):
            expected = counted(contents, ids, interval_ns)
            assert store.counts(SPEC, query, interval_ns=interval_ns, group_by="service") == expected
        assert store.top(SPEC, query, field="service", size=2) == most(contents, ids, 2)
        assert [found.doc_id for found in store.scan(SPEC, query)] == sorted(f"{run}:{doc_id}" for doc_id in ids)
    gone = asked[0].query(run)
    left = len(contents) - len(fitting(contents, asked[0]))
    assert store.delete(SPEC, gone) == len(contents) - left
    tested.settle()
    assert store.count(SPEC, Query({"run": [run]})) == left

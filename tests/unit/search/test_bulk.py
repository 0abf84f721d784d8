"""Putting documents into an OpenSearch that fails: what failed for a while goes again, alone; the rest is said."""

import socket
from collections.abc import Callable, Iterator

import pytest

from local.state import free_port
from opsloop.adapters import search_opensearch_bulk as bulk
from opsloop.adapters import search_opensearch_client
from opsloop.adapters.search_opensearch import OpenSearchStore
from opsloop.errors import DependencyUnavailableError
from opsloop.search import Document, IndexSpec, Kind, Query, Refused
from tests.unit.search.fake_opensearch import GOOD, Script, served

SPEC = IndexSpec("line", {"at": Kind.TIME, "body": Kind.TEXT}, "at")
NOON = 1_795_262_400_000_000_000  # 2026-11-21T12:00Z
DAY = 86_400_000_000_000
BUSY = (429, "rejected_execution_exception")
Open = Callable[[Script], OpenSearchStore]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Return ``opened(script)``: a store on a server that follows the script; waits take no time."""
    monkeypatch.setattr(bulk.put_all, "__kwdefaults__", {"sleep": lambda _s: None})
    contexts = []

    def start(script: Script) -> OpenSearchStore:
        context = served(script)
        store = OpenSearchStore(context.__enter__(), prefix="test")
        contexts.append((context, store))
        return store

    yield start
    for context, store in contexts:
        store.close()
        context.__exit__(None, None, None)


def documents(number: int, *, size: int = 10) -> list[Document]:
    return [Document(f"d{place:04}", {"at": NOON + place, "body": "x" * size}) for place in range(number)]


def test_what_failed_for_a_while_is_sent_again_alone(opened: Open) -> None:
    script = Script(lambda id_, attempt: BUSY if id_ in {"d0002", "d0005"} and attempt < 3 else GOOD)
    assert opened(script).put(SPEC, documents(8)) == ()
    assert script.asked == [[f"d{place:04}" for place in range(8)], ["d0002", "d0005"], ["d0002", "d0005"]]
    assert len(script.kept) == 8


def test_a_document_that_is_wrong_is_refused_and_not_sent_again(opened: Open) -> None:
    outcomes = {"d0000": (400, "mapper_parsing_exception"), "d0001": (503, "unavailable_shards_exception")}
    script = Script(lambda id_, attempt: outcomes.get(id_, GOOD) if attempt == 1 else GOOD)
    assert opened(script).put(SPEC, documents(3)) == (Refused("d0000", "because of mapper_parsing_exception"),)
    assert script.asked[1:] == [["d0001"]]


@pytest.mark.parametrize(
    "outcome", [BUSY, (503, "x"), (403, "cluster_block_exception"), (400, "validation_exception"), (404, "index_x")]
)
def test_a_fault_of_the_store_is_no_fault_of_a_document_and_is_given_up_in_the_end(
    opened: Open, outcome: tuple[int, str]
) -> None:
    script = Script(lambda id_, _attempt: outcome if id_ == "d0001" else GOOD)
    with pytest.raises(DependencyUnavailableError, match=f"1 documents were not put; the last: status {outcome[0]}"):
        opened(script).put(SPEC, documents(3))
    assert len(script.asked) == bulk.ATTEMPTS
    assert sorted(script.kept) == ["d0000", "d0002"]


def test_a_request_that_is_turned_away_whole_is_sent_again_whole(opened: Open) -> None:
    script = Script(whole=[(404, b"{}"), (200, b"{}"), (200, b"{}"), (429, b"{}"), (429, b"{}")])
    assert opened(script).put(SPEC, documents(2)) == ()
    assert script.asked == [["d0000", "d0001"]] * 3


def test_waits_grow_and_have_an_end(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(bulk, "chance", lambda: 1.0)
    monkeypatch.setattr(bulk.put_all, "__kwdefaults__", {"sleep": waits.append})
    with pytest.raises(DependencyUnavailableError):
        opened(Script(lambda _id, _attempt: BUSY)).put(SPEC, documents(1))
    assert waits == [0.2, 0.4, 0.8, 1.6]


def test_requests_are_no_larger_than_the_smallest_domain_takes(opened: Open) -> None:
    script = Script()
    opened(script).put(
        SPEC, [*documents(2_500), *(Document(f"L{n}", {"at": NOON, "body": "y" * 900_000}) for n in "abc")]
    )
    sizes = [
        int(head["content-length"]) for head, path in zip(script.headers, script.paths, strict=True) if "_bulk" in path
    ]
    assert max(sizes) <= 5 << 20
    assert max(map(len, script.asked)) == bulk.MAX_DOCUMENTS
    assert len(script.kept) == 2_503


def test_a_document_lies_in_the_index_of_its_utc_day(opened: Open) -> None:
    script = Script()
    times = {"a": NOON, "b": NOON + DAY // 2 - 1, "c": NOON + DAY // 2, "d": 0}
    opened(script).put(SPEC, [Document(name, {"at": time}) for name, time in times.items()])
    assert script.indexes == {"test-line-2026.11.21", "test-line-2026.11.22", "test-line-1970.01.01"}


@pytest.mark.parametrize(
    "answer",
    [(200, b"[]"), (200, b"not json"), (200, b'{"items": []}'), (500, b""), (401, b"{}"), (403, b'{"Message": "no"}')],
)
def test_an_answer_that_is_not_opensearchs_is_a_store_that_does_not_work(
    opened: Open, answer: tuple[int, bytes]
) -> None:
    store = opened(Script(whole=[(404, b"{}"), (200, b"{}"), (200, b"{}"), *[answer] * 9]))
    with pytest.raises(DependencyUnavailableError):
        store.put(SPEC, documents(1))
    with pytest.raises(DependencyUnavailableError):
        store.search(SPEC, Query())
    assert not store.standing().is_ready


def test_a_store_that_refuses_us_says_where_to_look(opened: Open) -> None:
    store = opened(Script(whole=[(403, b'{"Message": "no"}')]))
    with pytest.raises(DependencyUnavailableError, match="allow_search"):
        store.count(SPEC, Query())


def test_a_store_that_is_down_is_said_to_be(opened: Open) -> None:
    store = OpenSearchStore(f"http://127.0.0.1:{free_port()}", prefix="test")
    with pytest.raises(DependencyUnavailableError, match="cannot search"):
        store.search(SPEC, Query())
    standing = store.standing()
    assert not standing.is_ready
    assert "cannot say how it is" in standing.detail
    store.close()


def test_a_store_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_opensearch_client, "READ_TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections are taken, and nothing is ever said
        store = OpenSearchStore(f"http://127.0.0.1:{silent.getsockname()[1]}", prefix="test")
        with pytest.raises(DependencyUnavailableError, match="ConnectionTimeout"):
            store.count(SPEC, Query())
        store.close()


def test_what_is_not_searched_by_reading_it_needs_no_right_but_reading(opened: Open) -> None:
    script = Script()
    store = opened(script)
    for ask in (lambda: store.search(SPEC, Query()), lambda: store.count(SPEC, Query()), store.standing):
        try:
            ask()
        except DependencyUnavailableError:  # the fake has no answer; what was asked is what counts
            continue
    assert {path.partition("?")[0] for path in script.paths} == {
        "POST /test-line/_search",
        "POST /test-line/_count",
        "GET /_cluster/health",
    }

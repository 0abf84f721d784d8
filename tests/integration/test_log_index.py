"""What was kept becomes searchable, each document once; while the store is down it waits, and nothing is lost."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from opsloop.adapters.log_bucket import LogBucket
from opsloop.adapters.log_pending import PendingTable
from opsloop.errors import DependencyUnavailableError
from opsloop.log.document import read_line
from opsloop.log.keep import lines_of
from opsloop.log.search_spec import LOGS
from opsloop.search import Document, Query, Refused
from tests.integration.test_log_keep import sample, stream_event

REQUESTED = {"content-type": "application/json"}


@pytest.fixture
def kept(aws: Any, load_handler: Any, event: Any, context: Any) -> list[str]:
    """Keep two real batches of logs; return the keys of the objects."""
    context.remaining_ms = 250_000
    ingest, keep = load_handler("telemetry_ingest"), load_handler("log_keep")
    ingest.lambda_handler(stream_event(aws, sample("shop-logs-0.pb"), sample("shop-logs-1.pb")), context)
    keep.lambda_handler(event("log_keep/schedule"), context)
    return sorted(key for key in aws.objects("LOG_BUCKET") if key.startswith("logs/"))


@pytest.fixture
def pending(aws: Any) -> PendingTable:
    return PendingTable(aws.names["LOG_TABLE"])


@pytest.fixture
def index(aws: Any, kept: Any, load_handler: Any, tmp_path: Path) -> ModuleType:
    return load_handler("log_index", SEARCH_ENDPOINT=f"file://{tmp_path}/search")


@pytest.fixture
def schedule(event: Any, pending: PendingTable, kept: Any) -> Callable[..., dict[str, Any]]:
    """Return ``schedule(after_s=60)``: the event of that long after the last records arrived."""
    last_s = max(one.since_s for one in pending.oldest(1000))

    def made(*, after_s: int = 60) -> dict[str, Any]:
        return {**event("log_index/schedule"), "time": str(last_s + after_s)}

    return made


def with_key(body: str, key: str) -> str:
    """Return the body of a message that tells of the object ``key``."""
    found = json.loads(body)
    found["detail"]["object"]["key"] = key
    return json.dumps(found)


@pytest.fixture
def told(event: Any) -> Callable[..., dict[str, Any]]:
    def made(*keys: str) -> dict[str, Any]:
        (sample,) = event("log_index/documents")["Records"]
        return {"Records": [{**sample, "body": with_key(sample["body"], key)} for key in keys]}

    return made


def documents(index: ModuleType) -> dict[str, Any]:
    return {one.doc_id: one.content for one in index.store.scan(LOGS, Query())}


def expected(aws: Any, keys: list[str]) -> dict[str, str]:
    """Return id and body of every document that was kept."""
    objects = aws.objects("LOG_BUCKET")
    records = [read_line(line) for key in keys for line in lines_of(objects[key])]
    return {one.doc_id: one.body for one in records}


def found(index: ModuleType) -> dict[str, str]:
    return {doc_id: content.get("body", "") for doc_id, content in documents(index).items()}


def test_an_object_is_searchable_when_its_event_has_come(aws, kept, index, pending, told, context) -> None:
    before = len(pending.oldest(1000))
    index.lambda_handler(told(kept[0]), context)
    assert found(index) == expected(aws, kept[:1])
    assert len(pending.oldest(1000)) == before - 1
    index.lambda_handler(told(kept[0]), context)
    assert found(index) == expected(aws, kept[:1])


def test_a_batch_of_events_puts_in_each_object_once(aws, kept, index, pending, told, context) -> None:
    answer = index.lambda_handler(told(*kept, kept[0]), context)
    assert answer["objects"] == len(kept)
    assert found(index) == expected(aws, kept)
    assert pending.oldest(10) == []


def test_what_no_event_told_of_is_found_by_the_clock(aws, kept, index, pending, schedule, context) -> None:
    assert index.lambda_handler(schedule(after_s=0), context)["objects"] == 0  # its events may be on their way
    assert index.lambda_handler(schedule(), context)["objects"] == len(kept)
    assert found(index) == expected(aws, kept)
    assert pending.oldest(10) == []


def test_fields_are_searched_as_their_kinds_say(kept, index, schedule, context) -> None:
    index.lambda_handler(schedule(), context)
    every = documents(index)
    one = next(iter(every.values()))
    for field in ("service", "severity", "template"):
        wanted = Counter(content.get(field) for content in every.values())[one[field]]
        assert index.store.count(LOGS, Query(terms={field: [one[field]]})) == wanted
    assert index.store.count(LOGS, Query(ranges={"time": (one["time"], one["time"])})) >= 1
    word = one["body"].split()[0]
    assert index.store.search(LOGS, Query(text=word)).total >= 1


def test_while_the_store_is_down_documents_wait_and_then_are_there_once(
    aws, kept, index, pending, schedule, told, context, monkeypatch, capsys
) -> None:
    real = index.store.put
    calls: list[int] = []

    def down(*_: Any) -> tuple[Refused, ...]:
        raise DependencyUnavailableError("search store: no answer")

    def lost_answer(spec: Any, some: Any) -> tuple[Refused, ...]:
        real(spec, some)
        calls.append(len(some))
        raise DependencyUnavailableError("search store: no answer")

    before = pending.oldest(1000)
    for put in (down, lost_answer):
        monkeypatch.setattr(index.store, "put", put)
        index.lambda_handler(told(kept[0]), context)
        answer = index.lambda_handler(schedule(after_s=1000), context)
        assert answer["why_not"] == "search store: no answer"
        assert pending.oldest(1000) == before
    assert '"SearchPendingAgeSeconds":[1000.0]' in capsys.readouterr().out
    assert calls
    monkeypatch.setattr(index.store, "put", real)
    assert index.lambda_handler(schedule(), context)["objects"] == len(kept)
    assert found(index) == expected(aws, kept)
    assert pending.oldest(10) == []


def test_an_index_that_forgets_too_early_would_be_caught(aws, kept, index, schedule, context, monkeypatch) -> None:
    real = index.waiting.done

    def put(*_: Any) -> tuple[Refused, ...]:
        real(index.waiting.oldest(1000))  # broken on purpose: before the store has them
        raise DependencyUnavailableError("search store: no answer")

    monkeypatch.setattr(index.store, "put", put)
    index.lambda_handler(schedule(), context)
    monkeypatch.undo()
    assert found(index) != expected(aws, kept)


def test_what_the_store_refuses_is_counted_and_said(
    kept, index, pending, schedule, context, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(index.store, "put", lambda _, some: (Refused(some[0].doc_id, "too deep"),))
    index.lambda_handler(schedule(), context)
    assert pending.oldest(10) == []
    assert '"LogDocumentsRefused":[1.0]' in capsys.readouterr().out


def test_an_object_that_is_gone_holds_nothing_up(aws, kept, index, pending, schedule, context, capsys) -> None:
    aws.client("s3").delete_object(Bucket=aws.names["LOG_BUCKET"], Key=kept[0])
    index.lambda_handler(schedule(), context)
    assert found(index) == expected(aws, kept[1:])
    assert pending.oldest(10) == []
    assert '"LogObjectsUnreadable":[1.0]' in capsys.readouterr().out


def test_what_was_not_committed_is_not_searchable(aws, kept, index, told, context, monkeypatch) -> None:
    monkeypatch.setattr(index.time, "sleep", lambda _: None)
    LogBucket(aws.names["LOG_BUCKET"]).put("logs/web/2026-11-21/08/x.jsonl.gz", b"", since_s=5)
    assert index.lambda_handler(told("logs/web/2026-11-21/08/x.jsonl.gz"), context)["objects"] == 0
    assert documents(index) == {}


def test_without_a_store_documents_wait(kept, pending, schedule, context, load_handler) -> None:
    index = load_handler("log_index", SEARCH_ENDPOINT="")
    assert index.lambda_handler(schedule(), context)["why_not"] == "no search store"
    assert len(pending.oldest(1000)) == len(kept)


# --- made anew


@pytest.fixture
def ask(load_handler: Any, tokens: Any, http_event: Any, context: Any, index: Any) -> Callable[..., Any]:
    """Return ``ask("POST", {...})``: status and answer of /v1/search/rebuild."""
    rebuild = load_handler("log_rebuild")

    def asked(method: str, body: Any = None, *, key: str = "admin") -> tuple[int, Any]:
        text = b"" if body is None else json.dumps(body).encode()
        request = http_event(method, "/v1/search/rebuild", body=text, headers=REQUESTED, token=tokens[key])
        answer = rebuild.lambda_handler(request, context)
        return answer["statusCode"], json.loads(answer["body"])

    return asked


def test_an_index_is_made_anew_and_holds_the_same(aws, kept, index, ask, schedule, pending, context) -> None:
    index.lambda_handler(schedule(), context)
    before = documents(index)
    stray = Document("stray", {"time": 5, "service": "web", "severity": "info", "body": "x"})
    index.store.put(LOGS, [stray])
    index.store.delete(LOGS, Query(terms={"service": ["shop-web"]}))
    assert documents(index) != before
    status, answer = ask("POST", {"from": "2020-01-01", "to": "2020-01-02"})
    assert (status, answer["phase"]) == (202, "requested")
    assert ask("POST", {})[0] == 409
    index.lambda_handler(schedule(), context)
    assert ask("GET", key="read")[1]["phase"] == "done"  # of these days there was nothing
    assert documents(index) != before
    days = sorted(key.split("/")[2] for key in kept)
    status, answer = ask("POST", {"index": "logs", "from": days[0], "to": days[-1]})
    assert (status, answer["objects_marked"]) == (202, 0)
    index.lambda_handler(schedule(after_s=100_000_000), context)
    answer = ask("GET")[1]
    assert (answer["phase"], answer["objects_marked"], answer["objects_waiting"]) == ("done", len(kept), 0)
    assert documents(index) == {**before, "stray": stray.content}


def test_a_whole_rebuild_drops_what_nobody_kept(kept, index, ask, schedule, context, monkeypatch) -> None:
    index.lambda_handler(schedule(), context)
    before = documents(index)
    index.store.put(LOGS, [Document("stray", {"time": 5, "service": "web", "severity": "info", "body": "x"})])
    days = sorted(key.split("/")[2] for key in kept)
    monkeypatch.setattr("opsloop.log.rebuild_wish.HOT_DAYS", 399)
    assert ask("POST", {})[1]["from"] < days[0]
    index.lambda_handler(schedule(after_s=100_000_000), context)
    assert documents(index) == before


def test_a_rebuild_goes_on_where_it_stopped(kept, index, ask, schedule, context, monkeypatch) -> None:
    index.lambda_handler(schedule(), context)
    before = documents(index)
    days = sorted(key.split("/")[2] for key in kept)
    ask("POST", {"from": days[0], "to": days[-1]})
    drops: list[int] = []
    real = index.store.delete
    monkeypatch.setattr(index.store, "delete", lambda *place: drops.append(1) or real(*place))
    for _ in range(100):
        steps = iter([True, False])
        monkeypatch.setattr(index, "enough_time", lambda _, steps=steps: next(steps, False))
        index.lambda_handler(schedule(after_s=100_000_000), context)
        if ask("GET")[1]["phase"] in ("filling", "done"):
            break
    monkeypatch.setattr(index, "enough_time", lambda _: True)
    index.lambda_handler(schedule(after_s=100_000_000), context)
    assert (documents(index), drops) == (before, [1])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"index": "spans"}, "index"),
        ({"from": "x"}, "from"),
        ({"to": "2026-01-01", "from": "2026-02-01"}, "from"),
        ({"days": 3}, "days"),
    ],
    ids=["index", "from", "order", "unknown"],
)
def test_a_wish_that_makes_no_sense_is_refused_with_the_field(ask, body, field) -> None:
    status, answer = ask("POST", body)
    assert status == 400
    assert answer["detail"].startswith(f"{field}:")


def test_readers_may_look_and_not_ask(ask, load_handler, event, context, tokens) -> None:
    assert ask("POST", {}, key="read")[0] == 403
    assert ask("GET", key="read")[0] == 404
    rebuild = load_handler("log_rebuild")
    assert rebuild.lambda_handler(event("log_rebuild/days"), context)["statusCode"] == 202
    assert rebuild.lambda_handler(event("log_rebuild/status"), context)["statusCode"] == 200

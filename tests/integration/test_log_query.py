"""Logs over HTTP: found by what they say, counted, followed, traced; what cannot be searched is said."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import pytest

from opsloop.adapters.log_pending import PendingTable
from opsloop.adapters.log_rebuild import RebuildTable
from opsloop.errors import DependencyUnavailableError
from opsloop.log.model import Pending
from opsloop.log.rebuild import Phase, Rebuild
from tests.integration.described import as_described
from tests.integration.test_log_keep import stream_event

TRACE, OTHER = "5b8efff798038103d269b633813fc60c", "0af7651916cd43dd8448eb211c80319c"
HOSTILE = (
    "<script>alert('x')</script> \x1b[31mred\x1b[0m\x00\x07 <b>declined</b>",
    "\u202egpj.exe declined \ue000fake mark\ue001 [bold]rich[/bold]",
    "declined " + "x" * 200_000,
    '"; DROP TABLE logs; -- declined {"a": 1}',
)
SEVERITIES = {"debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}


def request_of(service: str, lines: list[tuple[datetime, str, str]], trace_id: str = "") -> bytes:
    """Return an OTLP request of lines (time, severity, body) in JSON."""
    records = [
        {
            "timeUnixNano": str(int(time.timestamp()) * 1_000_000_000 + 7),
            "severityNumber": SEVERITIES[severity],
            "severityText": severity.upper(),
            "body": {"stringValue": body},
            "attributes": [{"key": "order.id", "value": {"stringValue": "o-1"}}],
            **({"traceId": trace_id, "spanId": trace_id[:16]} if trace_id else {}),
        }
        for time, severity, body in lines
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    scoped = [{"scope": {"name": "test"}, "logRecords": records}]
    return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": scoped}]}).encode()


@dataclass
class Shop:
    """Everything between the stream and the one who asks. ``now`` is the hour of the stream's records."""

    aws: Any
    load: Any
    event: Any
    context: Any
    store: str

    def __post_init__(self) -> None:
        self.context.remaining_ms = 250_000
        self.ingest, self.keep = self.load("telemetry_ingest"), self.load("log_keep")
        self.index = self.load("log_index", SEARCH_ENDPOINT=self.store)
        first = stream_event(self.aws, b"")["Records"][0]["kinesis"]["approximateArrivalTimestamp"]
        self.now = datetime.fromtimestamp(first, UTC).replace(microsecond=0)
        self.sent = 0

    def send(self, *requests: bytes, indexed: bool = True) -> None:
        """Let requests arrive and be kept; ``indexed``: made searchable as well."""
        self.ingest.lambda_handler(stream_event(self.aws, *requests, first=self.sent + 1), self.context)
        self.sent += len(requests)
        self.keep.lambda_handler(self.event("log_keep/schedule"), self.context)
        if indexed:
            self.fill()

    def fill(self) -> None:
        """Make searchable what waits."""
        later = {**self.event("log_index/schedule"), "time": str(int(self.now.timestamp()) + 600)}
        self.index.lambda_handler(later, self.context)

    def ago(self, **some: float) -> datetime:
        return self.now - timedelta(**some)


@pytest.fixture
def shop(aws: Any, tokens: Any, load_handler: Any, event: Any, context: Any, tmp_path: Path) -> Shop:
    del tokens
    return Shop(aws, load_handler, event, context, f"file://{tmp_path}/search")


@pytest.fixture
def query(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    handler = shop.load("log_query")
    monkeypatch.setattr(handler, "waiter", lambda _hold_s: iter([True, True, False]).__next__)
    return handler


Ask = Callable[..., Any]


@pytest.fixture
def ask(query: ModuleType, shop: Shop, http_event: Any, tokens: Any) -> Ask:
    """Return ``ask("/v1/logs", service="web")``: the answer's body, which agrees with the API description."""

    def send(path: str = "/v1/logs", *, status: int = 200, described: str = "", **given: Any) -> Any:
        names = {name.rstrip("_"): value for name, value in given.items()}
        event = http_event("GET", path, query=urlencode(names), token=tokens["read"], now=shop.now)
        answer = query.lambda_handler(event, shop.context)
        assert answer["statusCode"] == status, answer["body"]
        return as_described("GET", described or path, answer)

    return send


@pytest.fixture
def declined(shop: Shop) -> Shop:
    """Send twenty lines of payments over twenty minutes, a quarter of them errors, and three of web."""
    lines = [
        (
            shop.ago(minutes=20 - n),
            "error" if n % 4 == 0 else "info",
            f"card {'declined' if n % 4 == 0 else 'charged'} {n}",
        )
        for n in range(20)
    ]
    shop.send(request_of("payments", lines), request_of("web", [(shop.ago(minutes=3), "warn", "slow card")] * 3))
    return shop


def bodies(answer: Any) -> list[str]:
    return [one["body"] for one in answer["hits"]]


def test_lines_are_found_by_words_newest_first_with_the_words_told_apart(declined, ask) -> None:
    found = ask(service="payments", q="declined")
    assert bodies(found) == [f"card declined {n}" for n in (16, 12, 8, 4, 0)]
    assert (found["total"], found["is_total_exact"], found["next"], found["incomplete"]) == (5, True, None, [])
    assert found["hits"][0]["highlights"] == {
        "body": [
            [
                {"text": "card ", "is_found": False},
                {"text": "declined", "is_found": True},
                {"text": " 16", "is_found": False},
            ]
        ]
    }
    assert found["hits"][0]["attributes"] == {"order.id": "o-1"}
    assert ask(q="order.id=o-1", service="web")["total"] == 3


def test_conditions_hold_together(declined, ask) -> None:
    assert ask(severity="error")["total"] == 5
    assert ask(min_severity="warn")["total"] == 8
    assert ask(severity="info,warn", service="web")["total"] == 3
    template = ask(service="payments", severity="error")["hits"][0]["template"]
    assert {one["severity"] for one in ask(template=template, service="payments")["hits"]} == {"error"}
    from_, to = declined.ago(minutes=20), declined.ago(minutes=18)
    assert bodies(ask(service="payments", from_=from_.isoformat(), to=to.isoformat(), order="oldest")) == [
        "card declined 0",
        "card charged 1",
    ]


def test_counts_add_up_to_what_was_sent_by_severity(declined, ask) -> None:
    counts = ask(include="counts")["counts"]
    assert counts["interval_s"] == 60
    assert 60 <= len(counts["buckets"]) <= 62
    assert sum(one["count"] for one in counts["buckets"]) == 23
    whole: Counter[str] = Counter()
    for one in counts["buckets"]:
        whole.update(one["severities"])
    assert whole == {"error": 5, "info": 15, "warn": 3}


def test_the_top_patterns_have_texts_and_are_those_of_the_filter(declined, ask) -> None:
    patterns = ask(service="payments", include="patterns")["patterns"]
    assert [(one["text"], one["count"]) for one in patterns] == [("card charged <*>", 15), ("card declined <*>", 5)]
    assert [one["count"] for one in ask(severity="error", include="patterns")["patterns"]] == [5]


def test_a_facet_counts_as_if_it_were_not_itself_filtered_by(declined, ask) -> None:
    both = {"services": [{"service": "payments", "count": 20}, {"service": "web", "count": 3}]}
    assert ask(include="facets")["facets"] == both | {"severities": {"info": 15, "warn": 3, "error": 5}}
    assert ask(service="web", include="facets")["facets"] == both | {"severities": {"warn": 3}}
    assert ask(severity="error", include="facets")["facets"]["services"] == [{"service": "payments", "count": 5}]
    assert ask(severity="error", service="payments", include="facets")["facets"]["severities"] == {
        "info": 15,
        "error": 5,
    }
    assert "facets" not in ask()


def test_pages_neither_repeat_nor_skip_while_lines_arrive(declined, ask) -> None:
    page = ask(service="payments", limit=7)
    seen = bodies(page)
    declined.send(
        request_of(
            "payments", [(declined.ago(seconds=1), "info", "newer"), (declined.ago(minutes=19.5), "info", "late")]
        )
    )
    while page["next"]:
        page = ask(service="payments", limit=7, cursor=page["next"])
        assert "counts" not in page
        seen += bodies(page)
    assert seen == [f"card {'declined' if n % 4 == 0 else 'charged'} {n}" for n in range(19, 0, -1)] + [
        "late",
        "card declined 0",
    ]
    first = ask(service="payments", limit=7, include="hits")
    ask(service="payments", limit=7, include="hits,counts", cursor=first["next"])
    assert "other parameters" in ask(service="web", cursor=first["next"], status=400)["detail"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"severity": "loud"}, "severity"),
        ({"min_severity": "loud"}, "min_severity"),
        ({"min_severity": "warn", "severity": "info"}, "min_severity"),
        ({"q": "-- ;;"}, "q"),
        ({"q": "x" * 1001}, "q"),
        ({"from_": "yesterday"}, "from"),
        ({"from_": "2020-01-01T00:00:00Z"}, "from"),
        ({"to": "1960-01-01T00:00:00Z"}, "to"),
        ({"limit": "0"}, "limit"),
        ({"order": "best"}, "order"),
        ({"include": "hits,all"}, "include"),
        ({"cursor": "garbled"}, "cursor"),
        ({"serivce": "web"}, "serivce"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_the_name_of_its_field(declined, ask, given, field) -> None:
    assert ask(status=400, **given)["detail"].startswith(f"{field}: ")


def test_a_service_that_never_logged_is_not_taken_for_a_quiet_one(declined, ask) -> None:
    assert "did you mean 'payments'" in ask(service="payment", status=404)["detail"]
    assert ask(service="payments", q="nowhere")["total"] == 0
    assert ask("/v1/logs/tail", service="payment", status=404)
    assert ask("/v1/logs/patterns", service="payment", status=404)


def test_hostile_lines_come_back_as_they_were_without_marks_of_ours(shop, ask) -> None:
    shop.send(request_of("web", [(shop.ago(minutes=2), "error", body) for body in HOSTILE]))
    found = {one["body"][:20]: one for one in ask(q="declined")["hits"]}
    assert set(found) == {body[:20] for body in HOSTILE}
    for body in HOSTILE:
        one = found[body[:20]]
        assert one["body"] == body[:10_000]
        assert one["cut"] == (["body"] if len(body) > 10_000 else [])
        assert any(part == {"text": "declined", "is_found": True} for part in one["highlights"]["body"][0])
        assert not {"\ue000", "\ue001"} & set("".join(part["text"] for part in one["highlights"]["body"][0]))


def test_a_page_of_very_long_lines_is_cut_short_and_goes_on(shop, ask, monkeypatch) -> None:
    from opsloop.log import query as module

    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 50_000)
    shop.send(request_of("web", [(shop.ago(minutes=n), "info", f"{n} " + "y" * 9_900) for n in range(1, 9)]))
    page = ask(limit=8)
    seen = [len(page["hits"])]
    while page["next"]:
        page = ask(limit=8, cursor=page["next"])
        seen.append(len(page["hits"]))
    assert sum(seen) == 8
    assert max(seen) == 4


def test_what_waits_for_the_store_is_said_to_the_nanosecond(declined, ask) -> None:
    at = declined.ago(minutes=10)
    declined.send(request_of("payments", [(at, "error", "unsearchable")]), indexed=False)
    found = ask(service="payments", q="unsearchable")
    assert found["total"] == 0
    (gap,) = found["incomplete"]
    assert (gap["reason"], gap["service"], gap["objects"]) == ("pending", "payments", 1)
    assert gap["from"].startswith(at.strftime("%Y-%m-%dT%H:%M:%S.000000007"))
    assert ask(service="web")["incomplete"] == []
    assert ask(service="payments", to=declined.ago(minutes=11).isoformat())["incomplete"] == []
    declined.fill()
    found = ask(service="payments", q="unsearchable")
    assert (found["total"], found["incomplete"]) == (1, [])


def test_more_waiting_than_can_be_looked_at_is_said_of_the_whole_time(declined, ask, monkeypatch) -> None:
    PendingTable(declined.aws.names["LOG_TABLE"]).add(
        Pending(f"logs/a/2026-01-01/00/{n}.jsonl.gz", n) for n in (1, 2, 3)
    )
    from opsloop.log import gaps

    monkeypatch.setattr(gaps, "MAX_PENDING", 3)
    (gap,) = ask(service="payments")["incomplete"]
    assert (gap["reason"], gap["objects"]) == ("pending", None)


def test_an_index_being_made_anew_is_said(declined, ask) -> None:
    day = declined.now.date().isoformat()
    RebuildTable(declined.aws.names["LOG_TABLE"]).save(Rebuild(day, day, True, 1, phase=Phase.DROPPING))
    assert {one["reason"] for one in ask(service="payments")["incomplete"]} == {"rebuilding"}


def test_days_that_left_the_store_are_said_of_services_that_have_lines_of_them(declined, ask) -> None:
    declined.send(request_of("payments", [(declined.ago(days=6), "info", "old")]))
    old = {"from_": declined.ago(days=7).isoformat(), "to": declined.ago(days=5).isoformat()}
    assert ask(service="payments", **old)["incomplete"] == []
    ask_later = {"service": "payments", **old}
    found = _later(ask, declined, days=95, **ask_later)
    assert {one["reason"] for one in found["incomplete"]} == {"cold"}
    day = declined.ago(days=6).date().isoformat()
    assert found["incomplete"][0]["from"].startswith(day)
    assert _later(ask, declined, days=95, service="web", **old)["incomplete"] == []


def _later(ask: Ask, shop: Shop, *, days: int, **given: Any) -> Any:
    shop.now += timedelta(days=days)
    try:
        return ask(**given)
    finally:
        shop.now -= timedelta(days=days)


def test_without_a_store_the_answer_says_why_and_patterns_and_traces_work(declined, shop, http_event, tokens) -> None:
    handler = shop.load("log_query", SEARCH_ENDPOINT="")

    def send(path: str, text: str) -> Any:
        asked = http_event("GET", path, query=text, token=tokens["read"], now=shop.now)
        return handler.lambda_handler(asked, shop.context)

    answer = send("/v1/logs", "service=payments")
    assert answer["statusCode"] == 503
    assert "SEARCH_ENDPOINT" in as_described("GET", "/v1/logs", answer)["detail"]
    assert send("/v1/logs/tail", "service=payments")["statusCode"] == 503
    assert send("/v1/logs/patterns", "service=payments")["statusCode"] == 200
    assert send(f"/v1/logs/trace/{TRACE}", "")["statusCode"] == 200
    standing = as_described("GET", "/v1/search", send("/v1/search", ""))
    assert (standing["is_ready"], standing["documents"]) == (False, None)


def test_a_store_that_is_down_is_answered_503(declined, query, ask, monkeypatch) -> None:
    def down(*_: Any, **__: Any) -> Any:
        raise DependencyUnavailableError("search store: no answer")

    for name in ("search", "counts", "top"):
        monkeypatch.setattr(query.store, name, down)
    assert "no answer" in ask(status=503)["detail"]


@pytest.mark.parametrize(
    ("sample", "path"),
    [("search", "/v1/logs"), ("patterns", "/v1/logs/patterns"), ("tail", "/v1/logs/tail"), ("standing", "/v1/search")],
)
def test_samples_are_answered_as_described(shop, query, event, sample, path) -> None:
    shop.send(request_of("payments", [(shop.ago(minutes=1), "info", "x")]))
    answer = query.lambda_handler(event(f"log_query/{sample}"), shop.context)
    assert answer["statusCode"] == 200, answer["body"]
    as_described("GET", path, answer)


def test_the_sample_of_a_trace_is_answered_as_described(shop, query, event) -> None:
    answer = query.lambda_handler(event("log_query/trace"), shop.context)
    assert as_described("GET", "/v1/logs/trace/{trace_id}", answer)["is_complete"]


def test_a_key_without_the_read_scope_sees_no_line(declined, query, http_event, tokens) -> None:
    for name, status in (("ingest", 403), ("revoked", 401)):
        answer = query.lambda_handler(
            http_event("GET", "/v1/logs", token=tokens[name], now=declined.now), declined.context
        )
        assert answer["statusCode"] == status


# following


def test_following_shows_every_line_once_also_late_ones(declined, ask) -> None:
    begun = ask("/v1/logs/tail", service="payments", lines=2)
    assert bodies(begun) == ["card charged 18", "card charged 19"]
    assert bodies(ask("/v1/logs/tail", service="payments", after=begun["after"])) == []
    late = (declined.ago(minutes=30), "info", "arrived late")
    declined.send(request_of("payments", [late]), request_of("web", [(declined.now, "info", "of another")]))
    found = ask("/v1/logs/tail", service="payments", after=begun["after"])
    assert bodies(found) == ["arrived late"]
    assert bodies(ask("/v1/logs/tail", service="payments", after=found["after"])) == []


def test_following_waits_for_a_batch_that_is_indexed_after_a_later_one(declined, ask) -> None:
    begun = ask("/v1/logs/tail", service="payments", lines=0)
    pending = PendingTable(declined.aws.names["LOG_TABLE"])
    declined.send(request_of("payments", [(declined.now, "info", "first")]), indexed=False)
    (held,) = pending.oldest(10)
    declined.send(request_of("payments", [(declined.now, "info", "second")]), indexed=False)
    pending.done([held])
    declined.fill()
    pending.add([held])
    waiting = ask("/v1/logs/tail", service="payments", after=begun["after"])
    assert (bodies(waiting), waiting["steps_waiting"]) == ([], 2)
    declined.fill()
    assert bodies(ask("/v1/logs/tail", service="payments", after=waiting["after"])) == ["first", "second"]


def test_following_goes_on_within_a_large_batch_and_passes_what_does_not_fit(declined, ask) -> None:
    begun = ask("/v1/logs/tail", service="payments", lines=0, severity="error")
    lines = [(declined.ago(seconds=30 - n), "error" if n % 2 else "info", f"n{n}") for n in range(20)]
    declined.send(request_of("payments", lines))
    seen, after = [], begun["after"]
    for _ in range(5):
        found = ask("/v1/logs/tail", service="payments", severity="error", limit=4, after=after)
        seen += bodies(found)
        after = found["after"]
    assert seen == [f"n{n}" for n in range(1, 20, 2)]


def test_putting_documents_again_shows_nothing_twice(declined, ask) -> None:
    begun = ask("/v1/logs/tail", service="payments")
    keys = [key for key in declined.aws.objects("LOG_BUCKET") if key.startswith("logs/")]
    PendingTable(declined.aws.names["LOG_TABLE"]).add(Pending(key, 1) for key in keys)
    declined.fill()
    assert bodies(ask("/v1/logs/tail", service="payments", after=begun["after"])) == []
    assert "after" in ask("/v1/logs/tail", service="payments", after="garbled", status=400)["detail"]


# patterns and traces


def test_patterns_say_how_often_and_what_is_new(declined, ask) -> None:
    day_ago = [(declined.ago(days=1, minutes=5), "info", f"card charged {n}") for n in range(2)]
    before = ask("/v1/logs/patterns", service="payments")
    assert {one["is_new"] for one in before["patterns"]} == {None}
    declined.send(request_of("payments", day_ago))
    found = ask("/v1/logs/patterns", service="payments")
    told = {one["text"]: one for one in found["patterns"]}
    assert [(one["text"], one["count"], one["is_new"]) for one in found["patterns"]] == [
        ("card charged <*>", 15, False),
        ("card declined <*>", 5, True),
    ]
    assert told["card declined <*>"]["severity"] == "error"
    assert sum(told["card charged <*>"]["counts"]) == 15
    assert len(told["card charged <*>"]["counts"]) == len(found["hours"])
    minute = declined.ago(days=1, minutes=5).replace(second=0)
    assert told["card charged <*>"]["first_seen"] == minute.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_trace_is_read_from_objects_that_cannot_be_searched(declined, ask, query, monkeypatch) -> None:
    declined.send(request_of("web", [(declined.ago(minutes=2), "info", "asks")], TRACE))
    declined.send(
        request_of("payments", [(declined.ago(minutes=1), "error", "declines")], TRACE),
        request_of("payments", [(declined.ago(minutes=1), "error", "no business of theirs")], OTHER),
        indexed=False,
    )
    described = "/v1/logs/trace/{trace_id}"
    found = ask(f"/v1/logs/trace/{TRACE.upper()}", described=described)
    assert [(one["service"], one["body"]) for one in found["lines"]] == [("web", "asks"), ("payments", "declines")]
    assert found["is_complete"]
    assert found["objects_read"] < found["objects_listed"]
    assert bodies(ask(trace_id=TRACE)) == ["asks"]
    assert [one["body"] for one in ask(f"/v1/logs/trace/{TRACE}", described=described, service="web")["lines"]] == [
        "asks"
    ]
    _freeze(declined, "logs/payments/")
    found = ask(f"/v1/logs/trace/{TRACE}", described=described)
    assert [one["body"] for one in found["lines"]] == ["asks"]
    assert {(one["service"], one["reason"]) for one in found["skipped"]} == {("payments", "cold")}
    assert not found["is_complete"]
    monkeypatch.setattr(query, "TRACE_S", -1.0)
    assert not ask(f"/v1/logs/trace/{TRACE}", described=described)["is_complete"]


def _freeze(shop: Shop, prefix: str) -> None:
    s3, bucket = shop.aws.client("s3"), shop.aws.names["LOG_BUCKET"]
    for key, body in shop.aws.objects("LOG_BUCKET").items():
        if key.startswith(prefix):
            s3.put_object(Bucket=bucket, Key=key, Body=body, StorageClass="GLACIER")


def test_the_store_says_how_it_is(declined, ask) -> None:
    found = ask("/v1/search")
    assert (found["is_ready"], found["documents"], found["objects_waiting"], found["waiting_since"]) == (
        True,
        23,
        0,
        None,
    )
    declined.send(request_of("payments", [(declined.now, "info", "x")]), indexed=False)
    assert ask("/v1/search")["objects_waiting"] == 1


def test_a_body_that_is_a_list_is_found_by_its_words(shop: Any, ask: Any) -> None:
    request = json.loads(request_of("web", [(shop.ago(minutes=2), "info", "x")]))
    values = [{"stringValue": "alpha"}, {"intValue": "17"}]
    record = request["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    record["body"] = {"arrayValue": {"values": values}}
    shop.send(json.dumps(request).encode())
    (hit,) = ask(q="alpha")["hits"]
    assert json.loads(hit["body"]) == ["alpha", 17]


def test_later_pages_are_of_the_time_of_the_first(shop: Shop, ask: Ask) -> None:
    shop.send(request_of("web", [(shop.ago(minutes=1), "info", "young"), (shop.ago(minutes=59), "info", "old")]))
    page = ask(limit=1)
    shop.now += timedelta(minutes=5)
    assert bodies(ask(limit=1, cursor=page["next"])) == ["old"]
    assert bodies(ask()) == ["young"]

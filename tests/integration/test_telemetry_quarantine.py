"""What could not be read: listed, shown, given back, and counted once, however and however often it is replayed."""

import base64
import json
from datetime import timedelta
from hashlib import sha256
from types import SimpleNamespace

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.adapters.quarantine import Quarantine
from opsloop.clock import minute_of, time_of
from opsloop.errors import ConflictError, DependencyUnavailableError
from opsloop.telemetry.claim import REPLAY_LOG
from opsloop.telemetry.fault import MALFORMED, TOO_LARGE
from tests.conftest import NOW
from tests.integration.described import as_described

JSON = {"content-type": "application/json"}
HOUR = minute_of(NOW) // 60 * 60


def spans(count, *, service="web", at=NOW - timedelta(minutes=10), name="GET /"):
    """Return a protobuf request of ``count`` spans that start at ``at``."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    attribute = resource.resource.attributes.add(key="service.name")
    attribute.value.string_value = service
    scope = resource.scope_spans.add()
    for number in range(count):
        start = int(at.timestamp()) * 10**9 + number
        scope.spans.add(name=name, kind=2, start_time_unix_nano=start, end_time_unix_nano=start + 10**6)
    return request.SerializeToString()


@pytest.fixture
def shelf(aws, tokens, load_handler):
    """Return the function, its stores empty."""
    return load_handler("telemetry_quarantine")


@pytest.fixture
def put(aws):
    """Return ``put(body)``, which sets ``body`` aside as ingest does."""
    quarantine = Quarantine(aws.names["QUARANTINE_BUCKET"])

    def put(body, *, source="telemetry_ingest", reason="it breaks off", kind=MALFORMED, now=NOW, **facts):
        facts = {"kind": kind, "part": "whole", **{name.replace("_", "-"): text for name, text in facts.items()}}
        return quarantine.put(source, body, reason=reason, now=now, facts=facts)

    return put


@pytest.fixture
def ask(shelf, http_event, context, tokens):
    """Return ``ask("POST", "/v1/quarantine/replay", {...})``: the answer, compared with its description."""

    def ask(method, path, document=None, *, query="", key="admin", status=200, handler=None):
        body = json.dumps(document) if document is not None else ""
        sent = http_event(
            method, path, query=query, headers=JSON if body else {}, body=body, token=tokens[key], now=NOW
        )
        answer = (handler or shelf).lambda_handler(sent, context)
        told = as_described(method, path, answer)
        assert answer["statusCode"] == status, answer
        return told

    return ask


@pytest.fixture
def replay(ask):
    def replay(*keys, **options):
        return ask("POST", "/v1/quarantine/replay", {"keys": list(keys), **options})

    return replay


@pytest.fixture
def fold(load_handler, event, context, monkeypatch):
    """Return ``fold()``, which folds all logs and returns how many spans each minute of ``web`` has."""
    handler = load_handler("telemetry_fold")
    monkeypatch.setattr(handler, "time", SimpleNamespace(time=lambda: 0.0))
    handler.bus = SimpleNamespace(publish=lambda _events: None)
    context.remaining_ms = 300_000

    def fold():
        handler.lambda_handler(event("telemetry_fold/every_minute"), context)
        counts = {}
        for block in handler.blocks.read("web", HOUR - 60 * 24 * 40, HOUR + 60):
            for minute, count in zip(block.cells.minute.tolist(), block.cells.count.tolist(), strict=True):
                counts[minute] = counts.get(minute, 0) + count
        return counts

    return fold


def results(told):
    return [one["result"] for one in told["results"]]


# --- listed


def test_the_newest_comes_first_with_reason_position_and_counts(ask, put):
    old = put(b"old", now=NOW - timedelta(days=2), kind=TOO_LARGE)
    position = {"log": "log#stream#1#shardId-000000000000", "sequence": "4971", "key": "traces:00ff"}
    new = put(b"new", reason="spans[0]: grün", **position)
    told = ask("GET", "/v1/quarantine", key="read")
    assert [one["key"] for one in told["objects"]] == [new, old]
    first = told["objects"][0]
    assert first["position"] == {"log": position["log"], "sequence": "4971", "partition_key": "traces:00ff"}
    assert (first["reason"], first["kind"], first["size_bytes"], first["state"]) == (
        "spans[0]: grün",
        MALFORMED,
        3,
        "open",
    )
    assert first["arrived_at"] == "2026-11-21T08:30:00Z"
    assert told["counts"] == {
        "objects": 2,
        "by_kind": {MALFORMED: 1, TOO_LARGE: 1},
        "by_source": {"telemetry_ingest": 2},
        "is_complete": True,
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kind=too_large", ["big"]),
        ("source=telemetry_receive", ["sent"]),
        ("reason=BREAKS", ["cut", "sent"]),
        ("from=2026-11-21T08:30:00Z", ["big", "cut"]),
        ("from=2026-11-20T00:00:00Z&to=2026-11-21T08:30:00Z", ["sent"]),
        ("state=replayed", []),
        ("state=all", ["big", "cut", "sent"]),
    ],
)
def test_filters_select(ask, put, query, found):
    names = {
        put(b"1", reason="too much", kind=TOO_LARGE): "big",
        put(b"2", reason="it breaks off"): "cut",
        put(b"3", source="telemetry_receive", now=NOW - timedelta(hours=9)): "sent",
    }
    told = ask("GET", "/v1/quarantine", query=query, key="read")
    assert sorted(names[one["key"]] for one in told["objects"]) == found
    assert told["counts"]["objects"] == len(found)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_hold_each_object_once_whether_filtered_or_not(ask, put, limit):
    keys = {put(bytes([n]), kind=TOO_LARGE if n % 3 else MALFORMED, now=NOW - timedelta(days=n)) for n in range(6)}
    for query, many in (("", 6), ("&kind=malformed", 2)):
        seen, cursor = [], ""
        while True:
            told = ask("GET", "/v1/quarantine", query=f"limit={limit}{query}{cursor}", key="read")
            assert (told["counts"] is None) == bool(cursor)
            assert len(told["objects"]) <= limit
            seen += [one["key"] for one in told["objects"]]
            if told["next"] is None:
                break
            cursor = f"&cursor={told['next']}"
        assert len(seen) == many
        assert set(seen) <= keys
        assert [key.split("/")[1] for key in seen] == sorted((key.split("/")[1] for key in seen), reverse=True)


def test_counts_say_when_they_are_not_complete_and_the_rest_is_reached(ask, put, shelf, monkeypatch):
    monkeypatch.setattr(shelf, "EXAMINED_MOST", 2)
    for number in range(5):
        put(bytes([number]), kind=TOO_LARGE if number == 4 else MALFORMED, now=NOW - timedelta(days=number))
    told = ask("GET", "/v1/quarantine", query="kind=too_large", key="read")
    assert (told["objects"], told["counts"]["is_complete"]) == ([], False)
    pages = [told]
    while pages[-1]["next"]:
        cursor = pages[-1]["next"]
        pages.append(ask("GET", "/v1/quarantine", query=f"kind=too_large&cursor={cursor}", key="read"))
    assert sum(len(page["objects"]) for page in pages) == 1


@pytest.mark.parametrize("query", ["kind=odd", "from=2026-01-01T00:00:00Z", "source=a/b", "what=1", "limit=0"])
def test_a_wrong_question_is_refused_by_its_name(ask, query):
    assert query.partition("=")[0] in ask("GET", "/v1/quarantine", query=query, key="read", status=400)["detail"]


# --- shown


def test_an_object_is_shown_with_its_first_bytes_and_what_would_be_counted_today(ask, put):
    key = put(spans(3), reason="an older reader did not know this")
    told = ask("GET", "/v1/quarantine/item", query=f"key={key}")
    assert bytes.fromhex(told["preview"]["hex"]) == spans(3)[:4096]
    assert "service.name" in told["preview"]["text"]
    reading = told["reading"]
    assert (reading["outcome"], reading["signals"], reading["items"]) == ("readable", ["traces"], 3)
    assert reading["services"] == {"web": 3}
    assert reading["first_minute"] == reading["last_minute"] == "2026-11-21T08:20:00Z"


def test_what_cannot_be_read_is_shown_with_the_reason_of_today(ask, put, aws):
    told = ask("GET", "/v1/quarantine/item", query=f"key={put(bytes([10, 200]))}")
    assert told["reading"]["outcome"] == "unreadable"
    assert told["reading"]["refused_parts"] == 1
    assert told["reading"]["reason"] == told["reading"]["refused"][0]["reason"] != ""
    assert aws.items("TELEMETRY_TABLE") == []  # looking changes nothing


def test_a_key_may_be_cut_while_it_means_one_object_alone(ask, put, shelf):
    key = put(b"some bytes")
    assert ask("GET", "/v1/quarantine/item", query=f"key={key[:-50]}")["key"] == key
    assert "in quarantine" in ask("GET", "/v1/quarantine/item", query=f"key={key[:-58]}000000", status=404)["detail"]
    assert "SHA-256" in ask("GET", "/v1/quarantine/item", query="key=../secrets", status=400)["detail"]


def test_a_cut_key_that_means_two_objects_is_refused(aws, ask, put):
    key = put(b"some bytes")
    other = f"{key[:-40]}{'0' * 40}"
    aws.client("s3").put_object(Bucket=aws.names["QUARANTINE_BUCKET"], Key=other, Body=b"x")
    assert "2 keys" in ask("GET", "/v1/quarantine/item", query=f"key={key[:-50]}", status=400)["detail"]


def test_bytes_are_given_back_as_they_came_and_only_to_admins(ask, put):
    key = put(bytes(range(256)))
    assert ask("GET", "/v1/quarantine/body", query=f"key={key}") == bytes(range(256))
    for path in ("item", "body"):
        assert ask("GET", f"/v1/quarantine/{path}", query=f"key={key}", key="read", status=403)["status"] == 403
    assert ask("POST", "/v1/quarantine/replay", {"keys": [key]}, key="read", status=403)["status"] == 403


def test_bytes_that_do_not_fit_an_answer_are_pointed_at(ask, put, shelf, monkeypatch):
    monkeypatch.setattr(shelf, "MAX_ANSWERED_BYTES", 3)
    key = put(b"1234")
    told = ask("GET", "/v1/quarantine/body", query=f"key={key}", status=413)
    assert f"aws s3 cp s3://opsloop-test-quarantine/{key}" in told["detail"]


# --- replayed


def test_a_replay_counts_items_at_their_own_time_once_however_often_it_is_asked_for(ask, put, replay, fold):
    key = put(spans(5))
    told = replay(key)
    assert (results(told), told["items"]) == (["replayed"], 5)
    for _ in range(2):
        again = replay(key)
        assert (results(again), again["items"]) == (["already_replayed"], 0)
    assert fold() == {minute_of(NOW) - 10: 5}
    assert fold() == {minute_of(NOW) - 10: 5}
    (shown,) = ask("GET", "/v1/quarantine", query="state=replayed", key="read")["objects"]
    assert (shown["key"], shown["state"], shown["replayed_items"]) == (key, "replayed", 5)
    assert (shown["replayed_at"], shown["replayed_by"]) == ("2026-11-21T08:30:00Z", "a" * 12)
    assert ask("GET", "/v1/quarantine", key="read")["objects"] == []


def test_mended_bytes_count_instead_of_the_object_and_never_beside_it(ask, put, replay, fold):
    key = put(b"\n" + spans(4)[5:])
    assert results(replay(key)) == ["still_unreadable"]
    body = base64.b64encode(spans(4)).decode()
    told = ask("POST", "/v1/quarantine/replay", {"key": key, "body": body})
    assert results(told) == ["replayed"]
    other = base64.b64encode(spans(9)).decode()
    assert results(ask("POST", "/v1/quarantine/replay", {"key": key, "body": other})) == ["already_replayed"]
    assert fold() == {minute_of(NOW) - 10: 4}


def test_what_stays_unreadable_writes_nothing_and_can_be_mended_later(aws, put, replay):
    key = put(b"\n\xff")
    before = aws.objects("QUARANTINE_BUCKET")
    told = replay(key)
    assert results(told) == ["still_unreadable"]
    assert told["results"][0]["reason"] != ""
    assert [item["pk"]["S"] for item in aws.items("TELEMETRY_TABLE") if item["pk"]["S"] != "shards"] == []
    assert aws.objects("QUARANTINE_BUCKET") == before


def test_a_dry_run_tells_what_would_come_of_it_and_writes_nothing(aws, put, replay):
    told = replay(put(spans(2)), dry_run=True)
    assert (results(told), told["items"], told["dry_run"]) == (["replayed"], 2, True)
    assert aws.items("TELEMETRY_TABLE") == []


def test_of_a_partly_readable_object_the_good_part_counts_and_the_rest_is_set_aside_anew(aws, ask, put, replay, fold):
    key = put(spans(3)[:-10], log="log#stream#1#shard", sequence="7")
    told = replay(key)
    assert (results(told), told["items"], told["results"][0]["refused_parts"]) == (["partly_replayed"], 2, 1)
    assert results(replay(key)) == ["already_replayed"]
    assert fold() == {minute_of(NOW) - 10: 2}
    (left,) = ask("GET", "/v1/quarantine", key="read")["objects"]
    data = aws.objects("QUARANTINE_BUCKET")[left["key"]]
    assert left["key"] == f"telemetry_quarantine/2026-11-21/{sha256(data).hexdigest()}"
    assert (left["part"], left["part_of"], left["position"]["sequence"]) == ("part", key, "7")
    mended = base64.b64encode(spans(1)).decode()
    assert results(ask("POST", "/v1/quarantine/replay", {"key": left["key"], "body": mended})) == ["replayed"]
    assert fold() == {minute_of(NOW) - 10: 3}


def test_what_is_left_over_is_set_aside_before_the_rest_counts(aws, put, shelf, replay, monkeypatch):
    key = put(spans(3)[:-10])

    def down(*_arguments, **_options):
        raise DependencyUnavailableError("quarantine bucket does not answer")

    monkeypatch.setattr(shelf.quarantine, "put", down)
    assert results(replay(key)) == ["failed"]
    assert [item["pk"]["S"] for item in aws.items("TELEMETRY_TABLE")] == ["shards"]


def test_two_replays_at_once_count_once(put, shelf, load_handler, ask, fold, monkeypatch):
    """Another environment replays the same object, and another one, between our reading and our writing."""
    key, other = put(spans(5)), put(spans(7, name="POST /"))
    rival = load_handler("telemetry_quarantine")
    append, rivals = shelf.log.append, []

    def overtaken(*arguments, **options):
        if not rivals:
            rivals.append(ask("POST", "/v1/quarantine/replay", {"keys": [other, key]}, handler=rival))
        append(*arguments, **options)

    monkeypatch.setattr(shelf.log, "append", overtaken)
    told = ask("POST", "/v1/quarantine/replay", {"keys": [key]})
    assert results(rivals[0]) == ["replayed", "replayed"]
    assert results(told) == ["already_replayed"]
    assert fold() == {minute_of(NOW) - 10: 12}


def test_a_replay_whose_answer_was_lost_counts_once_when_asked_for_again(put, shelf, replay, fold, monkeypatch):
    key, append = put(spans(5)), shelf.log.append

    def lost(*arguments, **options):
        append(*arguments, **options)
        raise DependencyUnavailableError("telemetry table: timeout")

    monkeypatch.setattr(shelf.log, "append", lost)
    assert results(replay(key)) == ["failed"]
    monkeypatch.setattr(shelf.log, "append", append)
    assert results(replay(key)) == ["already_replayed"]
    assert fold() == {minute_of(NOW) - 10: 5}


def test_a_replay_goes_on_after_one_that_fails(put, shelf, replay, monkeypatch):
    first, second = put(spans(1)), put(spans(2))
    body = shelf.shelf.body

    def failing(key):
        if key == first:
            raise DependencyUnavailableError("quarantine bucket does not answer")
        return body(key)

    monkeypatch.setattr(shelf.shelf, "body", failing)
    assert results(replay(first, second)) == ["failed", "replayed"]


def test_a_log_that_never_stands_still_is_given_up_as_failed(put, shelf, replay, monkeypatch):
    def conflict(*_arguments, **_options):
        raise ConflictError("somebody else was first")

    monkeypatch.setattr(shelf.log, "append", conflict)
    assert results(replay(put(spans(1)))) == ["failed"]


def test_items_are_clamped_by_the_arrival_of_the_object_not_by_the_time_of_the_replay(put, replay, fold):
    arrival = NOW - timedelta(days=12)
    in_time = put(spans(3, at=arrival - timedelta(days=6)), now=arrival)
    far_off = put(spans(4, at=arrival + timedelta(days=3)), now=arrival)
    assert results(replay(in_time, far_off)) == ["replayed", "replayed"]
    assert fold() == {minute_of(arrival - timedelta(days=6)): 3, minute_of(arrival): 4}


def test_hours_whose_minutes_are_gone_are_not_begun_anew(aws, put, replay):
    told = replay(put(spans(1, at=NOW - timedelta(days=34, hours=1)), now=NOW - timedelta(days=33)))
    assert results(told) == ["too_old"]
    assert "35 days" in told["results"][0]["reason"]
    assert results(replay(put(spans(1, at=NOW - timedelta(days=33)), now=NOW - timedelta(days=33)))) == ["replayed"]


def test_a_selection_is_replayed_page_by_page(ask, put, fold):
    keys = {put(spans(n), now=NOW - timedelta(hours=n)) for n in (1, 2, 3)}
    put(spans(9), kind=TOO_LARGE)
    wish = {"kind": MALFORMED, "from": "2026-11-21T00:00:00Z", "limit": 2}
    first = ask("POST", "/v1/quarantine/replay", wish)
    assert results(first) == ["replayed", "replayed"]
    second = ask("POST", "/v1/quarantine/replay", {**wish, "cursor": first["next"]})
    assert (results(second), second["next"]) == (["replayed"], None)
    assert {one["key"] for one in first["results"] + second["results"]} == keys
    assert sum(fold().values()) == 6
    assert ask("POST", "/v1/quarantine/replay", wish)["results"] == []


def test_a_replay_out_of_time_tells_where_to_go_on(ask, put, shelf, monkeypatch):
    keys = [put(spans(n), now=NOW - timedelta(hours=n)) for n in (1, 2)]
    clock = iter([0.0, 1.0, 99.0, 99.0, 0.0, 99.0, 99.0])
    monkeypatch.setattr(shelf, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    told = ask("POST", "/v1/quarantine/replay", {"kind": MALFORMED})
    assert len(told["results"]) == 1
    assert told["next"]
    clock = iter([0.0, 1.0, 99.0])
    assert results(ask("POST", "/v1/quarantine/replay", {"keys": keys})) == ["already_replayed", "failed"]


def test_a_body_that_came_by_the_wrong_path_is_read_by_what_it_is(put, replay, fold):
    key = put(spans(3), source="telemetry_receive", signal="metrics", content_type="application/x-protobuf")
    assert results(replay(key)) == ["replayed"]
    assert fold() == {minute_of(NOW) - 10: 3}


def test_the_entry_among_logs_and_the_lineage_do_not_grow_with_replays(aws, put, shelf, replay, fold, load_handler):
    for number in range(1, 4):
        replay(put(spans(number)))
        fold()
    assert list(shelf.log.shards()) == [REPLAY_LOG]
    (block,) = load_handler("telemetry_fold").blocks.read("web", HOUR, HOUR)
    assert (list(block.folded), [source.items for source in block.sources]) == ([REPLAY_LOG], [6])


def test_a_log_whose_items_have_expired_goes_on_where_it_was_folded_to(aws, put, replay, fold):
    replay(put(spans(1)))
    fold()
    for item in aws.items("TELEMETRY_TABLE"):
        if item["pk"]["S"] == REPLAY_LOG:
            key = {name: item[name] for name in ("pk", "sk")}
            aws.client("dynamodb").delete_item(TableName=aws.names["TELEMETRY_TABLE"], Key=key)
    again = replay(put(spans(2)))
    assert results(again) == ["replayed"]
    assert fold() == {minute_of(NOW) - 10: 3}


def test_a_claim_outlives_the_object_it_is_of(aws, put, replay):
    from opsloop.adapters.telemetry_log import CLAIM_DAYS
    from stacks.state_stack import QUARANTINE_DAYS

    replay(put(spans(1)))
    (claim,) = [item for item in aws.items("TELEMETRY_TABLE") if item["pk"]["S"].startswith("replayed#")]
    assert time_of(int(claim["expires_at"]["N"]) // 60) == NOW + timedelta(days=CLAIM_DAYS)
    assert CLAIM_DAYS > QUARANTINE_DAYS + 7 + 7  # set aside 7 days after arrival, and again as late


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({}, "keys"),
        ({"keys": []}, "keys"),
        ({"keys": ["x"] * 501}, "keys"),
        ({"keys": ["x"]}, "key"),
        ({"key": "a/2026-11-21/" + "0" * 64, "body": "%"}, "body"),
        ({"kind": "malformed", "body": "AAAA"}, "body"),
        ({"keys": ["a/2026-11-21/" + "0" * 64], "kind": "malformed"}, "keys"),
        ({"keys": ["a/2026-11-21/" + "0" * 64], "body": "AAAA"}, "body"),
        ({"kind": "malformed", "limit": 501}, "limit"),
        ({"kind": "malformed", "limit": True}, "limit"),
        ({"keys": ["a/2026-11-21/" + "0" * 64], "limit": 5}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"kind": 5}, "kind"),
        ({"kind": "malformed", "dry_run": "yes"}, "dry_run"),
        ({"knd": "malformed"}, "knd"),
    ],
)
def test_a_wrong_wish_is_refused_by_the_name_of_its_field(ask, wish, field):
    assert field in ask("POST", "/v1/quarantine/replay", wish, status=400)["detail"]


def test_what_is_not_there_is_told_beside_what_is(put, replay):
    key = put(spans(1))
    assert results(replay(f"{key[:-64]}{'0' * 64}", key)) == ["not_found", "replayed"]


# --- the samples


@pytest.mark.parametrize("case", ["list", "item", "body", "replay_keys", "replay_kind"])
def test_each_sample_is_answered_for_what_the_receiver_set_aside(shelf, load_handler, event, context, case):
    load_handler("telemetry_receive").lambda_handler(event("telemetry_receive/traces_garbled"), context)
    sample = event(f"telemetry_quarantine/{case}")
    answer = shelf.lambda_handler(sample, context)
    told = as_described(sample["requestContext"]["http"]["method"], sample["rawPath"], answer)
    if case == "body":
        assert told == base64.b64decode(event("telemetry_receive/traces_garbled")["body"])
    elif case == "list":
        assert [one["signal"] for one in told["objects"]] == ["traces"]
    elif case == "item":
        assert told["reading"]["refused_parts"] == 1
    else:
        assert [one["refused_parts"] for one in told["results"]] == [1]


def test_a_missing_bucket_is_answered_503(aws, tokens, load_handler, event, context):
    handler = load_handler("telemetry_quarantine", QUARANTINE_BUCKET="not-there")
    answer = handler.lambda_handler(event("telemetry_quarantine/list"), context)
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "1")

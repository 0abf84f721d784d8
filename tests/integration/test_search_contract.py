"""Every promise of the port to search, on each store: the embedded one, and OpenSearch itself."""

import contextlib
import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from opsloop.errors import InvalidInputError
from opsloop.search import (
    MARK_END,
    MARK_START,
    MAX_BUCKETS,
    TOTAL_LIMIT,
    Bucket,
    Document,
    IndexSpec,
    Kind,
    Query,
)
from tests.integration.search_server import STORES, OneStore, one_store

S = 1_000_000_000
DAY = 86_400 * S
NOON = 20_778 * DAY + DAY // 2  # of 2026-11-21
SPEC = IndexSpec(
    "line",
    {
        "at": Kind.TIME,
        "service": Kind.KEYWORD,
        "severity": Kind.KEYWORD,
        "body": Kind.TEXT,
        "note": Kind.TEXT,
        "size": Kind.NUMBER,
        "attributes": Kind.OBJECT,
        "resource": Kind.OBJECT,
    },
    "at",
)
NEAR = IndexSpec("near", {"at": Kind.TIME, "kind": Kind.KEYWORD, "place": Kind.VECTOR}, "at", dimensions=2)
SHOP = [
    ("a", -2 * DAY, "web", "info", "GET /v1/checkout/17 done in 12 ms"),
    ("b", -60 * S, "web", "error", 'Order "ord-42" failed: com.shop.Cart timed out'),
    ("c", -60 * S, "payments", "error", "Zahlung fehlgeschlagen: Überweisung ungültig"),
    ("d", 0, "payments", "info", "user_id=42 paid, order timed"),
    ("e", 1, "web", "warn", "東京都で注文がタイムアウト"),
]
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "a": {"http": {"route": "/v1/checkout", "status": 200}, "cached": True},
    "b": {"http.status": 500, "tags": ["slow", "Cart retry"], "empty": {}, "nothing": None},
    "c": {"http": {"status": 500}, "iban": "DE 12"},
}


def line(doc_id: str, offset: int, service: str, severity: str, body: str, **more: Any) -> Document:
    content = {"at": NOON + offset, "service": service, "severity": severity, "body": body, **more}
    return Document(doc_id, content)


def shop() -> list[Document]:
    return [line(*one, attributes=ATTRIBUTES.get(one[0], {}), size=number) for number, one in enumerate(SHOP)]


@pytest.fixture(scope="module", params=STORES)
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneStore]:
    """Return each store in turn with the shop's lines, for tests that change nothing."""
    for one in one_store(request, tmp_path_factory.mktemp("search")):
        one.store.put(SPEC, shop())
        one.settle()
        yield one


@pytest.fixture
def filled(tested: OneStore) -> OneStore:
    assert tested.store.put(SPEC, shop()) == ()
    tested.settle()
    return tested


def found(tested: OneStore, query: Query, **options: Any) -> str:
    return "".join(hit.doc_id for hit in tested.store.search(SPEC, query, **options).hits)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", "abcde"),
        ("failed", "b"),
        ("FAILED order", "b"),
        ("order timed", "bd"),  # anywhere, in any order
        ('"order timed"', "d"),  # together and in order
        ('"timed order"', ""),
        ("Cart", "b"),  # a dotted name is words
        ("com.shop.Cart", "b"),
        ("shop.com", ""),  # what is written together is looked for in that order
        ("/v1/checkout/17", "a"),
        ("ord-42", "b"),
        ("überweisung", "c"),  # case is ignored beyond ASCII
        ("uberweisung", ""),  # accents are not
        ("東京", "e"),  # characters without spaces between words
        ("京東", ""),
        ("timed -failed", "d"),
        ("-timed", "ace"),
        ('-"order timed" timed', "b"),
        ("http.status=500", "bc"),
        ("HTTP.STATUS=500", "bc"),
        ("http.status=50", ""),  # the whole value
        ("-http.status=500", "ade"),
        ("http.route=/v1/checkout", "a"),
        ("cached=true", "a"),
        ('tags="cart RETRY"', "b"),
        ("tags=slow failed", "b"),
        ("iban=DE", ""),
        ('iban="DE 12"', "c"),
        ("retry", "b"),  # words of values, in lists too
        ("slow cart", "b"),
        ('"slow cart"', ""),  # no phrase reaches from one value into the next
        ('"12 ms 200"', ""),
        ("user_id=42", "d"),  # as it stands in a text
        ("route", ""),  # names are not searched by their words
        ("nothing=", ""),
    ],
)
def test_a_text_finds_what_it_says(kept: OneStore, text: str, ids: str) -> None:
    assert "".join(sorted(found(kept, Query(text=text)))) == ids


@pytest.mark.parametrize(
    "text",
    [
        'body:failed" OR "1',
        "failed* AND NOT x",
        "NEAR(a b)",
        "words : x",
        "^failed",
        "{body pairs} : x",
        "a'); DROP TABLE documents; --",
        '"unclosed',
        "(((((",
        "x\x00y",
        "\ud800 failed",
        "failed AND",
        "\\\\ \\u0000 %",
        "=" * 900 + "x",
        '" " " a',
    ],
)
def test_no_text_is_taken_for_a_language(kept: OneStore, text: str) -> None:
    with contextlib.suppress(InvalidInputError):  # of a text without a word
        kept.store.search(SPEC, Query(text=text))
    assert kept.store.count(SPEC, Query()) == len(SHOP)


def test_operators_of_other_languages_are_words(kept: OneStore) -> None:
    assert found(kept, Query(text="failed OR paid")) == ""
    assert found(kept, Query(text="failed AND timed")) == ""


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (Query({"service": ["web"]}), "abe"),
        (Query({"service": ["web"], "severity": ["error", "warn"]}), "be"),
        (Query({"service": ["we", "Web", "web "]}), ""),
        (Query({"service": []}), ""),
        (Query({}, {"at": (NOON, None)}), "de"),
        (Query({}, {"at": (None, NOON)}), "abcd"),
        (Query({}, {"at": (NOON - 60 * S, NOON)}), "bcd"),
        (Query({}, {"at": (NOON + 1, NOON + 1)}), "e"),  # to the nanosecond
        (Query({}, {"at": (1 << 80, None)}), ""),
        (Query({}, {"at": (-(1 << 80), 1 << 80)}), "abcde"),
        (Query({}, {"size": (1, 2)}), "bc"),
        (Query({"service": ["web"]}, {"size": (1, None)}, "timed"), "b"),
    ],
)
def test_terms_and_ranges_must_all_hold(kept: OneStore, query: Query, ids: str) -> None:
    assert "".join(sorted(found(kept, query))) == ids
    assert kept.store.count(SPEC, query) == len(ids)
    assert kept.store.search(SPEC, query).total == len(ids)


@pytest.mark.parametrize(
    ("query", "options"),
    [
        (Query({"body": ["x"]}), {}),
        (Query({"unknown": ["x"]}), {}),
        (Query({"service": ["\ud800"]}), {}),
        (Query({"service": ["x"] * 1_001}), {}),
        (Query({}, {"service": (1, 2)}), {}),
        (Query({}, {"size": (float("nan"), None)}), {}),  # type: ignore[dict-item]
        (Query(text="!? ."), {}),
        (Query(text="x" * 1_001), {}),
        (Query(text="x " * 65), {}),
        (Query(), {"order": "sideways"}),
        (Query(), {"size": 0}),
        (Query(), {"size": 1_001}),
        (Query(), {"cursor": "nonsense"}),
        (Query(), {"cursor": "bnVsbA"}),  # null
        (Query(), {"cursor": "\ud800"}),
    ],
)
def test_what_cannot_be_asked_is_refused(kept: OneStore, query: Query, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        kept.store.search(SPEC, query, **options)


def test_newest_is_the_reverse_of_oldest_and_ties_are_in_order_of_ids(kept: OneStore) -> None:
    assert found(kept, Query(), order="oldest") == "abcde"
    assert found(kept, Query(), order="newest") == "edcba"
    assert {hit.score for hit in kept.store.search(SPEC, Query()).hits} == {0.0}


@pytest.mark.parametrize("order", ["newest", "oldest", "relevance"])
def test_pages_together_are_the_whole(kept: OneStore, order: str) -> None:
    whole = found(kept, Query(text="timed"), order=order) if order == "relevance" else found(kept, Query(), order=order)
    query = Query(text="timed") if order == "relevance" else Query()
    for size in (1, 2, 5):
        ids, cursor = "", ""
        for _ in range(10):
            page = kept.store.search(SPEC, query, order=order, size=size, cursor=cursor)
            assert page.total == len(whole)
            ids, cursor = ids + "".join(hit.doc_id for hit in page.hits), page.cursor
            if not cursor:
                break
        assert ids == whole


def test_a_cursor_goes_on_behind_its_hit_while_documents_are_added(filled: OneStore) -> None:
    page = filled.store.search(SPEC, Query(), size=2)
    filled.store.put(SPEC, [line("x", 2, "web", "info", "newer"), line("cc", -60 * S, "web", "info", "between")])
    filled.settle()
    rest = filled.store.search(SPEC, Query(), cursor=page.cursor)
    assert [hit.doc_id for hit in rest.hits] == ["cc", "c", "b", "a"]


def test_a_cursor_of_another_order_or_index_is_refused(kept: OneStore) -> None:
    cursor = kept.store.search(SPEC, Query(), size=2, order="oldest").cursor
    other = IndexSpec("other", SPEC.fields, "at")
    for spec, order in ((SPEC, "newest"), (SPEC, "relevance"), (other, "oldest")):
        with pytest.raises(InvalidInputError, match="cursor"):
            kept.store.search(spec, Query(), order=order, cursor=cursor)


def test_what_says_it_more_often_and_more_briefly_is_more_relevant(tested: OneStore) -> None:
    bodies = {"once": "slow " + "other " * 30, "thrice": "slow slow slow", "never": "quick", "some": "slow other"}
    tested.store.put(SPEC, [line(name, 0, "web", "info", body) for name, body in bodies.items()])
    tested.settle()
    page = tested.store.search(SPEC, Query(text="slow"), order="relevance")
    assert [hit.doc_id for hit in page.hits] == ["thrice", "some", "once"]
    scores = [hit.score for hit in page.hits]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0


def test_found_words_are_marked_in_the_fields_where_they_stand(kept: OneStore) -> None:
    [hit] = kept.store.search(SPEC, Query(text='failed "com.shop.cart" tags=slow -paid')).hits
    assert hit.highlights == {
        "body": (f'Order "ord-42" {MARK_START}failed{MARK_END}: {MARK_START}com.shop.Cart{MARK_END} timed out',),
        "attributes": (f"tags={MARK_START}slow{MARK_END}",),
    }
    assert all(hit.highlights == {} for hit in kept.store.search(SPEC, Query()).hits)


def test_a_long_text_is_shown_around_the_found_words_and_foreign_marks_are_unmade(tested: OneStore) -> None:
    body = f"{'start ' * 100}needle{MARK_START}{' end' * 30_000}"
    assert tested.store.put(SPEC, [line("a", 0, "web", "info", body)]) == ()
    tested.settle()
    [hit] = tested.store.search(SPEC, Query(text="needle")).hits
    [piece] = hit.highlights["body"]
    assert f"{MARK_START}needle{MARK_END}\ufffd" in piece
    assert len(piece) < 200
    assert hit.content["body"] == body


CONTENTS: list[dict[str, Any]] = [
    {"unknown": {"deep": [1, {"x": None}], "empty": {}, "list": []}, "big": 1 << 70, "small": 1e-300},
    {"attributes": {f"name{number}": f"value{number}" for number in range(10_000)}},
    {"attributes": {"a.b": 1, "a": {"b": 2, "": 3}, "mixed": [1, "one", {"c": [True, None]}]}},
    {"attributes": {"x": "v" * 100_000}, "body": "w" * 100_000, "service": "k" * 20_000},
    {"body": "quotes \" ' \\ and NUL \x00 and \u2028 and \U0001f600", "note": "\n\t\r"},
    {"body": "ord-42 " * 15_000},
    {"size": -0.5, "attributes": {}, "service": "", "body": "", "severity": None},
]


@pytest.mark.parametrize("number", range(len(CONTENTS)))
def test_a_document_comes_back_as_it_went_in(tested: OneStore, number: int) -> None:
    document = Document("logs/a b+c/%2F/ü-000001", {"at": NOON, **CONTENTS[number]})
    assert tested.store.put(SPEC, [document]) == ()
    tested.settle()
    assert list(tested.store.scan(SPEC, Query())) == [document]
    [hit] = tested.store.search(SPEC, Query()).hits
    assert hit.content == document.content


def test_names_and_values_by_the_thousand_are_each_found(tested: OneStore) -> None:
    tested.store.put(SPEC, [Document("a", {"at": NOON, **CONTENTS[1]}), line("b", 0, "web", "info", "value7 name7")])
    tested.settle()
    assert found(tested, Query(text="name9999=value9999 value17")) == "a"
    assert found(tested, Query(text="name9999=value9998")) == ""


def test_a_keyword_beyond_8000_characters_is_kept_and_not_searched(tested: OneStore) -> None:
    longest, longer = "x" * 8_000, "\U0001f600" * 4_001
    tested.store.put(SPEC, [line("a", 0, longest, "info", ""), line("b", 0, longer, "info", "")])
    tested.settle()
    assert tested.store.top(SPEC, Query(), field="service", size=5) == ((longest, 1),)
    assert found(tested, Query({"service": [longest, longer]})) == "a"


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"x": value}
    return value


UNFIT: list[tuple[str, dict[str, Any], str]] = [
    ("", {}, "id"),
    ("x" * 513, {}, "id"),
    ("\ud800", {}, "Unicode"),
    ("x", {"body": "\ud800"}, "Unicode"),
    ("x", {"at": None}, "no at"),
    ("x", {"at": -1}, "its field at"),
    ("x", {"at": 1 << 63}, "its field at"),
    ("x", {"at": 1.5}, "its field at"),
    ("x", {"at": True}, "its field at"),
    ("x", {"service": 7}, "its field service"),
    ("x", {"body": ["list"]}, "its field body"),
    ("x", {"size": "7"}, "its field size"),
    ("x", {"attributes": "text"}, "its field attributes"),
    ("x", {"note": {}}, "its field note"),
    ("x", {"other": float("nan")}, "JSON"),
    ("x", {"other": b"bytes"}, "JSON"),
    ("x", {"other": nested(60)}, "deep"),
    ("x", {"other": "x" * (5 << 20)}, "bytes"),
    ("x", {"@id": "mine"}, "@id"),
]


def test_documents_that_do_not_fit_are_refused_and_the_others_are_kept(tested: OneStore) -> None:
    good = line("good", 0, "web", "info", "fine")
    unfit = [Document(doc_id, {**good.content, **change}) for doc_id, change, _ in UNFIT]
    refused = tested.store.put(SPEC, [*unfit[:9], good, *unfit[9:]])
    assert [one.doc_id for one in refused] == [one.doc_id for one in unfit]
    assert [(one.reason, why) for one, (_, _, why) in zip(refused, UNFIT, strict=True) if why not in one.reason] == []
    tested.settle()
    assert list(tested.store.scan(SPEC, Query())) == [good]


def test_putting_an_id_again_replaces_and_the_last_of_two_counts(filled: OneStore) -> None:
    filled.store.put(SPEC, shop())
    filled.store.put(SPEC, [line("d", 0, "web", "info", "first"), line("d", 0, "web", "info", "second words")])
    filled.settle()
    assert filled.store.count(SPEC, Query()) == len(SHOP)
    assert found(filled, Query(text="second words")) == "d"
    assert found(filled, Query(text="first")) == found(filled, Query(text="paid")) == ""


def test_searches_find_what_was_put_without_being_told_to_look_again(tested: OneStore) -> None:
    tested.store.put(SPEC, shop())
    deadline = time.monotonic() + 30
    while tested.store.count(SPEC, Query()) < len(SHOP):
        assert time.monotonic() < deadline


def test_totals_are_exact_up_to_a_limit_and_counts_always(tested: OneStore) -> None:
    number = TOTAL_LIMIT + 5
    documents = [Document(f"{place:06}", {"at": NOON + place * S, "service": "web"}) for place in range(number)]
    assert tested.store.put(SPEC, documents) == ()
    tested.settle()
    page = tested.store.search(SPEC, Query(), size=1_000)
    assert (page.total, len(page.hits)) == (TOTAL_LIMIT, 1_000)
    assert tested.store.count(SPEC, Query()) == number
    assert tested.store.search(SPEC, Query({}, {"at": (NOON + 5 * S, None)})).total == TOTAL_LIMIT
    assert tested.store.search(SPEC, Query({}, {"at": (NOON + 6 * S, None)})).total == TOTAL_LIMIT - 1
    assert [one.doc_id for one in tested.store.scan(SPEC, Query())] == [one.doc_id for one in documents]
    assert len(tested.store.counts(SPEC, Query(), interval_ns=S)) == number
    assert tested.store.delete(SPEC, Query({}, {"at": (NOON, NOON + 6_000 * S)})) == 6_001
    tested.settle()
    assert tested.store.count(SPEC, Query()) == number - 6_001


def test_counts_over_time_are_aligned_to_the_epoch_and_split_by_a_field(tested: OneStore) -> None:
    hour = 3_600 * S
    documents = [
        line("a", -1, "web", "info", "one before noon"),
        line("b", 0, "web", "error", ""),
        line("c", hour - 1, "payments", "error", ""),
        line("d", 30 * hour, "web", "info", "another day"),
    ]
    documents.append(Document("e", {"at": NOON + 1}))  # of no service
    tested.store.put(SPEC, documents)
    tested.settle()
    assert tested.store.counts(SPEC, Query(), interval_ns=hour, group_by="service") == (
        Bucket(NOON - hour, 1, {"web": 1}),
        Bucket(NOON, 3, {"web": 1, "payments": 1}),
        Bucket(NOON + 30 * hour, 1, {"web": 1}),
    )
    ungrouped = tested.store.counts(SPEC, Query({"severity": ["error"]}), interval_ns=7 * 60 * S)
    first = NOON // (7 * 60 * S) * 7 * 60 * S
    last = (NOON + hour - 1) // (7 * 60 * S) * 7 * 60 * S
    assert ungrouped == (Bucket(first, 1, {}), Bucket(last, 1, {}))


@pytest.mark.parametrize(("interval_ns", "group_by"), [(0, ""), (-S, ""), (1, ""), (S, "body"), (S, "unknown")])
def test_counts_that_cannot_be_asked_are_refused(kept: OneStore, interval_ns: int, group_by: str) -> None:
    with pytest.raises(InvalidInputError):
        kept.store.counts(SPEC, Query(), interval_ns=interval_ns, group_by=group_by)


def test_more_counts_than_an_answer_may_have_are_refused(tested: OneStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_BUCKETS == 50_000
    for module in ("search_embedded", "search_opensearch"):
        monkeypatch.setattr(f"opsloop.adapters.{module}.MAX_BUCKETS", 3)
    tested.store.put(SPEC, [line(f"{place}", place * S, f"s{place % 2}", "info", "") for place in range(4)])
    tested.settle()
    assert len(tested.store.counts(SPEC, Query({}, {"at": (NOON + S, None)}), interval_ns=S)) == 3
    with pytest.raises(InvalidInputError, match="more than 3"):
        tested.store.counts(SPEC, Query(), interval_ns=S)


def test_top_values_are_counted_exactly_over_days_and_ties_are_in_order_of_values(tested: OneStore) -> None:
    said = {"b": 3, "a": 3, "Z": 3, "c": 5, "d": 1}
    names = [name for name, often in said.items() for _ in range(often)]
    documents = [line(f"{place}", -place % 3 * DAY, name, "info", "") for place, name in enumerate(names)]
    tested.store.put(SPEC, documents)
    tested.settle()
    assert tested.store.top(SPEC, Query(), field="service", size=4) == (("c", 5), ("Z", 3), ("a", 3), ("b", 3))
    assert tested.store.top(SPEC, Query({"service": ["d"]}), field="service", size=9) == (("d", 1),)
    with pytest.raises(InvalidInputError):
        tested.store.top(SPEC, Query(), field="body", size=4)


def test_scan_gives_everything_by_id_while_it_is_deleted(filled: OneStore) -> None:
    seen = []
    for document in filled.store.scan(SPEC, Query()):
        seen.append(document.doc_id)
        filled.store.delete(SPEC, Query(text="東京"))
    assert seen[:4] == list("abcd")
    assert found(filled, Query(), order="oldest") == "abcd"


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (Query(text="timed"), "ace"),
        (Query({"service": ["payments"]}), "abe"),
        (Query({}, {"at": (None, NOON - DAY)}), "bcde"),  # whole days
        (Query({}, {"at": (NOON - 60 * S, NOON)}), "ae"),  # a part of one
        (Query({}, {"at": (None, NOON - 60 * S)}), "de"),  # both
        (Query(text="nowhere"), "abcde"),
        (Query(), ""),
    ],
)
def test_delete_removes_what_fits_and_says_how_many(filled: OneStore, query: Query, left: str) -> None:
    assert filled.store.delete(SPEC, query) == len(SHOP) - len(left)
    filled.settle()
    assert found(filled, Query(), order="oldest") == left
    assert filled.store.delete(SPEC, query) == 0


def test_an_index_that_was_never_made_or_was_dropped_finds_nothing(tested: OneStore) -> None:
    def is_empty() -> bool:
        store = tested.store
        answers: Sequence[Any] = (
            store.search(SPEC, Query(text="x")).hits,
            store.search(SPEC, Query(), order="relevance").total,
            store.count(SPEC, Query()),
            store.counts(SPEC, Query(), interval_ns=S, group_by="service"),
            store.top(SPEC, Query(), field="service", size=1),
            list(store.scan(SPEC, Query())),
            store.delete(SPEC, Query()),
            store.nearest(NEAR, "place", [1, 0], Query(), size=1).hits,
        )
        return not any(answers)

    assert is_empty()
    tested.store.drop(SPEC)
    tested.store.prepare(SPEC)
    assert is_empty()
    tested.store.put(SPEC, shop())
    tested.settle()
    assert not is_empty()
    tested.store.drop(SPEC)
    assert is_empty()
    tested.store.put(SPEC, shop())
    tested.settle()
    assert tested.store.count(SPEC, Query({"service": ["web"]})) == 3


def test_indexes_do_not_see_each_other(filled: OneStore) -> None:
    other = IndexSpec("line_2", SPEC.fields, "at")
    filled.store.put(other, [line("z", 0, "web", "info", "other")])
    filled.settle()
    assert filled.store.count(SPEC, Query()) == len(SHOP)
    filled.store.drop(SPEC)
    assert [one.doc_id for one in filled.store.scan(other, Query())] == ["z"]


def test_a_new_field_finds_what_is_put_from_then_on(filled: OneStore) -> None:
    wider = IndexSpec("line", {**SPEC.fields, "colour": Kind.KEYWORD, "weight": Kind.NUMBER}, "at")
    filled.store.prepare(wider)
    filled.store.prepare(wider)
    assert filled.store.count(wider, Query({"colour": ["red"]})) == 0
    new = Document("f", {"at": NOON + 2, "colour": "red", "weight": 3})
    filled.store.put(wider, [new])
    filled.settle()
    assert filled.store.top(wider, Query({}, {"weight": (3, 3)}), field="colour", size=1) == (("red", 1),)
    filled.store.put(SPEC, [line("g", 3, "web", "info", "by those who do not know the field yet")])
    filled.settle()
    assert filled.store.count(wider, Query()) == len(SHOP) + 2


def test_a_field_that_changes_its_kind_needs_an_empty_index(filled: OneStore) -> None:
    changed = IndexSpec("line", {**SPEC.fields, "size": Kind.KEYWORD}, "at")
    with pytest.raises(InvalidInputError, match="size is number in the index and keyword here"):
        filled.store.prepare(changed)
    assert filled.store.count(SPEC, Query({}, {"size": (1, 2)})) == 2
    filled.store.drop(SPEC)
    filled.store.prepare(changed)
    filled.store.put(changed, [Document("a", {"at": NOON, "size": "large"})])
    filled.settle()
    assert filled.store.count(changed, Query({"size": ["large"]})) == 1


def test_nearest_is_by_angle_among_those_that_fit(tested: OneStore) -> None:
    places = {"east": [3, 0], "north": [0, 0.5], "northeast": [1, 1], "west": [-2, 0]}
    documents = [Document(name, {"at": NOON, "kind": name[0], "place": at}) for name, at in places.items()]
    documents.append(Document("nowhere", {"at": NOON, "kind": "n"}))
    assert tested.store.put(NEAR, documents) == ()
    tested.settle()
    page = tested.store.nearest(NEAR, "place", [10, 1], Query(), size=3)
    assert [hit.doc_id for hit in page.hits] == ["east", "northeast", "north"]
    cosines = [10 / 101**0.5, 11 / (2 * 101) ** 0.5, 1 / 101**0.5]
    assert [hit.score for hit in page.hits] == pytest.approx([(1 + one) / 2 for one in cosines], abs=1e-6)
    assert (page.total, page.cursor) == (4, "")
    filtered = tested.store.nearest(NEAR, "place", [10, 1], Query({"kind": ["n", "w"]}), size=5)
    assert [hit.doc_id for hit in filtered.hits] == ["northeast", "north", "west"]
    assert filtered.total == 3
    tested.store.put(NEAR, [Document("east", {"at": NOON, "kind": "e", "place": [-1, 0]})])
    tested.settle()
    assert tested.store.nearest(NEAR, "place", [10, 1], Query(), size=1).hits[0].doc_id == "northeast"


@pytest.mark.parametrize("vector", [[1], [1, 2, 3], [0, 0], [float("nan"), 1], [1, "x"], [1, True]])
def test_a_vector_that_cannot_be_compared_is_refused(tested: OneStore, vector: Any) -> None:
    with pytest.raises(InvalidInputError):
        tested.store.nearest(NEAR, "place", vector, Query(), size=1)
    [refused] = tested.store.put(NEAR, [Document("x", {"at": NOON, "place": vector})])
    assert "place" in refused.reason or "JSON" in refused.reason


def test_a_store_that_works_says_so(tested: OneStore) -> None:
    standing = tested.store.standing()
    assert standing.is_ready, standing.detail
    assert tested.endpoint.split("/")[2 if "http" in tested.endpoint else -1] in standing.detail


def test_a_store_that_was_closed_opens_again(kept: OneStore) -> None:
    kept.store.close()  # type: ignore[attr-defined]
    assert kept.store.count(SPEC, Query()) == len(SHOP)


def test_documents_of_many_days_are_put_counted_and_paged_in_one_go(tested: OneStore) -> None:
    days = range(15)
    tested.store.put(SPEC, [line(f"{day:02}", -day * DAY, "web", "info", f"day {day}") for day in days])
    tested.settle()
    page = tested.store.search(SPEC, Query(), size=14)
    rest = tested.store.search(SPEC, Query(), size=14, cursor=page.cursor)
    assert [hit.doc_id for hit in itertools.chain(page.hits, rest.hits)] == [f"{day:02}" for day in days]
    assert tested.store.delete(SPEC, Query({}, {"at": (None, NOON - 10 * DAY)})) == 5
    tested.settle()
    assert tested.store.count(SPEC, Query()) == 10

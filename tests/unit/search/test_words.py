"""What is a word, and what a question asks for: by hand-worked cases, and over any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop.adapters.search_highlight import highlights
from opsloop.adapters.search_words import GAP, Clause, clauses_of, indexed, leaves, pair_of, words_of
from opsloop.errors import InvalidInputError
from opsloop.search import MARK_END, MARK_START, IndexSpec, Kind

SPEC = IndexSpec("line", {"at": Kind.TIME, "body": Kind.TEXT, "attributes": Kind.OBJECT}, "at")
TEXTS = st.text(st.one_of(st.characters(), st.sampled_from('"-= .:/aB1_\ue000\ue001\ue002')), max_size=80)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/v1/checkout/17?x=ü", ["v1", "checkout", "17", "x", "ü"]),
        ("com.shop.CartService", ["com", "shop", "cartservice"]),
        ("user_id=42, ord-7", ["user", "id", "42", "ord", "7"]),
        ("0f3a9c1e-55aa", ["0f3a9c1e", "55aa"]),
        ("Größe ÄNDERN straße", ["größe", "ändern", "straße"]),
        ("東京で3件 エラー", ["東", "京", "で", "3", "件", "エ", "ラ", "ー"]),
        ("Привет мир", ["привет", "мир"]),
        ("… — \x00\n\ud800", []),
        ("x" * 150, ["x" * 100]),
        ("\u0130stanbul", ["i\u0307stanbul"]),  # the one letter that becomes two when it is made small
    ],
)
def test_words_end_at_whatever_is_no_letter_or_digit(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def clause(*words: str, pair: str = "", is_absent: bool = False) -> Clause:
    return Clause(words, pair, is_absent)


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("", ()),
        ("  \t ", ()),
        ("time out", (clause("time"), clause("out"))),
        ('"time out"', (clause("time", "out"),)),
        ('"time out', (clause("time", "out"),)),
        ("time-out", (clause("time", "out"),)),
        ("-time-out -", (clause("time", "out", is_absent=True),)),
        ('-"time out"', (clause("time", "out", is_absent=True),)),
        ("a.b=C/d", (clause("a", "b", "c", "d", pair=pair_of("a.b", "C/d")),)),
        ('a="x y"', (clause("a", "x", "y", pair=pair_of("a", "x y")),)),
        ('-a="x y"z', (clause("a", "x", "y", pair=pair_of("a", "x y"), is_absent=True), clause("z"))),
        ("a=b=c", (clause("a", "b", "c", pair=pair_of("a", "b=c")),)),
        ("=b", (clause("b"),)),
        ("a=", (clause("a"),)),
        ("a=%", (clause("a", pair=pair_of("a", "%")),)),
        ("!! ok", (clause("ok"),)),
    ],
)
def test_a_text_asks_for(text: str, clauses: tuple[Clause, ...]) -> None:
    assert clauses_of(text) == clauses


@pytest.mark.parametrize("text", ["!", '"', '""', "- - -", "\ud800", "x" * 1_001, "x " * 65, "東" * 257])
def test_a_text_that_asks_for_nothing_or_too_much_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        clauses_of(text)


@given(TEXTS)
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        clauses = clauses_of(text)
    except InvalidInputError:
        return
    assert all(word == word.lower() and '"' not in word and not word.isspace() for one in clauses for word in one.words)


@given(TEXTS)
def test_what_is_quoted_from_a_text_is_found_in_it_and_marked(text: str) -> None:
    words = words_of(text)
    if not words:
        return
    content = {"at": 0, "body": text}
    asked = Clause(tuple(words), "", False)
    assert f" {' '.join(words)} {GAP}" in f" {indexed(SPEC, content).words}"
    [piece] = highlights(SPEC, content, [asked])["body"]
    assert piece.count(MARK_START) == piece.count(MARK_END) == 1
    clean = text.replace(MARK_START, "\ufffd").replace(MARK_END, "\ufffd")
    assert piece.replace(MARK_START, "").replace(MARK_END, "") == clean


def test_leaves_of_lists_have_the_name_of_the_list_and_nothing_is_left_out() -> None:
    value = {"a": {"b": [1, {"c": True}, ["x"]], "": 0.5}, "d.e": "y", "f": None, "g": {}}
    assert list(leaves(value)) == [("a.b", "1"), ("a.b.c", "true"), ("a.b", "x"), ("a.", "0.5"), ("d.e", "y")]


def test_a_pair_ignores_case_and_nothing_else() -> None:
    assert pair_of("Http.Route", "/V1") == pair_of("http.route", "/v1")
    assert len({pair_of("a", "b=c"), pair_of("a=b", "c"), pair_of("a", "b"), pair_of("a", "b ")}) == 3  # a=b=c twice


def test_of_many_found_words_the_first_pieces_are_shown() -> None:
    body = " ".join(f"needle{' straw' * 60}" for _ in range(10))
    pieces = highlights(SPEC, {"body": body}, clauses_of("needle"))["body"]
    assert len(pieces) == 3
    assert all(piece.count(MARK_START) == 1 and len(piece) < 250 for piece in pieces)

"""What is masked in a line, what is left, and that no line takes long."""

import pytest

from opsloop.log import tokens
from opsloop.log.patterns import mine
from opsloop.log.tokens import raw_shape, shape_words, shown

ADVERSARIAL = {
    "letters": "a" * 100_000,
    "digits": "1" * 100_000,
    "dots": "a." * 50_000,
    "colons": ":" * 100_000,
    "hex and colons": "a:" * 50_000,
    "at signs": "$a.@" * 30_000,
    "slashes": "/" * 100_000,
    "dashes": "a-" * 50_000 + "!",
    "braces": "{" * 100_000,
    "nested objects": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "schemes": "http:/" * 20_000,
    "months": "Jan 1 " * 20_000,
    "hosts": "a.b.c.d.e.f.g.h." * 8_000,
    "marks": tokens.VALUE * 100_000,
    "blanks": " " * 100_000,
}


def masked(line: str) -> str:
    return shown(shape_words(raw_shape(line))[1])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("took 12 ms, 3.5 s and -7", "took <*> ms, <*> s and <*>"),
        ("from 10.0.0.7:8080 to /10.0.0.8", "from <*> to <*>"),
        ("addr fe80::1c2d:3 of 0c:68:03:d6:c5:1c", "addr <*> of <*>"),
        ("GET https://a.example.org/x?y=1, done", "GET <*>, done"),
        ("open /etc/passwd: denied", "open <*>: denied"),
        (r"load C:\Windows\x.dll now", "load <*> now"),
        ("id 9f86d081 0xffee blk_-16 550e8400-e29b-41d4-a716-446655440000", "id <*> <*> <*> <*>"),
        ("user=u1234 size=5 name=bob", "user=<*> size=<*> name=bob"),
        ("host web-07.eu gone", "host web-<*>.eu gone"),
        ("ratio 8086/2410 on PS/2", "ratio <*>/<*> on PS/<*>"),
        ("at Wed Jul 27 10:59:53 2005", "at <*>"),
        ("free 6.0 KB of 2 GiB", "free <*> of <*>"),
        ("isOn true obj null", "isOn <*> obj <*>"),
        ("object a.b.C@8a2a501 freed", "object <*> freed"),
        ("mail from smtp.example.com failed", "mail from <*> failed"),
        ("password for root from here", "password for <*> from here"),
        ("done in stage 3.0 (TID 7).", "done in stage <*> (TID <*>)."),
        ("listening on port 80.", "listening on port <*>."),
        ("blocks 1 2 3 gone", "blocks <*> <*> <*> gone"),
        ("Größe 12 überschritten für 用户", "Größe <*> überschritten für 用户"),
    ],
)
def test_values_are_masked(line: str, expected: str):
    assert masked(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "jk2_init() ok over ssh2 at eth0 in L1",
        "com.example.Service called mice.c::run",
        "and/or read-only, e.g. this",
        "rooted administrators nullify truecolor",
        "May I? March on!",
    ],
)
def test_words_are_left(line: str):
    assert masked(line) == line


def test_names_with_values_group_as_values():
    assert shape_words(raw_shape("host web-07.eu and web-1.us"))[0] == shape_words(raw_shape("host 7 and 8"))[0]
    assert shape_words(raw_shape("1 2 3 x"))[0] == [tokens.VALUE, "x"]


def test_the_first_line_of_a_message_decides():
    first, second, other = mine(["Oops: bad 3\n  at a.py 4\nend", "\n Oops: bad 5", "at a.py 4\nOops: bad 3"])
    assert first == second == (1, "Oops: bad <*>")
    assert other[0] == 2


def test_the_names_of_fields_make_the_pattern_of_an_object():
    lines = [
        '{"level": "info", "msg": "order 7 placed", "user": {"id": 5, "name": "bob"}}',
        '{"level": "error", "msg": "order 8 placed", "user": {"id": 6, "name": "ann"}}',
        '{"level": "info", "msg": "order 9 lost", "user": {"id": 5, "name": "bob"}}',
        '{"level": "info", "msg": "order 7 placed", "owner": {"id": 5, "name": "bob"}}',
        "{not an object} 7",
    ]
    answers = mine(lines)
    assert answers[0] == answers[1] == (1, "{level=<*>, msg=order <*> placed, user.id=<*>, user.name=<*>}")
    assert [id_ for id_, _ in answers] == [1, 1, 2, 3, 4]


def test_a_long_line_counts_by_its_beginning():
    start = "x " * 100
    assert len(shape_words(raw_shape("word " * 5_000))[0]) == tokens.MAX_WORDS
    assert len(raw_shape("y" * 10_000)) == tokens.MAX_LINE_CHARS
    assert mine([start + "a" * 9_000, start + "a" * 8_000])[0][0] == 1


@pytest.mark.parametrize("line", ADVERSARIAL.values(), ids=ADVERSARIAL)
def test_no_line_makes_an_expression_backtrack_without_bound(line: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokens, "_words", tokens._Words())
    (answer,) = mine([line])  # 3 ms at most; it would not come back if one did
    assert len(answer[1]) <= len(tokens.SHOWN_VALUE) * tokens.MAX_LINE_CHARS


def test_remembered_words_are_bounded_and_change_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokens, "MAX_CACHED_WORDS", 3)
    monkeypatch.setattr(tokens, "_words", tokens._Words())
    line = "a1234 b1234 c1234 d1234 e1234 word"
    assert masked(line) == masked(line) == "<*> <*> <*> <*> <*> word"
    assert len(tokens._words) <= 3

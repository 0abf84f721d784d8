"""The pattern miner: what it groups, and that the same lines give the same ids whatever the batches are."""

import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.errors import InvalidInputError
from opsloop.log import patterns
from opsloop.log.patterns import OVERFLOW, OVERFLOW_NAME, Miner, mine


def templates(*lines: str) -> list[str]:
    return [template for _, template in mine(list(lines))]


def groups(*lines: str) -> list[int]:
    """Return the group of each line, numbered as they first appear."""
    ids = [id_ for id_, _ in mine(list(lines))]
    return [list(dict.fromkeys(ids)).index(id_) for id_ in ids]


def test_lines_that_differ_in_values_are_one_pattern():
    assert templates("took 12 ms for /a/b", "took 7 ms for /c") == ["took <*> ms for <*>"] * 2


def test_lines_that_differ_in_what_happened_are_two_patterns():
    assert groups("session 7 opened", "session 8 closed", "session 9 opened") == [0, 1, 0]


def test_three_plain_names_in_one_place_are_a_variable_and_earlier_lines_join():
    lines = [f"session opened for user {name} by cron" for name in ("ann", "bob", "eve", "ann")]
    assert mine(lines) == [(1, "session opened for user <*> by cron")] * 4
    assert groups(*lines[:2]) == [0, 1]


def test_states_from_the_code_stay_apart_where_as_many_names_do_not():
    assert groups(*(f"job in queue moved to state {name}" for name in ("READY", "Running", "Done"))) == [0, 1, 2]
    assert groups(*(f"machine of mine was {word} by me" for word in ("started", "stopped", "paused"))) == [0, 1, 2]


def test_two_values_of_one_key_are_a_variable():
    assert templates("auth failure for user=ann here", "auth failure for user=bob here")[0] == (
        "auth failure for user=<*> here"
    )


def test_a_numbered_name_is_a_name_until_another_number_is_seen():
    assert templates("link up on port eth0 now") == ["link up on port eth0 now"]
    assert templates("link up on port eth0 now", "link up on port eth1 now")[0] == "link up on port <*> now"


def test_what_says_too_little_without_the_variable_is_not_merged():
    assert groups(*(f"{name} started" for name in ("sshd", "cron", "nginx", "redis", "kafka", "etcd"))) == [*range(6)]

    assert groups("queue ann", "queue bob", "queue eve") == [0, 1, 2]


def test_first_words_that_share_a_prefix_are_one_variable():
    names = ("com.example.ada", "com.example.bob", "com.example.eve", "com.example.kim")
    assert set(templates(*(f"{name}: told me to run this job" for name in names))) == {
        "com.example.<*>: told me to run this job"
    }


def test_lists_of_any_length_are_one_pattern():
    assert groups("blocks to delete: 1 2 3", "blocks to delete: 4", "blocks to keep: 4") == [0, 0, 1]


def test_a_second_variable_joins_a_pattern_that_has_one():
    lines = [f"login of user={user} from {host} was refused" for user, host in (("ann", "h"), ("bob", "h"))]
    lines += [f"login of user={user} from {host} was refused" for user, host in (("eve", "i"), ("kim", "j"))]
    assert mine(lines)[0] == (1, "login of user=<*> from <*> was refused")
    assert groups(*lines) == [0, 0, 0, 0]


def test_a_pair_of_differences_needs_more_values_than_one():
    lines = [
        f"login of user={user} at host={host} was refused" for user, host in (("ann", "h"), ("bob", "h"), ("eve", "i"))
    ]
    assert groups(*lines) == [0, 0, 1]
    assert groups(*lines, "login of user=eve at host=h was refused") == [0, 0, 1, 0]


def test_of_two_patterns_that_match_the_older_is_taken():
    first = [f"note {name} was good" for name in ("ann", "bob", "eve")]
    second = [f"note kim was {word}" for word in ("fine", "bad", "sad")]
    assert groups(*first, *second, "note kim was good") == [0, 0, 0, 1, 1, 1, 0]


def test_a_merged_id_leads_to_the_older_pattern_and_keeps_its_name():
    miner = Miner()
    first, second = miner.add(["hello from user ann today", "hello from user bob today"])
    name, gone = miner.name(first), miner.name(second)
    assert name != gone
    (third,) = miner.add(["hello from user eve today"])
    assert {miner.resolve(id_) for id_ in (first, second, third)} == {first}
    assert miner.name(second) == name
    assert [(one.id, one.count) for one in miner.patterns()] == [(first, 3)]


def test_names_are_the_same_in_every_service():
    one, other = Miner(), Miner()
    other.add(["something else first"])
    (left,), (right,) = one.add(["took 12 ms"]), other.add(["took 9 ms"])
    assert left != right
    assert one.name(left) == other.name(right)
    assert one.name(left) != one.name(*one.add(["took 12 s"]))


def test_no_more_patterns_live_than_allowed_and_the_least_used_go_to_overflow(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patterns, "MAX_PATTERNS", 10)
    monkeypatch.setattr(patterns, "EVICTED_AT_ONCE", 3)
    miner = Miner()
    lines = [" ".join([letter * 4] * 3) for letter in "abcdefghij"]
    ids = miner.add(lines)
    miner.add([lines[0], "one more than there is room for"])
    assert len(miner.patterns()) == 8
    assert [miner.resolve(id_) for id_ in ids[:5]] == [ids[0], OVERFLOW, OVERFLOW, OVERFLOW, ids[4]]
    assert (miner.name(ids[1]), miner.template(ids[1])) == (OVERFLOW_NAME, "")
    (again,) = miner.add([lines[1]])
    assert again not in ids
    assert miner.template(again) == lines[1]


def test_a_flood_of_lines_that_are_alike_is_merged_before_anything_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patterns, "MAX_PATTERNS", 20)
    monkeypatch.setattr(patterns, "EVICTED_AT_ONCE", 4)
    letters = "abcdefghijklmnopqrstuvwxyz"
    lines = [f"request of {one * 5}X gave {one * 4}Y in the end" for one in letters]
    miner = Miner()
    ids = miner.add(["kept because there is room", *lines])
    assert miner.template(ids[-1]) == "request of <*> gave <*> in the end"
    assert {miner.resolve(id_) for id_ in ids} == {ids[0], ids[1]}


def test_ids_that_ended_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patterns, "MAX_PATTERNS", 5)
    monkeypatch.setattr(patterns, "EVICTED_AT_ONCE", 2)
    monkeypatch.setattr(patterns, "MAX_REDIRECTS", 7)
    monkeypatch.setattr(patterns, "MAX_RAW_SHAPES", 6)
    monkeypatch.setattr(patterns, "MAX_ENTERED", 6)
    miner = Miner()
    ids = miner.add(" ".join([one + other] * 2) for one in "abcdef" for other in "uvwxyz")
    assert len(miner._redirects) == 7
    assert len(miner._by_raw) <= 6
    assert miner._index.entered <= 7
    assert miner.resolve(ids[0]) == OVERFLOW
    assert miner.resolve(10_000) == OVERFLOW


WORDS = [
    "user",
    "ann",
    "bob",
    "eve",
    "started",
    "12",
    "eth0",
    "eth1",
    "x=ann",
    "x=bob",
    "com.a.b",
    "com.a.c1",
    "(9)",
    "()",
]
FORMS = ["{} of the {} was {}", "login of user={} from {} was refused", "{} {}", "blocks to take: {} {} {}", "{}"]
LINES = st.lists(
    st.builds(
        lambda form, words: form.format(*words), st.sampled_from(FORMS), st.tuples(*[st.sampled_from(WORDS)] * 3)
    ),
    max_size=60,
)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("room", [12, 100])
def test_storing_after_every_line_changes_nothing(seed: int, room: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patterns, "MAX_PATTERNS", room)
    monkeypatch.setattr(patterns, "EVICTED_AT_ONCE", 3)
    monkeypatch.setattr(patterns, "MAX_REDIRECTS", 20)
    choose = random.Random(seed).choice
    names = ["ann", "bob", "eve", "kim", "x=ann", "x=bob", "n1", "n2", "com.a.b:", "com.a.c1:", "7", "(8)", "()"]
    forms = ["{} of the {} was {} again", "login of user={} from {} was refused", "{} {} to be {} to", "first {}"]
    lines = [choose(forms).format(*(choose(names) for _ in range(3))) for _ in range(250)]
    whole, stored = Miner(), Miner()
    ids, answers = whole.add(lines), []
    for line in lines:
        answers += stored.add([line])
        stored = Miner.from_bytes(stored.to_bytes())
    assert answers == ids
    assert stored.to_bytes() == whole.to_bytes()
    assert room < 100 or any(one.holes for one in whole.patterns())


@settings(max_examples=150, deadline=None)
@given(lines=LINES, cuts=st.lists(st.integers(1, 20), min_size=1, max_size=8), room=st.integers(4, 40))
def test_batches_and_stored_state_change_nothing(lines: list[str], cuts: list[int], room: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patterns, "MAX_PATTERNS", room)
        patch.setattr(patterns, "EVICTED_AT_ONCE", 2)
        patch.setattr(patterns, "MAX_REDIRECTS", 9)
        whole, piecewise, answers, start = Miner(), Miner(), [], 0
        ids = whole.add(lines)
        while start < len(lines):
            cut = cuts[start % len(cuts)]
            answers += piecewise.add(lines[start : start + cut])
            piecewise = Miner.from_bytes(piecewise.to_bytes())
            start += cut
        assert answers == ids
        assert piecewise.to_bytes() == whole.to_bytes()
        assert len(whole.patterns()) <= room


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(st.text(max_size=80), max_size=30))
def test_any_text_is_answered_and_survives_storing(lines: list[str]):
    miner = Miner()
    ids = miner.add(lines)
    again = Miner.from_bytes(miner.to_bytes())
    assert [again.template(id_) for id_ in ids] == [miner.template(id_) for id_ in ids]
    assert again.add(lines) == miner.add(lines)
    assert sum(one.count for one in miner.patterns()) == 2 * len(lines)


@settings(max_examples=100, deadline=None)
@given(lines=LINES)
def test_a_line_seen_again_changes_no_template(lines: list[str]):
    miner = Miner()
    miner.add(lines)
    before = {one.id: miner.template(one.id) for one in miner.patterns()}
    miner._by_raw.clear()
    miner.add(lines)
    assert {one.id: miner.template(one.id) for one in miner.patterns()} == before


@pytest.mark.parametrize(
    "data", [b"", b"{}", zlib.compress(b"[]"), zlib.compress(b"7"), zlib.compress(b"[1,2,3,[],[]]")], ids=range(5)
)
def test_what_is_no_state_is_refused(data: bytes):
    with pytest.raises(InvalidInputError):
        Miner.from_bytes(data)


def test_state_is_small():
    letters = "abcdefghijklmnopqrst"
    miner = Miner()
    miner.add(" ".join([one * 6, other * 5, one * 4, other * 3, "5"]) for one in letters for other in letters[:2])
    assert len(miner.patterns()) == 40
    assert len(miner.to_bytes()) < 40 * 60


def test_nothing_gives_nothing():
    assert mine([]) == []
    assert templates("", "  ", "\n") == [""] * 3

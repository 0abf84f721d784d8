"""anomaly_detect as it is invoked: called within a bucket, told once, whatever is killed, repeated, late or at once."""

import pytest

from opsloop.anomaly import run as run_module
from opsloop.anomaly.model import Direction, Part, Severity, State
from opsloop.anomaly.saved import Saved, unpack_unknown
from opsloop.clock import time_of
from opsloop.telemetry.pressure import Pressure
from tests.integration.anomaly_world import (
    CrashError,
    Stores,
    contradictions,
    outcome,
    put_in,
    start,
)
from tests.unit.anomaly.quiet import START, Fault, Shop

HISTORY_END = START + 26 * 60  # rates are judged from a day on
FAULT = HISTORY_END + 10
FAULTY = Shop(
    3,
    faults=(
        Fault("payments", FAULT, FAULT + 30, slower=4.0, error_ratio=0.30),
        Fault("orders", FAULT, FAULT + 30, slower=2.2, error_ratio=0.25),
        Fault("web", FAULT, FAULT + 30, error_ratio=0.08),
    ),
)
TIMES = range(HISTORY_END + 6, FAULT + 62, 5)  # 02:06, 02:11 ... until all is over


@pytest.fixture
def handler(aws, load_handler):
    return load_handler("anomaly_detect")


@pytest.fixture
def world(handler):
    """Return ``world(shop)``: stores in which a quiet day are judged."""
    saved = _learned_once(handler)

    def make(shop=FAULTY):
        return Stores(shop, saved, first=START, now=HISTORY_END)

    return make


_KNOWN: list[Saved] = []


def _learned_once(handler):
    if not _KNOWN:
        stores = Stores(Shop(3), first=START)
        start(handler, stores, HISTORY_END + 1)
        assert stores.told == []
        _KNOWN.append(stores.saved)
    return _KNOWN[0]


@pytest.fixture
def undisturbed(handler, world):
    """Return what the world sees if nothing goes wrong."""
    stores = world()
    for minute in TIMES:
        start(handler, stores, minute)
    return outcome(stores)


def test_a_fault_is_told_one_minute_after_its_first_bucket_with_its_origin(handler, world):
    stores = world()
    start(handler, stores, FAULT + 1)
    assert stores.told == []
    start(handler, stores, FAULT + 6)
    told = [one["data"]["anomaly"] for one in stores.told]
    assert {one["type"] for one in stores.told} == {"anomaly.detected"}
    found = {(one["service"], one["measure"]): one for one in told}
    assert {("payments", "error_ratio"), ("payments", "p95"), ("orders", "error_ratio")} <= found.keys()
    origin = found["payments", "error_ratio"]
    assert (origin["part"], origin["severity"], origin["direction"]) == (Part.ORIGIN, Severity.CRITICAL, Direction.HIGH)
    assert all(one["origin_id"] == origin["anomaly_id"] for one in told)
    assert {one["service"] for one in told if one["part"] is Part.EFFECT} >= {"orders"}
    assert origin["contributing"][0]["operation"] == "POST /charges"
    assert origin["reason"].startswith("payments: ")


def test_a_fault_that_is_over_ends_after_three_calm_buckets_and_everything_is_told_once(handler, world, undisturbed):
    _, stored, told = undisturbed
    assert {one.state for one in stored.values()} == {State.ENDED}
    begun = [one for one in told.values() if one["type"] == "anomaly.detected"]
    ended = [one for one in told.values() if one["type"] == "anomaly.ended"]
    assert len(begun) == len(ended) == len(stored) > 3
    payments = next(one for one in stored.values() if (one.service, one.measure) == ("payments", "p95"))
    assert (payments.first_minute, payments.last_minute) == (FAULT, FAULT + 29)
    assert {one["time"] for one in ended if one["subject"] == "payments"} == {
        time_of(FAULT + 45).isoformat().replace("+00:00", "Z")
    }


def test_a_run_that_is_repeated_changes_nothing(handler, world, undisturbed):
    stores = world()
    for minute in TIMES:
        start(handler, stores, minute)
        start(handler, stores, minute)
    assert outcome(stores) == undisturbed
    assert len(stores.told) == len(undisturbed[2])


def test_runs_late_and_out_of_order_find_the_same(handler, world, undisturbed):
    stores = world()
    for minute in (TIMES[1], TIMES[0], TIMES[5], TIMES[2], TIMES[3], TIMES[-1], TIMES[4]):
        start(handler, stores, minute)
    assert outcome(stores) == undisturbed
    assert contradictions(stores) == []


def test_each_block_is_read_once_by_a_run_over_many_hours(handler):
    stores = Stores(Shop(3), first=START)
    start(handler, stores, HISTORY_END + 1)
    assert set(stores.read_blocks.values()) == {1}


def killed_everywhere(handler, world, meanwhile=None):
    """Yield the stores after a run at the fault's first bucket was killed before each call, and the rest ran."""
    call = 0
    while True:
        stores = world()
        start(handler, stores, FAULT + 1)
        stores.calls, stores.crash_at = 0, call
        try:
            start(handler, stores, FAULT + 6)
        except CrashError:
            pass
        else:
            return
        stores.crash_at = -1
        if meanwhile:
            meanwhile(stores)
        for minute in (FAULT + 11, TIMES[-1]):
            start(handler, stores, minute)
        yield stores
        call += 1


def test_a_run_killed_before_any_call_is_finished_by_the_next_one(handler, world, undisturbed):
    deaths = 0
    for stores in killed_everywhere(handler, world):
        deaths += 1
        assert outcome(stores) == undisturbed
        assert contradictions(stores) == []
    assert deaths > 8


def heal(stores):
    """Late telemetry shows that nothing was the matter."""
    stores.shop = Shop(3)


def test_what_was_told_stays_true_when_data_change_after_the_death_of_a_run(handler, world):
    for stores in killed_everywhere(handler, world, heal):
        assert contradictions(stores) == []


def test_telling_before_saving_would_be_found(handler, world, monkeypatch):
    def finish(keeper, scan, pending):
        keeper._deliver(pending)
        save(keeper, scan, pending)

    def only_publish(keeper, pending):
        if pending.told:
            keeper._world.publish(run_module.boxes.events(pending))

    save = run_module._Keeper.finish
    monkeypatch.setattr(run_module._Keeper, "finish", finish)
    monkeypatch.setattr(run_module._Keeper, "_deliver", only_publish)
    assert any(contradictions(stores) for stores in killed_everywhere(handler, world, heal))


def at_once(handler, world, *, is_blind=False):
    """Yield the stores after a second run ran, whole, before each call of a first one with an older time."""
    call = 0
    while True:
        stores = world()
        stores.is_blind = is_blind
        start(handler, stores, FAULT + 1)
        stores.calls = 0
        ran = []

        def second(number, stores=stores, call=call, ran=ran):
            if number == call and not ran:
                ran.append(number)
                start(handler, stores, FAULT + 11)

        stores.between = second
        start(handler, stores, FAULT + 6)
        if not ran:
            return
        stores.between = lambda _call: None
        for minute in (FAULT + 6, TIMES[-1]):
            start(handler, stores, minute)
        yield stores
        call += 1


def test_two_runs_at_once_find_what_one_finds(handler, world, undisturbed):
    times = 0
    for stores in at_once(handler, world):
        times += 1
        assert outcome(stores) == undisturbed
        assert contradictions(stores) == []
    assert times > 5


def test_saving_blindly_would_be_found(handler, world):
    assert any(contradictions(stores) for stores in at_once(handler, world, is_blind=True))


def half(stores):
    """Let only the first minute of the next bucket be in the blocks: the shop seems to lose its customers."""
    stores.shop = Shop(3, change=lambda _service, minute: 0.1 if minute >= HISTORY_END else 1.0)
    stores.backlog = {"log#stream#1#0": [("1" * 64, HISTORY_END + 1, HISTORY_END + 6)]}


def test_a_bucket_that_is_not_folded_is_waited_for(handler, world):
    stores = world()
    half(stores)
    answer = start(handler, stores, HISTORY_END + 6)
    assert (answer["buckets"], answer["left"], stores.told) == (0, 1, [])
    stores.shop, stores.backlog = Shop(3), {}
    answer = start(handler, stores, HISTORY_END + 11)
    assert (answer["buckets"], answer["left"], stores.told) == (2, 0, [])


def test_without_the_wait_a_half_bucket_would_be_called(handler, world, monkeypatch):
    stores = world()
    half(stores)
    monkeypatch.setattr(handler, "ready", lambda _first, end: (end, end))
    start(handler, stores, HISTORY_END + 11)
    assert {one["data"]["anomaly"]["measure"] for one in stores.told} == {"rate"}


def test_records_that_ingest_has_not_read_are_waited_for(handler, world):
    stores = world()
    stores.pressure_now = Pressure(age_s=400.0, at_s=(HISTORY_END + 5) * 60.0)
    assert start(handler, stores, HISTORY_END + 6)["left"] == 1
    stores.pressure_now = Pressure(age_s=5.0, at_s=(HISTORY_END + 5) * 60.0)
    assert start(handler, stores, HISTORY_END + 6)["left"] == 0


def test_what_is_never_folded_is_judged_after_half_an_hour_without_its_counts(handler, world):
    stores = world()
    half(stores)
    stores.shop = Shop(3, change=lambda _s, minute: 0.0 if minute >= HISTORY_END else 1.0)
    answer = start(handler, stores, HISTORY_END + 61)
    assert (answer["buckets"], answer["left"], stores.told) == (6, 6, [])
    unknown = unpack_unknown(stores.saved.unknown)
    assert unknown["web"]["rate"] == "the data of the last five minutes are not complete"


def test_to_learn_anew_ends_what_is_open_and_tells_nothing_of_the_past(handler, world):
    stores = world()
    start(handler, stores, FAULT + 6)
    opened = len(stores.told)
    answer = start(handler, stores, FAULT + 11, relearn=True)
    assert {one["type"] for one in stores.told[opened:]} == {"anomaly.ended"}
    assert len(stores.told) == 2 * opened
    assert answer["buckets"] == (FAULT + 10 - START) // 5


def test_before_anybody_sent_anything_there_is_nothing_to_judge(handler, aws):
    stores = Stores(Shop(3, services={}))
    assert start(handler, stores, HISTORY_END + 6)["judged_to"] is None
    assert stores.saved is None


def test_a_run_without_time_leaves_the_rest_to_the_next_one(handler, world, undisturbed, context):
    stores = world()
    put_in(handler, stores)
    stores.now = TIMES[-1]
    context.remaining_ms = 1_000
    event = {"time": time_of(TIMES[-1]).isoformat(), "id": "x"}
    assert handler.lambda_handler(event, context)["buckets"] == 0
    context.remaining_ms = 290_000
    handler.lambda_handler(event, context)
    assert outcome(stores)[1:] == undisturbed[1:]

"""anomaly_detect with its real adapters on a mocked AWS, and the table of anomalies as readers see it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from opsloop.adapters import anomaly_state
from opsloop.adapters.anomaly_state import StateTable
from opsloop.adapters.anomaly_table import AnomalyTable
from opsloop.adapters.fold_progress import FoldProgress
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_blocks import BlockTable
from opsloop.anomaly.exclude import Window
from opsloop.anomaly.model import State
from opsloop.anomaly.record import Feedback, anomaly_id
from opsloop.anomaly.saved import Saved, pack
from opsloop.anomaly.series import Key
from opsloop.clock import format_time, time_of
from opsloop.errors import ConflictError, DependencyUnavailableError
from tests.conftest import NOW
from tests.unit.anomaly.quiet import SHOP, START, Fault, Shop
from tests.unit.anomaly.test_state import ANOMALY

HOURS = 17
FAULT = START + HOURS * 60
QUIET = ("payments",)


@pytest.fixture
def table(aws):
    return AnomalyTable(aws.names["ANOMALY_TABLE"])


@pytest.fixture
def states(aws):
    return StateTable(aws.names["ANOMALY_TABLE"], SegmentStore(aws.names["SEGMENT_BUCKET"]))


@pytest.fixture
def handler(aws, load_handler):
    made = load_handler("anomaly_detect")
    made.time = SimpleNamespace(sleep=lambda _s: None)
    return made


@pytest.fixture
def shop(aws):
    """Store seventeen quiet hours of payments and then one that begins with a fault."""
    blocks = BlockTable(aws.names["TELEMETRY_TABLE"], SegmentStore(aws.names["SEGMENT_BUCKET"]))
    made = Shop(
        3,
        services={name: SHOP[name] for name in QUIET},
        faults=(Fault("payments", FAULT, FAULT + 30, slower=4.0, error_ratio=0.3),),
    )
    for name in QUIET:
        for hour in range(START, FAULT + 60, 60):
            blocks.save(made.block(name, hour), now=NOW, retention_days=35)
    blocks.note_services(made.seen(START, FAULT + 60))
    return made


def run(handler, context, minute):
    context.remaining_ms = 290_000
    return handler.lambda_handler({"time": format_time(time_of(minute)), "id": "run"}, context)


def at(hours, **changes):
    """Return an anomaly that began so many hours after ``START``."""
    first = START + 60 * hours
    identity = anomaly_id(Key("web", "p95"), first)
    return replace(ANOMALY, anomaly_id=identity, first_minute=first, last_minute=first + 4, **changes)


def test_a_fault_is_stored_told_and_ended_with_the_real_tables(handler, shop, table, aws, context, monkeypatch):
    told = []
    publish = handler.bus.publish
    monkeypatch.setattr(handler.bus, "publish", lambda events: (told.extend(events), publish(events)))
    assert run(handler, context, FAULT + 1)["judged_to"] == format_time(time_of(FAULT))
    assert (table.open(), told) == ((), [])
    assert table.standing().unknown["payments"]["rate"].startswith("too little history: 17.0 h")
    assert run(handler, context, FAULT + 6)["begun"] == 2
    going_on = table.open()
    assert {one.measure for one in going_on} == {"error_ratio", "p95"}
    assert all(table.get(one.anomaly_id) == one for one in going_on)
    assert run(handler, context, FAULT + 56)["ended"] == 2
    assert table.open() == ()
    page = table.list(first_minute=FAULT, end_minute=FAULT + 60)
    assert {one.state for one in page.anomalies} == {State.ENDED}
    assert {one.last_minute for one in page.anomalies} == {FAULT + 29}
    assert sorted(event.data.TYPE for event in told) == ["anomaly.detected"] * 2 + ["anomaly.ended"] * 2


def test_the_samples_of_events_have_the_fields_of_real_ones(handler, shop, aws, context, event, monkeypatch):
    told = []
    monkeypatch.setattr(handler.bus, "publish", told.extend)
    run(handler, context, FAULT + 1)
    run(handler, context, FAULT + 56)
    for one in told:
        sample = event(f"{one.data.TYPE}/payments_fail")["detail"]
        assert sample.keys() == one.detail().keys()
        assert sample["data"].keys() == one.detail()["data"].keys()
        assert sample["data"]["anomaly"].keys() == one.detail()["data"]["anomaly"].keys()


@pytest.mark.parametrize("case", ["every_five_minutes", "relearn"])
def test_the_samples_of_triggers_find_nothing_where_nothing_was_sent(handler, event, context, case):
    context.remaining_ms = 290_000
    assert handler.lambda_handler(event(f"anomaly_detect/{case}"), context)["judged_to"] is None


def test_a_missing_table_fails_the_run(aws, load_handler, event, context):
    handler = load_handler("anomaly_detect", ANOMALY_TABLE="not-there")
    with pytest.raises(DependencyUnavailableError, match="anomaly table"):
        handler.lambda_handler(event("anomaly_detect/every_five_minutes"), context)


def saved(version, **changes):
    bodies = {"memory": b"m" * 500, "outbox": b"o", "open_ids": pack([]), "unknown": pack({})}
    return Saved(**{"version": version, "judged_to": START, **bodies, **changes})


def test_a_version_is_saved_once(states):
    assert states.read() is None
    states.save(saved(1), now=NOW)
    assert states.read() == saved(1)
    for version in (1, 3):
        with pytest.raises(ConflictError):
            states.save(saved(version), now=NOW)
    states.save(saved(2, memory=b"other"), now=NOW)
    assert states.read() == saved(2, memory=b"other")


def test_what_does_not_fit_the_item_lies_in_the_bucket(states, aws, monkeypatch):
    monkeypatch.setattr(anomaly_state, "MAX_BODY_BYTES", 100)
    states.save(saved(1), now=NOW)
    assert list(aws.objects("SEGMENT_BUCKET").values()) == [b"m" * 500]
    assert states.read() == saved(1)


def test_a_list_is_newest_first_page_by_page_across_months(table):
    ids = []
    for hours in (0, 1, 24 * 20, 24 * 45):
        one = at(hours, state=State.ENDED)
        table.put(one, judged_to=one.last_minute + 1)
        ids.insert(0, one.anomaly_id)
    whole = {"first_minute": START, "end_minute": START + 50 * 1440}
    first = table.list(**whole, limit=3)
    second = table.list(**whole, limit=3, after=first.next)
    assert [one.anomaly_id for one in (*first.anomalies, *second.anomalies)] == ids
    assert second.next == ""
    assert table.list(first_minute=START + 60, end_minute=START + 61).anomalies[0].anomaly_id == ids[2]
    assert table.list(first_minute=START, end_minute=START + 60).anomalies[0].anomaly_id == ids[3]


def test_a_list_tells_services_and_states_apart_and_finds_what_began_before_and_goes_on(table, states):
    old, other = at(0), at(30, service="orders", state=State.ENDED)
    for one in (old, other):
        table.put(one, judged_to=one.last_minute + 1)
    states.save(saved(1, open_ids=pack([old.anomaly_id])), now=NOW)
    later = {"first_minute": START + 20 * 60, "end_minute": START + 40 * 60}
    assert table.list(**later).anomalies == (other, old)
    assert table.list(**later, service="web").anomalies == (old,)
    assert table.list(**later, state=State.ENDED).anomalies == (other,)
    assert table.list(**later, state=State.OPEN).anomalies == (old,)


def test_an_older_form_of_an_anomaly_does_not_replace_a_newer_one(table):
    newer = at(0, score=0.9)
    table.put(newer, judged_to=START + 10)
    table.put(at(0, score=0.1), judged_to=START + 5)
    assert table.get(newer.anomaly_id) == newer


def test_feedback_is_the_last_word_of_each(table):
    for verdict in ("noise", "useful"):
        table.put_feedback(Feedback("id", verdict, "ann", "why", START))
    table.put_feedback(Feedback("id", "noise", "bob", "", START))
    assert [(one.by, one.verdict) for one in table.feedback("id")] == [("ann", "useful"), ("bob", "noise")]
    assert table.feedback("other") == ()


def test_a_window_is_stored_once_and_read_by_the_detector(table):
    window = Window("web", START, START + 60, "change 7")
    table.exclude(window)
    table.exclude(window)
    assert table.excluded_windows() == (window,)


def test_what_is_no_id_is_not_found(table):
    assert table.get("x") is None
    assert table.get(at(0).anomaly_id) is None


def test_progress_tells_what_is_not_folded(aws, load_handler, event, context):
    ingest = load_handler("telemetry_ingest")
    ingest.lambda_handler(event("telemetry_ingest/receiver_batch"), context)
    progress = FoldProgress(aws.names["TELEMETRY_TABLE"])
    ((log, position),) = progress.folded().items()
    ((end, first, last),) = progress.waiting(log, position)
    assert first <= last
    context.remaining_ms = 300_000
    load_handler("telemetry_fold").lambda_handler(event("telemetry_fold/every_minute"), context)
    assert progress.folded() == {log: end}
    assert list(progress.waiting(log, end)) == []

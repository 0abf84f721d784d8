"""telemetry_fold on a mocked AWS: what telemetry_ingest committed becomes blocks, once."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from opsloop.clock import minute_of, parse_time
from opsloop.errors import ConflictError, DependencyUnavailableError
from opsloop.telemetry.encoding import encode
from opsloop.telemetry.model import LOG_START

HOUR = minute_of(parse_time("2026-11-20T22:00:00Z", name="hour"))
SERVICE = "shop-web"


@pytest.fixture
def ingest(aws, load_handler, event, context):
    handler = load_handler("telemetry_ingest")

    def deliver(case="receiver_batch", **changes):
        batch = event(f"telemetry_ingest/{case}")
        for record in batch["Records"]:
            record["eventID"] = changes.get("shard", "shardId-000000000000") + ":1"
        handler.lambda_handler(batch, context)

    return deliver


@pytest.fixture
def fold(aws, load_handler, monkeypatch, context):
    context.remaining_ms = 300_000
    handler = load_handler("telemetry_fold")
    monkeypatch.setattr(handler, "time", SimpleNamespace(time=lambda: 0.0))
    return handler


def published(handler):
    """Record what a handler publishes."""
    events = []
    handler.bus = SimpleNamespace(publish=events.extend)
    return events


def counted(block):
    """Return how many spans and log records a block holds."""
    found = {"span.duration": 0, "log.records": 0}
    for i, count in zip(block.cells.series_index.tolist(), block.cells.count.tolist(), strict=True):
        if block.cells.series[i].metric in found:
            found[block.cells.series[i].metric] += count
    return found


def test_committed_segments_become_a_block_with_its_lineage(ingest, fold, aws, event, context):
    ingest()
    answer = fold.lambda_handler(event("telemetry_fold/every_minute"), context)
    assert answer == {"segments": 1, "late_hours": 0, "lag_s": 0.0}
    block = fold.blocks.get(SERVICE, HOUR)
    assert counted(block) == {"span.duration": 20, "log.records": 20}
    (source,) = block.sources
    assert (source.segments, source.records, source.items, source.first) == (1, 3, 74, LOG_START)
    assert block.folded == {source.log: source.last}
    assert fold.log.shards() == {source.log: source.last}
    (seen,) = fold.blocks.services()
    assert seen.service == SERVICE
    assert HOUR <= seen.first_seen <= seen.last_seen < HOUR + 60


def test_folding_again_changes_nothing(ingest, fold, aws, event, context):
    ingest()
    fold.lambda_handler(event("telemetry_fold/every_minute"), context)
    before = aws.items("TELEMETRY_TABLE")
    assert fold.lambda_handler(event("telemetry_fold/every_minute"), context)["segments"] == 0
    assert aws.items("TELEMETRY_TABLE") == before


@pytest.mark.parametrize("step", ["note_services", "advance", "publish"])
def test_a_fold_that_died_before_moving_its_watermark_counts_once_when_run_again(
    ingest, fold, aws, event, context, monkeypatch, step
):
    def die(*_args, **_kwargs):
        raise DependencyUnavailableError("away")

    ingest()
    owner = {"note_services": fold.blocks, "advance": fold.log, "publish": fold.bus}[step]
    with monkeypatch.context() as patched:
        patched.setattr(owner, step, die)
        with pytest.raises(DependencyUnavailableError):
            fold.lambda_handler(event("telemetry_fold/every_minute"), context)
    fold.lambda_handler(event("telemetry_fold/every_minute"), context)
    assert counted(fold.blocks.get(SERVICE, HOUR)) == {"span.duration": 20, "log.records": 20}
    assert fold.blocks.get(SERVICE, HOUR).version == 1


def test_shards_add_up_and_a_block_saved_meanwhile_is_not_overwritten(ingest, fold, aws, event, context, monkeypatch):
    ingest()
    ingest("collector_unterminated_gzip", shard="shardId-000000000001")
    real, raced = fold.blocks.save, []

    def save_second(block, **options):
        if not raced:
            raced.append(block)
            real(replace(block, folded={**block.folded, "log#other": "1"}), **options)
        real(block, **options)

    monkeypatch.setattr(fold.blocks, "save", save_second)
    fold.lambda_handler(event("telemetry_fold/every_minute"), context)
    blocks = [fold.blocks.get(one.service, raced[0].hour) for one in fold.blocks.services()]
    assert any("log#other" in block.folded for block in blocks if block)
    assert sum(counted(block)["span.duration"] for block in blocks if block) == 40


def test_late_data_are_told_with_the_same_id_however_often(ingest, fold, event, context, monkeypatch):
    ingest()
    events = published(fold)
    late = event("telemetry_fold/every_minute") | {"time": "2026-11-20T23:02:00Z"}
    with monkeypatch.context() as patched:
        patched.setattr(fold.log, "advance", lambda *_: (_ for _ in ()).throw(DependencyUnavailableError("away")))
        with pytest.raises(DependencyUnavailableError):
            fold.lambda_handler(late, context)
    fold.lambda_handler(late, context)
    assert [(one.data.service, one.data.hours) for one in events] == [(SERVICE, ["2026-11-20T22:00:00Z"])] * 2
    assert len({one.id for one in events}) == 1


def test_an_hour_is_not_late_two_minutes_after_its_end_minus_a_second(ingest, fold, event, context):
    ingest()
    events = published(fold)
    fold.lambda_handler(event("telemetry_fold/every_minute") | {"time": "2026-11-20T23:01:59Z"}, context)
    assert events == []


def test_an_hour_that_closes_while_the_fold_runs_is_late(ingest, fold, event, context):
    ingest()
    events = published(fold)
    fold.time.time = lambda: (HOUR + 60) * 60 + 121.0
    fold.lambda_handler(event("telemetry_fold/every_minute") | {"time": "2026-11-20T23:01:00Z"}, context)
    assert [one.data.hours for one in events] == [["2026-11-20T22:00:00Z"]]
    assert [one.time.timestamp() for one in events] == [(HOUR + 60) * 60 + 121.0]  # else a roll-up would ignore it


def test_the_bus_accepts_what_is_told(ingest, fold, aws, event, context):
    ingest()
    answer = fold.lambda_handler(event("telemetry_fold/every_minute") | {"time": "2026-11-21T08:00:00Z"}, context)
    assert answer["late_hours"] == 1


def test_a_run_that_is_short_of_time_leaves_the_rest_and_says_how_far_behind_it_is(
    ingest, fold, event, context, monkeypatch
):
    monkeypatch.setattr(fold, "CHUNK_SEGMENTS", 1)
    ingest()
    ingest("one_good_one_garbled")
    context.remaining_ms = 10_000
    answer = fold.lambda_handler(event("telemetry_fold/every_minute"), context)
    assert answer["segments"] == 1
    assert answer["lag_s"] == pytest.approx(69, abs=1)  # 22:15:00 minus 22:13:51
    context.remaining_ms = 100_000
    assert fold.lambda_handler(event("telemetry_fold/every_minute"), context)["segments"] == 1


def test_one_shard_that_cannot_be_read_does_not_hold_up_the_others(ingest, fold, event, context, monkeypatch):
    ingest()
    ingest(shard="shardId-000000000001")
    real = fold.log.read

    def read(log_key, *rest):
        if log_key.endswith("0"):
            raise DependencyUnavailableError("telemetry table: away")
        return real(log_key, *rest)

    monkeypatch.setattr(fold.log, "read", read)
    with pytest.raises(DependencyUnavailableError):
        fold.lambda_handler(event("telemetry_fold/every_minute"), context)
    assert counted(fold.blocks.get(SERVICE, HOUR)) == {"span.duration": 20, "log.records": 20}


def test_another_fold_being_ahead_is_no_failure(ingest, fold, event, context, monkeypatch):
    def conflict(*_args):
        raise ConflictError("telemetry table: somebody else was first")

    ingest()
    monkeypatch.setattr(fold.log, "advance", conflict)
    assert fold.lambda_handler(event("telemetry_fold/every_minute"), context)["segments"] == 0


def test_a_block_too_large_for_an_item_comes_back_from_the_bucket(ingest, fold, aws, event, context, monkeypatch):
    monkeypatch.setattr("opsloop.adapters.telemetry_blocks.MAX_BODY_BYTES", 100)
    ingest()
    fold.lambda_handler(event("telemetry_fold/every_minute"), context)
    (block,) = fold.blocks.read(SERVICE, HOUR, HOUR)
    (body,) = aws.objects("SEGMENT_BUCKET").values()
    assert encode(block.cells) == body
    assert fold.blocks.read(SERVICE, HOUR + 60, HOUR + 120) == []
    assert fold.blocks.get("nobody", HOUR) is None

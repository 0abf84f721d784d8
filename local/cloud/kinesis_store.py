"""The emulator's Kinesis, made durable, strictly ordered, and quick when a stream is long."""

import bisect
import json
import time
from collections.abc import Callable
from typing import Any

from ministack.services import kinesis

Append = Callable[[list[Any]], None]
Answer = tuple[int, dict[str, Any], Any]
ITERATOR_SWEEP_S = 5.0


class SequenceNumbers:
    """Sequence numbers that only grow, across restarts and when the clock steps back."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> str:
        """Return a number above all before it, in the emulator's shape: 20 digits of ms, 10 of a counter."""
        self._last = max(self._last + 1, int(time.time() * 1000) * 10**10)
        return f"{self._last:030d}"

    def saw(self, number: str) -> None:
        """Stay above ``number`` from now on."""
        self._last = max(self._last, int(number))


def install(append: Append, control_changed: Callable[[], None]) -> None:
    """Put our functions in place of the emulator's."""
    numbers = SequenceNumbers()
    for (_, _, _), stream in kinesis._streams.all_items():
        for shard in stream["shards"].values():
            numbers.saw(shard["starting_sequence_number"])
            for record in shard["records"][-1:]:
                numbers.saw(record["SequenceNumber"])
    kinesis._next_sequence_number = numbers.next
    kinesis._expire_records = expire_records
    kinesis._expire_iterators = IteratorSweep().run
    kinesis._put_record = journaled(kinesis._put_record, append)
    kinesis._put_records = journaled(kinesis._put_records, append)
    for name in ("create_stream", "delete_stream", "merge_shards", "split_shard", "update_shard_count"):
        setattr(kinesis, f"_{name}", followed_by(getattr(kinesis, f"_{name}"), control_changed))


def journaled(put: Callable[[dict[str, Any]], Answer], append: Append) -> Callable[[dict[str, Any]], Answer]:
    """Return ``put`` that writes the stored records to the journal before anybody learns of them."""

    def put_and_journal(data: dict[str, Any]) -> Answer:
        answer = put(data)
        if answer[0] == 200:
            body = json.loads(answer[2])
            _, stream = kinesis._resolve_stream(data)
            append(["kinesis", stream["StreamARN"], stored(stream, body.get("Records") or [body])])
        return answer

    return put_and_journal


def stored(stream: dict[str, Any], results: list[dict[str, Any]]) -> list[list[Any]]:
    """Return [shard id, record] as stored, for each result of a put."""
    wanted: dict[str, set[str]] = {}
    for result in results:
        wanted.setdefault(result["ShardId"], set()).add(result["SequenceNumber"])
    found = []
    for shard_id, missing in wanted.items():
        for record in reversed(stream["shards"][shard_id]["records"]):
            if not missing:
                break
            if record["SequenceNumber"] in missing:
                missing.discard(record["SequenceNumber"])
                found.append([shard_id, record])
    return sorted(found, key=lambda pair: str(pair[1]["SequenceNumber"]))


def followed_by(change: Callable[[dict[str, Any]], Answer], then: Callable[[], None]) -> Callable[..., Answer]:
    """Return ``change`` that calls ``then`` when it succeeded."""

    def changed(data: dict[str, Any]) -> Answer:
        answer = change(data)
        if answer[0] == 200:
            then()
        return answer

    return changed


def replay(entry: list[Any]) -> bool:
    """Put journaled records back under their own sequence numbers; return whether their stream exists."""
    _, arn, pairs = entry
    _, _, _, region, account, resource = arn.split(":", 5)
    stream = kinesis._streams.get_scoped(account, region, resource.partition("/")[2])
    if stream is None:
        return False
    for shard_id, record in pairs:
        shard = stream["shards"].get(shard_id)
        if shard is None:
            return False
        records = shard["records"]
        if not records or records[-1]["SequenceNumber"] < record["SequenceNumber"]:
            records.append(record)
    return True


def expire_records(stream: dict[str, Any]) -> None:
    """Drop what is past retention from the front.

    The emulator's own version copies every record at every call, and leaves iterators, which are positions in the
    list, pointing past records that were never read.
    """
    cutoff = time.time() - stream["RetentionPeriodHours"] * 3600
    for shard_id, shard in stream["shards"].items():
        records = shard["records"]
        if not records or records[0]["ApproximateArrivalTimestamp"] >= cutoff:
            continue
        expired = bisect.bisect_left(records, cutoff, key=lambda record: record["ApproximateArrivalTimestamp"])
        del records[:expired]
        for iterator in list(kinesis._shard_iterators._data.values()):
            if iterator.get("stream_arn") == stream["StreamARN"] and iterator["shard_id"] == shard_id:
                iterator["position"] = max(0, iterator["position"] - expired)


class IteratorSweep:
    """Forgetting expired iterators, oldest first; the emulator's own version scans all of them at every request."""

    def __init__(self) -> None:
        self._swept_at = 0.0

    def run(self) -> None:
        """Forget what has expired, at most every few seconds."""
        now = time.time()
        if now - self._swept_at < ITERATOR_SWEEP_S:
            return
        self._swept_at = now
        iterators = kinesis._shard_iterators._data
        for token in list(iterators):
            if now - iterators[token]["created_at"] <= kinesis.ITERATOR_EXPIRY_SECONDS:
                break  # made in this order
            del iterators[token]

"""The nouns of the pump: a mapping, a shard, a record, and how many records one invocation may carry."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024  # of a synchronous invocation
ENVELOPE_BYTES = 700  # of one record in the event, its data and keys not counted


@dataclass(frozen=True)
class Mapping:
    """What an event source mapping asks for. A limit of -1 means none."""

    id: str
    function_arn: str
    stream_arn: str
    batch_size: int = 100
    window_s: float = 0.0
    max_retries: int = -1
    max_age_s: int = -1
    bisects: bool = False
    reports_item_failures: bool = False
    failure_destination: str | None = None

    @property
    def function_name(self) -> str:
        """Return the name of the function, without account and region."""
        return self.function_arn.split(":")[6]


@dataclass(frozen=True)
class Shard:
    """A shard and the shards it came from."""

    id: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    """A record of a stream; ``data`` is base64 text, as it travels in the event."""

    sequence_number: str
    partition_key: str
    data: str
    arrived_at: datetime

    def to_event(self, mapping: Mapping, shard_id: str) -> dict[str, Any]:
        """Return the record as a function receives it."""
        _, _, _, region, account, *_ = mapping.function_arn.split(":")
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": self.partition_key,
                "sequenceNumber": self.sequence_number,
                "data": self.data,
                "approximateArrivalTimestamp": self.arrived_at.timestamp(),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard_id}:{self.sequence_number}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": f"arn:aws:iam::{account}:role/{mapping.function_name}",
            "awsRegion": region,
            "eventSourceARN": mapping.stream_arn,
        }


def fits(records: Sequence[Record]) -> int:
    """Return how many of ``records``, from the first, fit into one invocation: at least one."""
    total = 0
    for count, record in enumerate(records):
        total += len(record.data) + len(record.partition_key) + ENVELOPE_BYTES
        if total > MAX_PAYLOAD_BYTES:
            return max(1, count)
    return len(records)


def ready_shards(shards: Iterable[Shard], drained: set[str]) -> list[str]:
    """Return the shards whose parents have nothing undelivered: drained by us, or past retention and not listed."""
    listed = list(shards)
    waiting_for = {shard.id for shard in listed} - drained
    return [shard.id for shard in listed if not waiting_for & set(shard.parents)]

"""Reading shards, in order, a thread for each shard and mapping; children of a resharding after their parents."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from local.pump.aws import Aws, EndpointDownError
from local.pump.delivery import Delivery
from local.pump.model import Mapping, Record, Shard, fits, ready_shards

logger = logging.getLogger("opsloop.pump")
LOOK_INTERVAL_S = 1.0
IDLE_S = 0.1
DOWN_S = 0.5


@dataclass
class Batch:
    """Records waiting to be delivered, and since when."""

    records: list[Record]
    since_s: float = 0.0


class ShardReader(threading.Thread):
    """Delivers one shard to one mapping, in order, from the oldest record to the end of the shard."""

    def __init__(self, aws: Aws, mapping: Mapping, shard_id: str, now: Callable[[], float] = time.time) -> None:
        super().__init__(daemon=True, name=f"{mapping.function_name}:{shard_id}")
        self.mapping = mapping
        self.is_drained = False
        self._aws = aws
        self._shard_id = shard_id
        self._now = now
        self._stopped = threading.Event()
        self._iterator: str | None = None
        self._read_to: str | None = None
        self._batch = Batch([])

    def stop(self) -> None:
        """End after the call in progress."""
        self._stopped.set()

    def run(self) -> None:
        """Read and deliver until stopped or the closed shard is at its end."""
        while not self._stopped.is_set() and not self.is_drained:
            try:
                self.turn()
            except EndpointDownError as error:
                logger.warning("%s waits: %s", self.name, error)
                self._iterator = None
                self._stopped.wait(DOWN_S)

    def turn(self) -> None:
        """Read once, and deliver if a batch is due."""
        room = self.mapping.batch_size - len(self._batch.records)
        fresh: list[Record] = []
        if room > 0:
            if self._iterator is None:
                self._iterator = self._aws.iterator(self.mapping.stream_arn, self._shard_id, after=self._read_to)
            fresh, self._iterator = self._aws.read(self._iterator, room)
            self._take(fresh)
            if self._iterator is None and not self._batch.records:
                self.is_drained = True
                return
        if self._is_due():
            self._deliver()
        elif not fresh:
            self._stopped.wait(IDLE_S)

    def _take(self, fresh: list[Record]) -> None:
        if fresh:
            if not self._batch.records:
                self._batch.since_s = self._now()
            self._batch.records.extend(fresh)
            self._read_to = fresh[-1].sequence_number

    def _is_due(self) -> bool:
        records = self._batch.records
        is_full = len(records) >= self.mapping.batch_size or fits(records) < len(records)
        is_late = self._now() - self._batch.since_s >= self.mapping.window_s
        return bool(records) and (is_full or is_late or self._iterator is None)

    def _deliver(self) -> None:
        count = fits(self._batch.records)
        due = self._batch.records[:count]
        delivery = Delivery(self._aws, self.mapping, self._shard_id, self._stopped)
        if delivery.run(due):
            self._batch.records = self._batch.records[count:]


class Pump:
    """A reader for each shard of each enabled mapping."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._readers: dict[tuple[str, str], ShardReader] = {}
        self.stop = threading.Event()

    def run(self) -> None:
        """Follow the mappings and shards as they come and go."""
        while not self.stop.is_set():
            try:
                self.look()
            except EndpointDownError as error:
                logger.warning("waiting for the cloud: %s", error)
            self.stop.wait(LOOK_INTERVAL_S)
        for reader in self._readers.values():
            reader.stop()

    def look(self) -> None:
        """Start readers for what is new, stop those of what is gone or has changed."""
        wanted: dict[tuple[str, str], Mapping] = {}
        for mapping in self._aws.mappings():
            shards = self._aws.shards(mapping.stream_arn)
            for shard in ready_shards(shards, self._drained(mapping, shards)):
                wanted[mapping.id, shard] = mapping
        for key, reader in list(self._readers.items()):
            if reader.mapping != wanted.get(key, None if not reader.is_drained else reader.mapping):
                reader.stop()
            if not reader.is_alive() and not (reader.is_drained and key in wanted):
                del self._readers[key]  # and only now may another one read this shard
        for key, mapping in wanted.items():
            if key not in self._readers:
                self._start(key, mapping)

    def _start(self, key: tuple[str, str], mapping: Mapping) -> None:
        logger.info("%s reads %s of %s from the start", mapping.function_name, key[1], mapping.stream_arn)
        self._readers[key] = ShardReader(self._aws, mapping, key[1])
        self._readers[key].start()

    def _drained(self, mapping: Mapping, shards: Iterable[Shard]) -> set[str]:
        keys = {shard.id: (mapping.id, shard.id) for shard in shards}
        return {id_ for id_, key in keys.items() if key in self._readers and self._readers[key].is_drained}

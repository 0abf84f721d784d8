"""What senders did, before anything fails: the records of a stream, shard by shard, and what they amount to.

Requests, alone or several to a record (as the Kinesis Producer Library joins them), some of them sent again: alone or
in other company, after a resharding to a descendant of the first shard. Some are garbled. Now and then the same bytes
come again long after, and mean something new; shards are split and merged; the stream is deleted and made again, with
the same shards and the same sequence numbers.
"""

import base64
import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

START_S = 1_795_212_000
WINDOW_S = 900  # what telemetry_ingest takes where nobody says otherwise
OPERATIONS = ("GET /", "POST /pay", "consume")
HASHES = 64
USUAL = (8, 4, 3, 1, 0.5, 2)
"""How often a request is sent, sent again, sent together, garbled, repeated long after, and a shard split or merged."""
RESTLESS = (4, 10, 2, 0.5, 0.2, 4)
Place = tuple[str, str, int]
"""Service, operation and minute."""
Numbers = tuple[int, int, int]
"""Count, errors and sum of durations."""


@dataclass(frozen=True)
class Request:
    """A request body, the hash that tells its shard, what its spans add; of a garbled one, its ``repaired`` self."""

    body: bytes
    hash: int
    meaning: tuple[tuple[Place, Numbers], ...] = ()
    repaired: "Request | None" = None


@dataclass
class Shard:
    """A shard of the hashes from ``first`` up to ``end``, its parents, and its records as Lambda hands them over."""

    first: int
    end: int
    parents: tuple[str, ...] = ()
    records: list[dict[str, Any]] = field(default_factory=list)


class Truth:
    """What the requests of some streams amount to, each counted once; ``garbled`` ones by their bytes."""

    def __init__(self) -> None:
        self.totals: dict[Place, list[int]] = {}
        self.garbled: dict[bytes, Request] = {}
        self.events: Counter[str] = Counter()

    def add(self, request: Request) -> None:
        for place, numbers in request.meaning:
            total = self.totals.setdefault(place, [0, 0, 0])
            for column, number in enumerate(numbers):
                total[column] += number


class Life:
    """One life of a stream: from when it was made until it was deleted."""

    def __init__(
        self,
        chance: random.Random,
        stream: str,
        created_s: float,
        window_s: float,
        truth: Truth,
        weights: Sequence[float],
    ) -> None:
        self.chance, self.stream, self.created_s, self.truth = chance, stream, int(created_s), truth
        self.window_s, self.weights = window_s, weights
        self.now_s = created_s + 1.0
        self.shards = {"shardId-0": Shard(0, HASHES // 2), "shardId-1": Shard(HASHES // 2, HASHES)}
        self._closed: set[str] = set()
        self._sent: list[Request] = []
        self._arrivals: dict[bytes, float] = {}
        self._number = 0

    def happen(self, steps: int) -> None:
        """Let that many things happen."""
        kinds = (self._send, self._send_again, self._send_together, self._send_garbled, self._repeat_long_after)
        for _ in range(steps):
            self.chance.choices((*kinds, self._reshard), self.weights)[0]()

    def _send(self) -> None:
        self._put([self._request()])

    def _send_again(self) -> None:
        if self._sent:
            self._put([self.chance.choice(self._sent[-8:])])

    def _send_together(self) -> None:
        requests = [self._request() for _ in range(self.chance.randint(1, 3))]
        requests += self.chance.sample(self._sent[-8:], min(len(self._sent), self.chance.randint(0, 2)))
        if self.chance.random() < 0.2:
            requests.append(self._garbled())
        shard = self._shard_of(requests[0].hash)
        self._put([one for one in requests if self._shard_of(one.hash) == shard], is_joined=True)

    def _send_garbled(self) -> None:
        self._put([self._garbled()])

    def _repeat_long_after(self) -> None:
        """Send the same bytes after twice the window, so that they mean something new."""
        self.now_s += 2 * WINDOW_S + 60
        self._send_again()

    def _reshard(self) -> None:
        open_ = [name for name in self.shards if name not in self._closed]
        merged = sorted(self.chance.sample(open_, 2), key=lambda name: self.shards[name].first)
        left, right = (self.shards[name] for name in merged)
        if left.end == right.first and self.chance.random() < 0.5:
            self._open(merged, (left.first, right.end))
        elif left.end - left.first > 1:
            middle = (left.first + left.end) // 2
            self._open(merged[:1], (left.first, middle), (middle, left.end))

    def _open(self, parents: Sequence[str], *ranges: tuple[int, int]) -> None:
        if len(self.shards) - len(self._closed) == 2 and len(ranges) == 1:
            return  # two shards stay open at all times
        self._closed.update(parents)
        self.truth.events["split" if len(ranges) == 2 else "merge"] += 1
        for first, end in ranges:
            self.shards[f"shardId-{len(self.shards)}"] = Shard(first, end, tuple(parents))

    def _shard_of(self, hash_: int) -> str:
        (name,) = [
            name for name, one in self.shards.items() if name not in self._closed and one.first <= hash_ < one.end
        ]
        return name

    def _put(self, requests: Sequence[Request], *, is_joined: bool = False) -> None:
        self._number += 1
        self.now_s += 2.5
        shard = self._shard_of(requests[0].hash)
        data = joined([one.body for one in requests]) if is_joined else requests[0].body
        self.shards[shard].records.append(self._record(shard, data))
        for one in requests:
            self._note(one)

    def _note(self, request: Request) -> None:
        if request.repaired:
            self.truth.garbled[request.body] = request
            return
        before = self._arrivals.get(request.body)
        if before is not None and self.window_s > 0 and self.now_s - before <= self.window_s:
            self.truth.events["re-sent request"] += 1
            return
        self.truth.add(request)
        self._arrivals[request.body] = self.now_s
        self._sent.append(request)

    def _record(self, shard: str, data: bytes) -> dict[str, Any]:
        number = str(10**55 + self._number * 7919)
        return {
            "eventID": f"{shard}:{number}",
            "eventSourceARN": f"arn:aws:kinesis:us-east-1:123456789012:stream/{self.stream}",
            "kinesis": {
                "sequenceNumber": number,
                "partitionKey": "any",
                "data": base64.b64encode(data).decode(),
                "approximateArrivalTimestamp": self.now_s,
            },
        }

    def _garbled(self) -> Request:
        body = b"\xff\xff\xff\xff garbled %d %d %s" % (self.created_s, self._number, self.stream.encode())
        repaired = self._request()
        return Request(body, repaired.hash, repaired=repaired)

    def _request(self) -> Request:
        message = ExportTraceServiceRequest()
        group = message.resource_spans.add()
        service = self.chance.choice(("web", "pay"))
        group.resource.attributes.add(key="service.name").value.string_value = service
        scope = group.scope_spans.add()
        meaning: list[tuple[Place, Numbers]] = []
        for _ in range(self.chance.randint(1, 2)):
            start = (START_S - self.chance.randint(0, 5400)) * 10**9 + self.chance.getrandbits(29)  # unique
            operation, code = self.chance.choice(OPERATIONS), self.chance.choice((0, 0, 2))
            duration = self.chance.randint(0, 10**9)
            ids = hashlib.sha256(start.to_bytes(8, "big")).digest()
            scope.spans.add(
                trace_id=ids[:16],
                span_id=ids[16:24],
                name=operation,
                kind=2,
                start_time_unix_nano=start,
                end_time_unix_nano=start + duration,
                status={"code": code},
            )
            meaning.append(((service, operation, start // 60_000_000_000), (1, int(code == 2), duration)))
        return Request(message.SerializeToString(), self.chance.randrange(HASHES), tuple(meaning))


def joined(bodies: Sequence[bytes]) -> bytes:
    """Return one record of the Kinesis Producer Library: magic, AggregatedRecord in protobuf, MD5 of that."""
    message = _field(1, b"any") + b"".join(_field(3, b"\x08\x00" + _field(3, body)) for body in bodies)
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message, usedforsecurity=False).digest()


def _field(number: int, content: bytes) -> bytes:
    head, length = bytes([number << 3 | 2]), len(content)
    while length > 127:
        head, length = head + bytes([length & 127 | 128]), length >> 7
    return head + bytes([length]) + content

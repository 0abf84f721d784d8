"""Asynchronous invocations that outlive a killed cloud and are retried as on AWS.

The emulator runs what a bus, a schedule or a bucket starts in a thread that nobody remembers, and it never retries
what EventBridge started. Here every accepted event is in the journal until its invocation has ended.
"""

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Event = Any  # any JSON value
AT_ONCE = 4  # AWS has machines enough for hundreds side by side; here they would share two processors and all be late
RETRY_DELAYS_S = (1.0, 2.0)  # AWS waits one and two minutes; a laptop's user does not


@dataclass(frozen=True)
class Invocation:
    """An accepted event on its way to a function."""

    function_arn: str
    event: Event
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt."""

    failed: bool
    detail: dict[str, Any]


class Invocations:
    """Events accepted and not yet ended."""

    def __init__(
        self,
        *,
        append: Callable[[list[Any]], None],
        attempt: Callable[[Invocation], Outcome],
        retries: Callable[[Invocation], int],
        give_up: Callable[[Invocation, Outcome], None],
        sleep: Callable[[float], None] = time.sleep,
        at_once: int = AT_ONCE,
    ) -> None:
        self._room = threading.BoundedSemaphore(at_once)
        self._append = append
        self._attempt = attempt
        self._retries = retries
        self._give_up = give_up
        self._sleep = sleep
        self._lock = threading.Lock()
        self._pending: dict[str, Invocation] = {}

    def accept(self, invocation: Invocation) -> threading.Thread:
        """Remember ``invocation`` durably, then run it in a thread of its own."""
        with self._lock:
            self._pending[invocation.id] = invocation
        self._append(["accepted", invocation.id, invocation.function_arn, invocation.event])
        return self._start(invocation)

    def replay(self, entry: list[Any]) -> None:
        """Apply one journal entry of ours while the cloud starts."""
        kind, id_, *rest = entry
        if kind == "accepted":
            self._pending[id_] = Invocation(function_arn=rest[0], event=rest[1], id=id_)
        else:
            self._pending.pop(id_, None)

    def pending(self) -> list[list[Any]]:
        """Return the entries that bring the unfinished invocations back (for a snapshot)."""
        with self._lock:
            return [["accepted", one.id, one.function_arn, one.event] for one in self._pending.values()]

    def resume(self) -> int:
        """Run everything that a former process left unfinished; return how many."""
        with self._lock:
            unfinished = list(self._pending.values())
        for invocation in unfinished:
            self._start(invocation)
        return len(unfinished)

    def _start(self, invocation: Invocation) -> threading.Thread:
        thread = threading.Thread(target=self._run, args=(invocation,), daemon=True, name=f"async-{invocation.id[:8]}")
        thread.start()
        return thread

    def _run(self, invocation: Invocation) -> None:
        with self._room:
            outcome = self._attempt(invocation)
        for delay_s in RETRY_DELAYS_S[: self._retries(invocation)]:
            if not outcome.failed:
                break
            self._sleep(delay_s)
            with self._room:
                outcome = self._attempt(invocation)
        if outcome.failed:
            self._give_up(invocation, outcome)
        with self._lock:
            self._pending.pop(invocation.id, None)
        self._append(["ended", invocation.id])

"""A value kept in memory and refreshed behind the reader's back, so that reading it costs nothing."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")


class FreshCopy(Generic[T]):
    """The last value that ``load`` returned.

    ``read`` waits for ``load`` only if there is no copy or it is older than ``validity_s``. ``refresh`` starts a load
    in the background when the copy is older than ``refresh_after_s``; in Lambda that thread goes on with the next
    invocation if the environment is frozen before it is done. ``on_error`` hears why a load failed; the old copy
    stays.
    """

    def __init__(
        self,
        load: Callable[[], T],
        *,
        validity_s: float,
        refresh_after_s: float,
        on_error: Callable[[Exception], None],
    ) -> None:
        self._load, self._on_error = load, on_error
        self._validity_s, self._refresh_after_s = validity_s, refresh_after_s
        self._copy: tuple[datetime, T] | None = None
        self._thread: threading.Thread | None = None

    def read(self, now: datetime) -> T | None:
        """Return the value; ``None`` if it could never be loaded."""
        if self._age_s(now) > self._validity_s:
            self._refresh(now)
        return self._copy[1] if self._copy else None

    def refresh(self, now: datetime) -> threading.Thread | None:
        """Start a load in the background if it is time and none is running; return the running one."""
        if self._thread and self._thread.is_alive():
            return self._thread
        if self._age_s(now) <= self._refresh_after_s:
            return None
        self._thread = threading.Thread(target=self._refresh, args=(now,), daemon=True)
        self._thread.start()
        return self._thread

    def _age_s(self, now: datetime) -> float:
        return (now - self._copy[0]).total_seconds() if self._copy else float("inf")

    def _refresh(self, now: datetime) -> None:
        try:
            self._copy = (now, self._load())
        except Exception as error:  # noqa: BLE001 - boundary: a failed load must not fail the answer or kill the thread
            self._on_error(error)

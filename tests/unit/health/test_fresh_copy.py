"""The copy in memory: reading it costs nothing while it is fresh, and never shows a load that failed as new."""

import threading
from datetime import UTC, datetime, timedelta

from opsloop.health.fresh_copy import FreshCopy

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Source:
    def __init__(self) -> None:
        self.loads, self.errors, self.is_broken = 0, [], False
        self.gate = threading.Event()
        self.gate.set()

    def load(self) -> int:
        self.gate.wait()
        if self.is_broken:
            raise OSError("down")
        self.loads += 1
        return self.loads

    def copy(self) -> FreshCopy[int]:
        return FreshCopy(self.load, validity_s=90, refresh_after_s=15, on_error=self.errors.append)


def test_a_fresh_copy_is_not_loaded_again():
    source = Source()
    copy = source.copy()
    assert [copy.read(at(0)), copy.read(at(90))] == [1, 1]
    assert copy.refresh(at(15)) is None
    assert copy.read(at(91)) == 2


def test_an_ageing_copy_is_refreshed_in_the_background_by_one_thread():
    source = Source()
    copy = source.copy()
    copy.read(at(0))
    source.gate.clear()
    thread = copy.refresh(at(16))
    assert copy.read(at(16)) == 1  # answered from memory while the load hangs
    assert copy.refresh(at(17)) is thread
    source.gate.set()
    thread.join()
    assert copy.read(at(17)) == 2


def test_a_load_that_fails_leaves_the_old_copy_and_is_heard_of():
    source = Source()
    copy = source.copy()
    copy.read(at(0))
    source.is_broken = True
    assert copy.read(at(100)) == 1
    assert [str(error) for error in source.errors] == ["down"]


def test_nothing_ever_loaded_is_none():
    source = Source()
    source.is_broken = True
    assert source.copy().read(at(0)) is None

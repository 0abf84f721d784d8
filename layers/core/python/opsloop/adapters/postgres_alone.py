"""Sessions with servers of our own, which the environment of the process changes nothing of.

libpq takes from ``PGHOSTADDR``, ``PGPORT``, ``PGOPTIONS``, ``PGSERVICE`` and two dozen others what a connection string
does not say, and some of it (a service, a time zone) whatever that says. They are of the person who runs us, or of a
database that is dumped.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

_lock = threading.Lock()
_taken: dict[str, str] = {}  # what was in the environment before the first of those who are within
_within = 0


@contextmanager
def without_environment() -> Iterator[None]:
    """Take every ``PG...`` out of the environment, for all threads, until nobody is within any more."""
    global _within
    with _lock:
        if not _within:
            _taken.update({name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PG")})
        _within += 1
    try:
        yield
    finally:
        with _lock:
            _within -= 1
            if not _within:
                os.environ.update(_taken)
                _taken.clear()


def connect(conninfo: str, **words: Any) -> "psycopg.Connection[Any]":
    """Return a session as ``conninfo`` and ``words`` say, and as nothing else does."""
    with without_environment():
        return psycopg.connect(conninfo, **words)

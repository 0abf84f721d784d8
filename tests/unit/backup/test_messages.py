"""Messages of queues with anything at any place: read, or refused in words, so that the queue sets them aside."""

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.arrival import read_arrival
from opsloop.backup.prove import job_of, requested_job
from opsloop.backup.request import read_requested
from opsloop.errors import InvalidInputError
from tests.unit.backup.test_sources import JSON, places

EVENTS = Path(__file__).parents[3] / "events"
READERS = {
    "backup_verify/arrived": lambda event: job_of(read_arrival(event)),
    "backup_verify/requested": requested_job,
    "backup_take/requested": lambda event: read_requested(json.dumps(event)),
}
TIMES = st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-21T08:30:00", "1e400", ""])


def sample(name: str) -> Any:
    (record,) = json.loads((EVENTS / f"{name}.json").read_text())["Records"]
    return json.loads(record["body"])


def test_the_samples_are_read():
    assert all(reader(sample(name)) for name, reader in READERS.items())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(READERS)), st.data())
def test_whatever_stands_at_any_place_of_a_message_is_read_or_refused_in_words(name: str, data: st.DataObject):
    event = copy.deepcopy(sample(name))
    path = data.draw(st.sampled_from([one for one in places(event) if one]))
    holder = event
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = data.draw(JSON | TIMES)
    with suppress(InvalidInputError):
        READERS[name](event)

"""What waits to be told: one letter that cannot be sent holds up no other, and is told later."""

import pytest

from opsloop.backup.model import BackupFailed
from opsloop.backup.outbox import Letter, Outbox
from opsloop.errors import DependencyUnavailableError
from tests.backup_memory import START, Letters, Memory


def letter(name: str, *, verification_id: str = "") -> Letter:
    data = {"database": name, "slot": "2026-11-21T08:30:00Z", "why": "it is locked", "attempts": 4}
    return Letter(name, BackupFailed.TYPE, name, START, data, "c", verification_id)


def test_a_letter_that_cannot_be_told_holds_up_no_other_and_stays():
    memory, is_refused = Memory(), [True]
    for one in (letter("a", verification_id="v"), letter("b"), letter("c")):
        memory.items["letter", one.letter_id] = one

    def evidence(_verification_id: str) -> None:
        if is_refused[0]:
            raise DependencyUnavailableError("backup bucket: AccessDenied")

    box = Outbox(Letters(memory), memory.publish, evidence)
    with pytest.raises(DependencyUnavailableError, match="AccessDenied"):
        box.send_all()
    assert [one.id for one in memory.published] == ["b", "c"]
    assert [one.letter_id for one in memory.of("letter")] == ["a"]
    is_refused[0] = False
    assert box.send_all() == 1
    assert [one.id for one in memory.published] == ["b", "c", "a"]
    assert memory.of("letter") == []

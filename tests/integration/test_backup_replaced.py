"""An object that is replaced while it is restored: the verdict is of the version that was restored, and of no other."""

import json
from datetime import timedelta
from typing import Any

import pytest

from opsloop.backup.evidence import evidence_json
from opsloop.backup.model import Cause, Dump, Reason, Verdict, Verification
from opsloop.backup.stores import Job
from opsloop.backup.verdict import verified
from opsloop.dataclass import replace
from opsloop.errors import TransientError
from tests.backup_memory import Bucket, FixedVerifier, Memory, dump_of
from tests.integration.test_backup_faults import DUMP_ID, START, prove, taker, world

KEY = f"dumps/{DUMP_ID}"


class Replaced(FixedVerifier):
    """While it restores, another version is put under the same key; ``between`` is what happens then."""

    def __init__(self, memory: Memory, between: Any) -> None:
        super().__init__()
        self._memory, self._between = memory, between

    def verify(self, *facts: Any) -> Verification:
        """Return that the first version is proven, after the second one was put and told of."""
        Bucket(self._memory).put(KEY, b"PGDMP, damaged")
        self._between(Job(DUMP_ID, Cause.ARRIVAL, START, version=self._memory.objects[KEY][2]))
        return replace(super().verify(*facts), ended_at=self._memory.clock())


@pytest.mark.parametrize("cause", [Cause.ARRIVAL, Cause.REQUEST])
@pytest.mark.parametrize("is_second_done", [True, False])
def test_the_proof_of_a_version_that_was_replaced_meanwhile_proves_nothing_of_the_next(cause, is_second_done):
    memory, told = world(), list[Job]()
    broken = FixedVerifier(Verdict.FAILED, Reason.CORRUPT)

    def between(second: Job) -> None:
        told.append(second)
        if is_second_done:
            prove(memory, second, verifier=broken)

    job = Job(DUMP_ID, cause, START, version="v2" if cause is Cause.ARRIVAL else "", request_id=str(cause))
    first = prove(memory, job, verifier=Replaced(memory, between)).verification
    assert (first.verdict, first.version) == (Verdict.PROVEN, "v2")
    if not is_second_done:
        prove(memory, told[0], verifier=broken)
    dump = dump_of(memory)
    assert (dump.version, dump.verdict, dump.reason) == ("v3", Verdict.FAILED, Reason.CORRUPT)
    assert (dump.proven_at, dump.restore_s) == (None, None)
    assert {one.version: one.verdict for one in memory.of("verification")} == {
        "v2": Verdict.PROVEN, "v3": Verdict.FAILED,
    }  # fmt: skip


def test_its_evidence_names_the_version_that_was_restored():
    dump = Dump(DUMP_ID, "orders", KEY, "v3", 14, START, START, sha256="cd" * 32, has_manifest=True)
    found = Verification("a", DUMP_ID, "orders", Cause.ARRIVAL, Verdict.PROVEN, None, "", START, START,
                         dump_bytes=6, sha256="ab" * 32, version="v2")  # fmt: skip
    document = json.loads(json.dumps(evidence_json(found, dump, "ef" * 32, "us")))
    assert (document["dump"]["version"], document["dump"]["bytes"], document["manifest_sha256"]) == ("v2", 6, None)
    of_now = evidence_json(replace(found, version="v3"), dump, "ef" * 32, "us")
    assert (of_now["dump"]["version"], of_now["dump"]["bytes"], of_now["manifest_sha256"]) == ("v3", 14, "ef" * 32)


def test_a_verdict_from_before_versions_were_written_down_counts_as_it_did():
    dump = Dump(DUMP_ID, "orders", KEY, "v3", 14, START, START)
    old = Verification("a", DUMP_ID, "orders", Cause.ARRIVAL, Verdict.PROVEN, None, "", START, START)
    assert verified(dump, old).verdict is Verdict.PROVEN
    assert verified(dump, replace(old, version="v2")) == dump


def test_two_dumps_that_are_begun_in_one_second_are_two_objects(monkeypatch):
    memory = Memory()
    monkeypatch.setattr(memory, "clock", lambda: START)
    for minutes in (0, 1):
        taker(memory).take("orders", START + timedelta(minutes=minutes), Cause.REQUEST, "c")
    first, second = memory.of("take")
    assert first.dump_id != second.dump_id
    assert {f"dumps/{one.dump_id}" for one in (first, second)} < memory.objects.keys()
    assert len(memory.of("dump")) == 2


def test_a_bucket_that_has_every_key_is_asked_a_minute_of_them_and_no_more(monkeypatch):
    memory, asked = Memory(), list[str]()
    monkeypatch.setattr(Bucket, "look", lambda _, key: asked.append(key) or object())
    with pytest.raises(TransientError, match="at each of the 59 before it"):
        taker(memory).take("orders", START, Cause.REQUEST, "c")
    assert len(asked) == len(set(asked)) == 60
    assert memory.of("dump") == []

"""What is kept of backups comes back as it was, by time and by id, and stays where somebody read too early."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop.adapters.aws_record import body_of, record_of, time_key
from opsloop.adapters.backup_claims import ClaimTable, TakeTable
from opsloop.adapters.backup_outbox import LetterTable
from opsloop.adapters.backup_runner import Runner, RunnerPlace
from opsloop.adapters.backup_strays import StrayTable
from opsloop.adapters.backup_table import DumpTable
from opsloop.adapters.backup_verifications import VerificationTable
from opsloop.backup.claim import Claim
from opsloop.backup.model import Cause, Dump, Finding, Format, Phase, Reason, Verdict, Verification
from opsloop.backup.outbox import Letter
from opsloop.backup.take import Take, TakeState
from opsloop.dataclass import replace
from opsloop.errors import ConflictError, DependencyUnavailableError, PermanentError

AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
DUMP = Dump(
    "orders/x.dump", "orders", "dumps/orders/x.dump", "v1", 10, AT, AT + HOUR, format=Format.TAR, rows=3,
    verdict=Verdict.FAILED, reason=Reason.STALE, locked_until=AT, restore_s=1.25,
)  # fmt: skip
VERIFICATION = Verification(
    "abc", DUMP.dump_id, "orders", Cause.ARRIVAL, Verdict.FAILED, Reason.CORRUPT, "ends early", AT, AT + HOUR,
    phases=(Phase("read", 1.5),), findings=(Finding(Reason.EMPTY, "a", "b", "c"),), compared={"rows": 3},
    messages=("one", "two"),
)  # fmt: skip


@pytest.fixture
def name(aws):
    return aws.names["BACKUP_TABLE"]


def test_a_dump_is_found_by_id_and_by_time(name):
    table = DumpTable(name)
    saved = [table.save(replace(DUMP, dump_id=f"orders/{n}.dump", taken_at=AT + n * HOUR)) for n in range(3)]
    assert table.find("orders/1.dump") == saved[1]
    assert list(table.of("orders")) == saved[::-1]
    assert list(table.of("orders", since=AT + HOUR, until=AT + 2 * HOUR)) == [saved[1]]
    assert (table.find("orders/9.dump"), list(table.of("payments"))) == (None, [])


def test_a_dump_that_changed_since_it_was_read_is_not_overwritten(name):
    table = DumpTable(name)
    first = table.save(DUMP)
    second = table.save(replace(first, legal_hold=True))
    for stale in (DUMP, replace(first, deleted_at=AT)):
        with pytest.raises(ConflictError, match=DUMP.dump_id):
            table.save(stale)
    assert table.find(DUMP.dump_id) == second


def test_a_dump_whose_time_becomes_known_moves_and_is_there_once(aws, name):
    table = DumpTable(name)
    saved = table.save(DUMP)
    moved = replace(saved, taken_at=AT - HOUR)
    table._table.transact(table.change(moved, before=saved), conflict="x")
    assert [one.taken_at for one in table.of("orders")] == [AT - HOUR]
    assert table.find(DUMP.dump_id).taken_at == AT - HOUR
    assert len(aws.items("BACKUP_TABLE")) == 2


def test_a_verification_is_added_once(name):
    table = VerificationTable(name)
    table.save(VERIFICATION)
    with pytest.raises(ConflictError, match="abc"):
        table.save(replace(VERIFICATION, verdict=Verdict.PROVEN, ended_at=AT + 2 * HOUR))
    assert table.find("abc") == VERIFICATION
    assert list(table.of("orders")) == [VERIFICATION]
    assert list(table.of("orders", until=AT + HOUR)) == []


def test_a_verification_that_is_too_large_for_an_item_keeps_its_beginning(name):
    table = VerificationTable(name)
    table.save(replace(VERIFICATION, messages=tuple("x" * 40_000 for _ in range(30))))
    found = table.find("abc")
    assert (len(found.messages), len(found.messages[0]), found.verdict) == (20, 1_000, Verdict.FAILED)


def test_takes_and_claims_are_kept_by_revision_and_expire(aws, name):
    takes, claims = TakeTable(name), ClaimTable(name)
    take = takes.save(Take("orders", AT, Cause.REQUEST, AT))
    taken = takes.save(replace(take, state=TakeState.TAKEN, attempts=1))
    with pytest.raises(ConflictError, match="orders"):
        takes.save(replace(take, attempts=2))
    takes.save(Take("orders", AT - HOUR, Cause.SCHEDULE, AT))
    assert [one.slot for one in takes.of("orders")] == [AT, AT - HOUR]
    assert [one.slot for one in takes.of("orders", since=AT)] == [AT]
    assert takes.find("orders", AT) == taken
    claim = claims.save(Claim("verify#x", "me", AT))
    assert claims.find("verify#x") == claim
    with pytest.raises(ConflictError, match="verify#x"):
        claims.save(Claim("verify#x", "you", AT))
    ends = {int(item["expires_at"]["N"]) for item in aws.items("BACKUP_TABLE")}
    assert ends == {int((AT + timedelta(days=400)).timestamp())}


def test_letters_wait_until_they_were_sent_and_strays_until_they_expire(name):
    letters, strays = LetterTable(name), StrayTable(name)
    one = Letter("id", "backup.failed", "orders", AT, {"database": "orders", "attempts": 4}, "c")
    letters._table.transact(letters.addition(one), conflict="x")
    assert letters.all() == [one]
    letters.remove("id")
    assert letters.all() == []
    for _ in range(2):
        strays.add("dumps/x/y.dump", AT, "nobody's")
    assert [(stray.key, stray.arrived_at) for stray in strays.all()] == [("dumps/x/y.dump", AT)]


@given(moments=st.lists(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)), min_size=2))
def test_keys_sort_as_times_do(moments):
    assert [time_key(one) for one in sorted(moments)] == sorted(time_key(one) for one in moments)


def test_a_record_of_an_older_or_newer_version_is_read_with_what_is_known():
    body = body_of(VERIFICATION).replace('"where":""', '"whence":"?"')
    assert record_of(Verification, body) == VERIFICATION


class Ecs:
    """Keeps what ECS is asked, and answers."""

    def __init__(self, answer):
        self.asked, self.answer = [], answer

    def call(self, operation, request):
        self.asked.append((operation, request))
        return self.answer


def runner(answer):
    found = Runner(RunnerPlace("cluster", "task:1", "subnet-1,subnet-2", "sg-1"))
    found._client = Ecs(answer)
    return found


def test_a_runner_is_started_for_one_job_once():
    larger = runner({"tasks": [{"taskArn": "arn:task"}]})
    assert [larger.start({"dump_id": "x"}, token) for token in ("a", "a", "b")] == ["arn:task"] * 3
    asked = [request for _, request in larger._client.asked]
    assert asked[0] == asked[1]
    assert asked[0]["clientToken"] != asked[2]["clientToken"]
    assert len(asked[0]["clientToken"]) <= 64
    assert asked[0]["overrides"] == {"containerOverrides": [{"name": "verify", "command": ['{"dump_id": "x"}']}]}
    assert asked[0]["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == ["subnet-1", "subnet-2"]


def test_a_runner_that_has_no_room_is_asked_again_and_one_that_is_refused_is_not(aws):
    with pytest.raises(DependencyUnavailableError, match="RESOURCE:CPU"):
        runner({"tasks": [], "failures": [{"reason": "RESOURCE:CPU"}]}).start({}, "a")
    with pytest.raises(PermanentError, match="runner: "):
        Runner(RunnerPlace("not-there", "task:1", "subnet-1", "sg-1")).start({}, "a")
    assert not Runner(RunnerPlace("", "", "", "")).is_there

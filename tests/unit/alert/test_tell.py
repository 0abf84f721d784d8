"""Each channel is told once, in order, whatever comes twice, late, or in the wrong order."""

import pytest

from opsloop import catalog
from opsloop.alert.delivery import FIRST_WAIT_S, GIVE_UP_AFTER_S, LEASE_S, LONGEST_WAIT_S, TOO_OLD_S, again
from opsloop.alert.model import DeliveryKey, DeliveryState, UnclearError
from opsloop.errors import DependencyUnavailableError, PermanentError, ThrottledError
from tests.unit.alert.samples import ENDED, WEB, telling
from tests.unit.alert.world import CrashError, Memory, World

DETECTED, OVER = telling(), telling("anomaly.ended", **ENDED)
REFUSED = PermanentError("Slack answered 404 no_service")
DOWN = DependencyUnavailableError("Slack answered 503")
SILENT = UnclearError("Slack did not answer: TimeoutError")


@pytest.fixture
def world() -> World:
    return World()


def test_a_beginning_and_an_end_are_told_once_each_however_often_they_come(world: World):
    for wish in (DETECTED, DETECTED, OVER, OVER, DETECTED, OVER):
        assert world.tell(wish).due_at is None
    assert world.mail.states() == world.slack.states() == ["detected", "ended"]


def test_without_records_it_would_be_told_twice(world: World):
    world.tell(DETECTED)
    world.memory.records.clear()
    world.tell(DETECTED)
    assert world.mail.states() == ["detected", "detected"]


def test_an_end_names_the_message_that_it_answers(world: World):
    world.tell(DETECTED)
    world.tell(OVER)
    first, last = world.mail.got
    assert last.earlier is not None
    assert (last.earlier.subject, last.earlier.receipt) == (first.subject, "<1@example.com>")


def test_an_end_that_comes_first_is_told_in_the_beginnings_stead(world: World):
    world.tell(OVER)
    world.tell(DETECTED)
    world.tell(OVER)
    assert world.mail.states() == world.slack.states() == ["ended"]
    assert world.record(DETECTED, "shop-mail").state is DeliveryState.SUPERSEDED
    assert world.mail.got[0].earlier is None


def test_a_beginning_that_still_waits_when_it_is_over_is_not_told_any_more(world: World):
    world.slack.errors = [DOWN]
    world.tell(DETECTED)
    world.tell(OVER)
    world.tell_until_done(DETECTED)
    assert world.slack.states() == ["ended"]
    assert world.mail.states() == ["detected", "ended"]


def test_an_end_waits_while_its_beginning_is_being_sent(world: World):
    def crash(name: str) -> None:
        if name == "sent":
            raise CrashError

    world.mail.step = crash
    with pytest.raises(CrashError):
        world.tell(DETECTED)
    world.mail.step = lambda _: None
    outcome = world.tell(OVER)
    assert outcome.due_at == world.now + LEASE_S
    assert world.slack.states() == ["ended"]  # nobody had begun to tell it the beginning
    world.tell_until_done(OVER)
    assert world.mail.states() == ["detected", "ended"]


def test_a_day_that_is_replayed_wakes_nobody(world: World):
    world.now = DETECTED.at + TOO_OLD_S + 1
    world.tell(DETECTED)
    world.tell(OVER)
    assert world.mail.got == world.slack.got == []
    record = world.record(DETECTED, "shop-mail")
    assert (record.state, record.reason) == (
        DeliveryState.SUPERSEDED,
        "it was more than a day old before it could be told",
    )


def test_what_is_less_than_a_day_old_is_told(world: World):
    world.now = DETECTED.at + TOO_OLD_S
    world.tell(DETECTED)
    assert world.mail.states() == ["detected"]


def test_an_effect_is_not_told_and_its_end_is_not_either(world: World):
    world.tell(telling(anomaly=WEB))
    world.tell(telling("anomaly.ended", anomaly=WEB, part="alone"))
    assert world.mail.got == world.slack.got == []


def test_what_was_told_as_alone_is_not_told_again_as_an_effect_but_its_end_is(world: World):
    alone = {"part": "alone", "origin_service": ""}
    world.tell(telling(anomaly=WEB, **alone))
    world.tell(telling(anomaly=WEB))
    world.tell(telling("anomaly.ended", anomaly=WEB))
    assert world.mail.states() == ["detected", "ended"]


def test_an_end_is_told_only_where_the_beginning_was(world: World):
    world.declared = (world.declared[0], catalog.Channel("shop-slack", "slack", min_severity="critical"))
    warning = {"severity": "warning"}
    world.tell(telling(**warning))
    world.tell(telling("anomaly.ended", severity="critical"))
    assert world.mail.states() == ["detected", "ended"]
    assert world.slack.got == []


def test_what_gets_worse_is_told_where_it_was_not_bad_enough_before(world: World):
    world.declared = (world.declared[0], catalog.Channel("shop-slack", "slack", min_severity="critical"))
    world.tell(telling(severity="warning"))
    world.tell(telling(severity="critical"))
    assert (world.mail.states(), world.slack.states()) == (["detected"], ["detected"])


def test_one_channel_that_is_down_does_not_keep_the_other_from_hearing(world: World):
    world.slack.errors = [DOWN, DOWN]
    assert world.tell(DETECTED).due_at == world.now + FIRST_WAIT_S
    assert world.mail.states() == ["detected"]
    world.tell_until_done(DETECTED)
    assert (world.mail.states(), world.slack.states()) == (["detected"], ["detected"])
    assert world.record(DETECTED, "shop-slack").attempts == 3


def test_waits_grow_and_end_after_an_hour(world: World):
    world.slack.errors = [DOWN] * 100
    waits = []
    while (due := world.tell(DETECTED).due_at) is not None:
        waits.append(due - world.now)
        world.now = due
    assert waits[:4] == [10, 20, 40, 80]
    assert max(waits) == LONGEST_WAIT_S
    assert sum(waits) <= GIVE_UP_AFTER_S
    record = world.record(DETECTED, "shop-slack")
    assert record.state is DeliveryState.UNDELIVERABLE
    assert record.reason == f"given up after {len(waits) + 1} attempts: Slack answered 503"


def test_before_its_time_nothing_is_tried_again(world: World):
    world.slack.errors = [DOWN]
    due = world.tell(DETECTED).due_at
    assert world.tell(DETECTED).due_at == due
    assert world.record(DETECTED, "shop-slack").attempts == 1


def test_a_receiver_that_asks_for_a_pause_gets_it(world: World):
    world.slack.errors = [ThrottledError("Slack answered 429", retry_after_s=120)]
    assert world.tell(DETECTED).due_at == world.now + 120


def test_a_refusal_is_final_at_once_and_announced(world: World):
    world.slack.errors = [REFUSED]
    assert world.tell(DETECTED).due_at is None
    world.tell(DETECTED)
    record = world.record(DETECTED, "shop-slack")
    assert (record.state, record.reason) == (DeliveryState.UNDELIVERABLE, REFUSED.message)
    (fault,) = world.announced
    assert (fault.channel, fault.reason, fault.delivery_id) == ("shop-slack", REFUSED.message, record.key.id)
    assert fault.what == "[opsloop] CRITICAL payments p95 2.4 s, usually 0.3 s"


def test_a_channel_that_is_no_more_is_a_refusal(world: World):
    world.declared = (*world.declared, catalog.Channel("gone", "mail"))
    world.tell(DETECTED)
    assert "there is no channel gone any more" in world.record(DETECTED, "gone").reason


def test_a_fault_of_a_channel_is_told_on_the_others_once_an_hour_and_makes_no_fault_of_its_own(world: World):
    from opsloop.alert.receive import read_event

    def fault(time: str, delivery: str) -> None:
        data = {"delivery_id": delivery, "channel": "shop-slack", "reason": "Slack answered 404 no_service"}
        wish = read_event({"type": "alert.delivery_failed", "time": time, "data": data})
        assert not isinstance(wish, DeliveryKey)
        world.tell(wish)

    fault("2026-11-21T08:01:00Z", "a")
    fault("2026-11-21T08:59:00Z", "b")
    assert (world.mail.states(), world.slack.states()) == (["failed"], [])
    fault("2026-11-21T09:00:00Z", "c")
    assert world.mail.states() == ["failed", "failed"]
    world.mail.errors = [PermanentError("SES: MessageRejected")]
    fault("2026-11-21T10:00:00Z", "d")
    assert world.announced == []


def test_no_answer_means_a_second_copy_that_says_so_and_never_a_third(world: World):
    world.slack.errors = [SILENT, SILENT, None]
    world.tell_until_done(DETECTED)
    record = world.record(DETECTED, "shop-slack")
    assert (record.state, record.maybe_sent) == (DeliveryState.UNCLEAR, 2)
    assert world.slack.got == []
    assert [fault.channel for fault in world.announced] == ["shop-slack"]
    world.tell(DETECTED)
    assert world.slack.errors == [None]


def test_after_one_silence_the_second_copy_is_marked(world: World):
    world.slack.errors = [SILENT]
    world.tell_until_done(DETECTED)
    (copy,) = world.slack.got
    assert copy.is_repeat
    assert world.record(DETECTED, "shop-slack").state is DeliveryState.SENT


@pytest.mark.parametrize("moment", ["send", "sent"])
def test_a_worker_that_dies_while_it_sends_leaves_it_to_the_next_after_its_lease(world: World, moment: str):
    def crash(name: str) -> None:
        if name == moment:
            raise CrashError

    world.mail.step = crash
    with pytest.raises(CrashError):
        world.tell(DETECTED)
    world.mail.step = lambda _: None
    assert world.tell(DETECTED).due_at == world.now + LEASE_S
    world.tell_until_done(DETECTED)
    copies = 1 if moment == "send" else 2
    assert len(world.mail.got) == copies
    assert world.mail.got[-1].is_repeat
    assert world.slack.states() == ["detected"]


def test_who_dies_twice_leaves_a_record_that_says_so(world: World):
    def crash(_name: str) -> None:
        raise CrashError

    world.mail.step = crash
    for _ in range(2):
        with pytest.raises(CrashError):
            world.tell(DETECTED)
        world.now += LEASE_S + 1
    world.mail.step = lambda _: None
    assert world.tell_until_done(DETECTED).deliveries["shop-mail"].state is DeliveryState.UNCLEAR
    assert world.mail.got == []
    assert [fault.channel for fault in world.announced] == ["shop-mail"]


def test_a_record_that_cannot_be_written_after_sending_is_tried_three_times():
    failures = 2

    def flaky(name: str) -> None:
        nonlocal failures
        if name == "save" and world.mail.got and failures:
            failures -= 1
            raise DependencyUnavailableError("alert table")

    world = World()
    world.memory = Memory(flaky)
    world.declared = world.declared[:1]
    world.tell_until_done(DETECTED)
    assert (len(world.mail.got), failures) == (1, 0)


def test_what_was_undeliverable_is_sent_when_somebody_asks(world: World):
    world.slack.errors = [REFUSED]
    world.tell(DETECTED)
    record = world.record(DETECTED, "shop-slack")
    world.memory.save(again(record, world.now))
    world.teller.resend(record.key)
    world.teller.resend(record.key)
    assert world.slack.states() == ["detected"]
    assert world.record(DETECTED, "shop-slack").state is DeliveryState.SENT


def test_an_end_that_is_sent_again_still_answers_its_beginning(world: World):
    world.tell(DETECTED)
    world.mail.errors = [REFUSED]
    world.tell(OVER)
    record = world.record(OVER, "shop-mail")
    world.memory.save(again(record, world.now))
    world.teller.resend(record.key)
    assert world.mail.got[-1].earlier is not None


def test_what_was_sent_or_never_was_is_not_sent_when_somebody_asks(world: World):
    world.tell(DETECTED)
    for key in (world.record(DETECTED, "shop-mail").key, DeliveryKey("2026-11-21", "x", "detected", "shop-mail")):
        assert world.teller.resend(key).deliveries == {}
    assert world.mail.states() == ["detected"]

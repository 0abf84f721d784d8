"""Every component is asked at once, and none can hold up or break the others."""

import threading

from opsloop.health.model import Check, Status
from opsloop.health.run_checks import run_checks


def test_answers_come_back_by_component_and_in_order():
    answers = {name: (lambda name=name: Check(name, Status.PASS)) for name in ("b", "a", "c")}
    assert [check.component for check in run_checks(answers, timeout_s=5)] == ["b", "a", "c"]


def test_a_component_that_does_not_answer_in_time_is_a_failure_and_holds_nobody_up():
    never = threading.Event()

    def hang() -> Check:
        never.wait()
        return Check("slow", Status.PASS)

    try:
        slow, quick = run_checks({"slow": hang, "quick": lambda: Check("quick", Status.PASS)}, timeout_s=0.05)
    finally:
        never.set()
    assert (slow.status, slow.output) == (Status.FAIL, "no answer within 0.05 s")
    assert quick.status is Status.PASS


def test_a_check_that_breaks_is_a_failure_which_tells_no_secrets():
    def broken() -> Check:
        raise RuntimeError("password=hunter2")

    (check,) = run_checks({"broken": broken}, timeout_s=5)
    assert (check.component, check.status) == ("broken", Status.FAIL)
    assert "hunter2" not in check.output

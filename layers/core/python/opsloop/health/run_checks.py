"""Asks every component at once, and waits for none longer than allowed."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait

from opsloop.health.model import Check, Status


def run_checks(questions: Mapping[str, Callable[[], Check]], *, timeout_s: float) -> tuple[Check, ...]:
    """Return the answer to each question, in order; one that takes over ``timeout_s`` or raises is a failure.

    Questions have bounds of their own (client timeouts), so a thread left behind ends soon.
    """
    pool = ThreadPoolExecutor(max_workers=max(1, len(questions)))
    futures = {component: pool.submit(ask) for component, ask in questions.items()}
    wait(futures.values(), timeout=timeout_s)
    pool.shutdown(wait=False)
    checks = []
    for component, future in futures.items():
        if not future.done():
            checks.append(Check(component, Status.FAIL, output=f"no answer within {timeout_s:g} s"))
        elif error := future.exception():
            checks.append(Check(component, Status.FAIL, output=f"could not be checked: {type(error).__name__}"))
        else:
            checks.append(future.result())
    return tuple(checks)

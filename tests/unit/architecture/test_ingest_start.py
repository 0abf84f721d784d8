"""The hot path starts without parts of the standard library that take a tenth of its start and that it does not use."""

import re

from bench.fresh import empty_cloud, run_fresh
from stacks.generate_docs import Function, read_functions

SLOW = {"ast", "dataclasses", "email", "http.client", "inspect", "pickle", "platform", "textwrap", "urllib.parse"}
BY_NAME = {one.name: one for one in read_functions()}


def started(one: Function) -> set[str]:
    """Return the modules that a fresh process loads for the handler of ``one``."""
    with empty_cloud() as cloud:
        _, trace = run_fresh(one, cloud=cloud, order={}, profile=True)
    return set(re.findall(r"\| +(\S+)$", trace, re.MULTILINE))


def test_ingest_starts_without_what_is_slow_and_unused() -> None:
    loaded = started(BY_NAME["telemetry_ingest"])
    assert loaded >= {"handler", "numpy", "opsloop.telemetry.ingest"}
    assert loaded & SLOW == set()


def test_a_function_that_loads_it_would_be_found() -> None:
    assert started(BY_NAME["kpi_query"]) & SLOW >= {"inspect", "urllib.parse"}

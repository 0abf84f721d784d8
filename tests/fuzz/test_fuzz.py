"""Whatever a record holds: nothing escapes, hangs, is lost, or is counted twice. More of it: ``make fuzz``."""

import os
import random
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsloop.telemetry.payload import Reading
from tests.fuzz import target
from tests.fuzz.forms import delimited, kpl, snappy
from tests.fuzz.loop import Findings, run
from tests.fuzz.mutate import CHANGES
from tests.fuzz.nasty import NASTY
from tests.fuzz.seeds import ROOT, corpus, seeds
from tests.fuzz.target import Finding, check, guarded
from tests.unit.telemetry.otlp_messages import messages

LOOP_S = 10.0
MAX_CORPUS_BYTES = 300_000
GOOD = (ROOT / "tests/data/otlp/shop-traces-0.pb").read_bytes()


@pytest.mark.parametrize("path", corpus(), ids=lambda path: path.name)
def test_each_record_of_the_corpus_is_read_or_refused(path):
    with guarded():
        check(path.read_bytes())


def test_changed_records_are_read_or_refused():
    findings = Findings()
    run(LOOP_S, findings, seed=4)
    assert findings.details == {}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_generated_and_then_changed_records_are_read_or_refused(data):
    drawn = [data.draw(messages(signal)).SerializeToString() for signal in ("traces", "metrics", "logs")]
    wrap = data.draw(st.sampled_from([b"".join, kpl, delimited, lambda requests: snappy(requests[0])]))
    record = wrap(drawn)
    for change in data.draw(st.lists(st.sampled_from(CHANGES), max_size=3)):
        record = change(record, data.draw(st.randoms(use_true_random=False)), seeds())
    with guarded():
        check(record)


def memory_check(*arguments):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "tests.fuzz.memory", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_no_record_needs_more_memory_than_it_may_inflate_to_and_64_megabytes():
    done = memory_check()
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_record_that_needs_more_memory_would_be_found():
    done = memory_check("greedy")
    assert done.returncode == 1
    assert "MemoryError" in done.stderr


def test_the_corpus_is_small_and_has_every_hand_made_record():
    files = {path.name: path for path in corpus()}
    assert sum(path.stat().st_size for path in files.values()) < MAX_CORPUS_BYTES
    assert {f"{name}.bin" for name in NASTY} <= files.keys()


def test_each_change_changes_something():
    for change in set(CHANGES):
        assert any(change(GOOD, random.Random(seed), [GOOD, b"other"]) != GOOD for seed in range(20)), change.__name__


def _raises(data, hint, *, max_bytes):
    raise KeyError("span")


def _loses(data, hint, *, max_bytes):
    return Reading("otlp", ())


def _varies(data, hint, *, max_bytes, calls=[]):  # noqa: B006 - remembers that it was called
    calls.append(data)
    return Reading(f"otlp {len(calls)}", ())


@pytest.mark.parametrize(
    ("broken", "found"), [(_raises, "KeyError"), (_loses, "neither a request"), (_varies, "two results")]
)
def test_a_reader_that_raises_loses_or_varies_is_found(monkeypatch, broken, found):
    monkeypatch.setattr(target, "read_record", broken)
    with pytest.raises(Finding, match=found):
        check(GOOD)


def test_an_error_behind_the_reader_is_found(monkeypatch):
    monkeypatch.setattr("opsloop.telemetry.ingest._READERS", {"traces": lambda *_: {}["spans"]})
    with pytest.raises(Finding, match="KeyError"):
        check(GOOD)


def test_an_item_more_than_protobuf_finds_is_found(monkeypatch):
    monkeypatch.setattr(target, "_count", lambda *_: 19)
    with pytest.raises(Finding, match="20 items counted"):
        check(GOOD)


def test_a_hang_is_found_even_where_every_exception_is_caught():
    def hang():
        while True:
            try:
                pow(3, 100_000)
            except Exception:  # noqa: S112, BLE001 - as the boundaries do that keep strangers' bytes out
                continue

    with pytest.raises(Finding, match="hang"), guarded(1):
        hang()

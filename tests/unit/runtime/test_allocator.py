"""The allocator's switches, on the C library that Lambda has and without it."""

import ctypes
import subprocess
import sys

import pytest

from opsloop.runtime.allocator import keep_freed_memory

PROGRAM = """
import resource, sys
import numpy as np
from opsloop.runtime.allocator import keep_freed_memory
assert sys.argv[1] == "as it is" or keep_freed_memory()
np.ones(1 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(1 << 20)  # 8 MB
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library has no mallopt")
def test_freed_memory_is_not_given_back_and_asked_for_again():
    faults = {
        how: int(subprocess.run([sys.executable, "-c", PROGRAM, how], check=True, capture_output=True).stdout)
        for how in ("as it is", "kept")
    }
    assert faults["kept"] * 10 < faults["as it is"]


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert keep_freed_memory() is False

"""glibc's allocator, told to keep what is freed: a batch needs again what the one before it gave back.

Left alone it returns blocks of 128 KB and more to the kernel, which has to clear each page that is asked for again; for
columns of thousands of items that is a quarter of the time. Thresholds: mallopt(3).
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_NEVER = 1 << 30


def keep_freed_memory() -> bool:
    """Return whether the allocator was told; another C library has no such switch."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _NEVER)) and bool(mallopt(_TRIM_THRESHOLD, _NEVER))

"""A Bloom filter of trace ids: whether an object may hold records of a trace, in ten bits per id.

It never says no to an id that is in it; it says yes to about one in a hundred that are not. An empty one holds none.
Source: B. H. Bloom, *Space/time trade-offs in hash coding with allowable errors*, CACM 13 (1970); two hashes make the
others: A. Kirsch, M. Mitzenmacher, *Less hashing, same performance*, ESA 2006.
"""

from collections.abc import Iterable
from hashlib import blake2b

BITS_PER_ID, HASHES = 10, 7  # (1 - e^(-7/10))^7 = 0.8 %
MAX_BYTES = 32_768  # 26,000 ids; of more, more are mistaken


def bloom_of(ids: Iterable[str]) -> bytes:
    """Return the filter of ``ids``, the same for the same set."""
    known = set(ids)
    if not known:
        return b""
    size = min((len(known) * BITS_PER_ID + 7) // 8, MAX_BYTES)
    bits = bytearray(size)
    for one in known:
        for place in _places(one, size * 8):
            bits[place >> 3] |= 1 << (place & 7)
    return bytes(bits)


def may_hold(bloom: bytes, trace_id: str) -> bool:
    """Return False if the set that ``bloom`` was made of does not have ``trace_id``."""
    if not bloom:
        return False
    return all(bloom[place >> 3] >> (place & 7) & 1 for place in _places(trace_id, len(bloom) * 8))


def _places(trace_id: str, bits: int) -> Iterable[int]:
    digest = blake2b(trace_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    first, step = int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little") | 1
    return ((first + number * step) % bits for number in range(HASHES))

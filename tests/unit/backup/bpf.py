"""What a seccomp filter answers, worked out by a small machine of our own: a second opinion, for any architecture."""

from collections.abc import Sequence

ALLOWED = "allowed"
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06


def answer(program: Sequence[tuple[int, int, int, int]], architecture: int, number: int, *arguments: int) -> str | int:
    """Run ``program`` on one system call; return ``ALLOWED`` or the error number that the caller sees.

    Fails if the program leaves its bounds, reads past ``struct seccomp_data`` (64 bytes) or answers something else.
    """
    data = number.to_bytes(4, "little") + architecture.to_bytes(4, "little") + bytes(8)
    data += b"".join((value & (2**64 - 1)).to_bytes(8, "little") for value in (*arguments, *[0] * 6)[:6])
    at = value = 0
    for _ in range(len(program)):
        code, true, false, k = program[at]
        at += 1
        if code == LOAD:
            assert k % 4 == 0
            assert k <= 60
            value = int.from_bytes(data[k : k + 4], "little")
        elif code == EQUAL:
            at += true if value == k else false
        elif code == ANY_BIT:
            at += true if value & k else false
        else:
            assert code == RETURN
            kind, error = k & 0xFFFF0000, k & 0xFFFF
            if kind == 0x7FFF0000:  # SECCOMP_RET_ALLOW
                return ALLOWED
            assert kind == 0x00050000  # SECCOMP_RET_ERRNO
            return error
    raise AssertionError("the program has no end")

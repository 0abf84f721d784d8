"""Let a program start where glibc is older than what one of its calls came with.

Lambda's Python 3.11 runs on Amazon Linux 2 (glibc 2.26). PostgreSQL's server asks for 2.27, for `copy_file_range`
alone, which it calls only when ``file_copy_method`` is ``clone``; the default is ``copy``. In the file it is enough to
call both the version and the symbol weak (Linux Standard Base, "Symbol Versioning"; System V ABI, "Symbol Table"): what
is missing is then null, and the loader goes on.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

MAY_BE_MISSING = frozenset({b"copy_file_range"})
VERSION_IS_WEAK, SYMBOL_IS_WEAK = 0x2, 0x2 << 4
SECTION = struct.Struct("<IIQQQQIIQQ")  # Elf64_Shdr
SYMBOL = struct.Struct("<IBBHQQ")  # Elf64_Sym
NEED, NEEDED_VERSION = struct.Struct("<HHIII"), struct.Struct("<IHHII")  # Elf64_Verneed, Elf64_Vernaux


class NotPatchableError(Exception):
    """The program needs more of a newer glibc than what may be missing, or is no such program."""


def run_on_older_glibc(program: Path, minor: int) -> None:
    """Change ``program`` (ELF, 64 bit, little-endian) so that it starts on glibc 2.``minor``.

    Raises ``NotPatchableError`` if it needs anything of later versions beyond ``MAY_BE_MISSING``.
    """
    content = bytearray(program.read_bytes())
    weakened = set(_weaken_versions(content, minor))
    dynsym, versions = _section(content, b".dynsym"), _section(content, b".gnu.version")
    names = _section(content, b".dynstr")[0]
    for index in range(dynsym[1] // SYMBOL.size):
        (version,) = struct.unpack_from("<H", content, versions[0] + 2 * index)
        if version & 0x7FFF in weakened:
            at = dynsym[0] + SYMBOL.size * index
            name_at, info = SYMBOL.unpack_from(content, at)[:2]
            name = _text(content, names + name_at)
            if name not in MAY_BE_MISSING:
                raise NotPatchableError(f"{program.name} needs {name.decode()} of a glibc later than 2.{minor}")
            content[at + 4] = SYMBOL_IS_WEAK | info & 0xF
    program.write_bytes(content)


def _weaken_versions(content: bytearray, minor: int) -> Iterator[int]:
    """Mark each needed version of glibc after 2.``minor`` as weak; yield the indices that symbols refer to it by."""
    names = _section(content, b".dynstr")[0]
    need_at, size = _section(content, b".gnu.version_r")
    end = need_at + size
    while need_at < end:
        _, count, _, first, to_next = NEED.unpack_from(content, need_at)
        at = need_at + first
        for _ in range(count):
            _, flags, index, name_at, step = NEEDED_VERSION.unpack_from(content, at)
            name = _text(content, names + name_at)
            if name.startswith(b"GLIBC_2.") and int(name.split(b".")[1]) > minor:
                struct.pack_into("<H", content, at + 4, flags | VERSION_IS_WEAK)
                yield index
            at += step
        if not to_next:
            return
        need_at += to_next


def _section(content: bytearray, wanted: bytes) -> tuple[int, int]:
    """Return where a section of that name begins in the file, and its size."""
    if content[:6] != b"\x7fELF\x02\x01":
        raise NotPatchableError("not an ELF program of 64 bit, little-endian")
    (table,) = struct.unpack_from("<Q", content, 0x28)
    size, count, of_names = struct.unpack_from("<HHH", content, 0x3A)
    headers = [SECTION.unpack_from(content, table + size * index) for index in range(count)]
    for header in headers:
        if _text(content, headers[of_names][4] + header[0]) == wanted:
            return header[4], header[5]
    raise NotPatchableError(f"there is no section {wanted.decode()}")


def _text(content: bytearray, at: int) -> bytes:
    return bytes(content[at : content.index(0, at)])

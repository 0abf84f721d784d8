"""The damage that a drill does is the damage that it says, and no other."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from opsloop.backup.damage import CONTROLS, DONE_TO_DATABASE, Specimen, damaged, flipped, format_of, paired, wanted
from opsloop.backup.drill import LIMITS
from opsloop.backup.model import Format, Manifest, Reason, TableFacts, Verdict
from tests.unit.backup.test_drill import NOW

PLAIN = b"--\nSET a = 1;\n\nCREATE SCHEMA shop;\n" + b"INSERT INTO t VALUES (1);\n" * 90 + b"-- complete\n"


def a_manifest(dump_bytes: int, sha256: str, size_bytes: int = 5_000) -> Manifest:
    return Manifest(
        "drill_shop", NOW, "18.4", 180004, "UTF8", "C", {}, (), {}, {"shop.orders": TableFacts("table", 3)}, {}, {}, (),
        size_bytes, "0/1", 1, dump_bytes=dump_bytes, sha256=sha256,
    )  # fmt: skip


def test_every_way_that_was_asked_for_is_tried_and_two_sound_dumps_too():
    sound = {one.name: one.verdict for one in CONTROLS if one.verdict is not Verdict.FAILED}
    assert sound == {"sound": Verdict.PROVEN, "sound_alone": Verdict.RESTORABLE}
    reasons = {one for control in CONTROLS for one in control.reasons}
    assert reasons >= {
        Reason.TRUNCATED, Reason.CHECKSUM_MISMATCH, Reason.CORRUPT, Reason.STALE, Reason.EMPTY, Reason.WRONG_DATABASE,
        Reason.MISSING_TABLE, Reason.ROW_COUNT_MISMATCH, Reason.ROW_SAMPLE_MISMATCH, Reason.SCHEMA_MISMATCH,
        Reason.SEQUENCE_MISMATCH, Reason.MISSING_EXTENSION,
    }  # fmt: skip
    assert len({one.name for one in CONTROLS}) == len(CONTROLS)
    assert {one.name for one in CONTROLS} >= DONE_TO_DATABASE.keys()


def test_bytes_are_cut_emptied_replaced_or_added_to():
    assert damaged("truncated", b"PGDMP" + b"x" * 295, PLAIN) == b"PGDMP" + b"x" * 195
    cut = damaged("truncated_plain", b"", PLAIN)
    assert PLAIN.startswith(cut)
    assert cut.endswith(b";\n")  # every line that is there is whole: nothing but the end tells
    assert b"complete" not in cut
    assert damaged("empty", b"PGDMP", PLAIN) == b""
    assert damaged("version_too_new", b"PGDMP\x01\x10rest", PLAIN) == b"PGDMP\x01\x42rest"
    assert damaged("meta_command", b"", PLAIN).replace(b"\\! touch drill\n", b"") == PLAIN
    assert damaged("not_a_dump", b"PGDMP", PLAIN).startswith(b"<html>")


def test_a_way_that_is_not_of_bytes_is_refused():
    with pytest.raises(ValueError, match="missing_table"):
        damaged("missing_table", b"", b"")


def test_text_is_damaged_as_text():
    assert {one.name for one in CONTROLS if format_of(one.name) is Format.SQL} == {"truncated_plain", "meta_command"}


def test_a_manifest_is_made_to_fit_another_file_and_nothing_else_of_it_changes():
    sound, lost = a_manifest(dump_bytes=900, sha256="aa"), a_manifest(dump_bytes=800, sha256="bb", size_bytes=1)
    fitted = paired(lost, sound)
    assert (fitted.dump_bytes, fitted.sha256, fitted.size_bytes) == (800, "bb", sound.size_bytes)
    assert fitted.tables == sound.tables


def test_a_specimen_is_asked_for_as_any_dump():
    asked = wanted(Specimen("sound", Path("sound")), "d1", NOW, LIMITS)
    assert (asked.verification_id, asked.dump_id, asked.where, asked.now) == ("d1.sound", "drill/sound", "drill", NOW)


def archive(*blocks: tuple[int, int, list[bytes]]) -> bytes:
    """Return the data blocks of a custom archive, as pg_backup_custom.c writes them with integers of 4 bytes."""

    def number(value: int) -> bytes:
        return b"\x00" + value.to_bytes(4, "little")

    written = b""
    for kind, entry, chunks in blocks:
        written += bytes([kind]) + number(entry)
        written += b"".join(number(len(one)) + one for one in chunks) + number(0)
    return written


def test_one_bit_is_flipped_within_the_largest_chunk(monkeypatch):
    head = b"PGDMP head"
    body = archive((1, 7, [b"a" * 10, b"b" * 40]), (1, 8, [b"c" * 100, b"d" * 3]), (3, 9, [b"e" * 500]))

    contents = SimpleNamespace(header=SimpleNamespace(integer_bytes=4), end=len(head))
    monkeypatch.setattr("opsloop.backup.damage.read_contents", lambda _stream: contents)
    before = head + body
    after = flipped(before)
    (place,) = [at for at, (one, two) in enumerate(zip(before, after, strict=True)) if one != two]
    assert before[place - 50 : place + 50] == b"c" * 100
    assert (before[place] ^ after[place]).bit_count() == 1

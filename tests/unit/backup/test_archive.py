"""Archives of pg_dump: told from other files, read by header and table of contents, walked to their last byte."""

import io
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.archive import DamagedError, Kind, kind_of, major, read_header, what_instead
from opsloop.backup.blocks import uncompressed, walk
from opsloop.backup.contents import read_contents
from opsloop.backup.needs import of_archive
from tests.archives import Item, archive

ODD = ['a "quoted" name', "two\nlines", "with; a semicolon", "ünïcode", "", "a.b"]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", Kind.EMPTY),
        (b"\n \n", Kind.EMPTY),
        (b"PGDMP\x01\x10", Kind.CUSTOM),
        (b"\x1f\x8b\x08", Kind.GZIP),
        (b"\x28\xb5\x2f\xfd", Kind.ZSTD),
        (b"\0" * 257 + b"ustar\x0000", Kind.TAR),
        (b"--\n-- PostgreSQL database dump\n--\n", Kind.PLAIN),
        (b"--\r\n-- PostgreSQL database cluster dump\r\n", Kind.PLAIN),
        (b"\xef\xbb\xbfCREATE TABLE a (id integer);", Kind.PLAIN),
        (b"-- MySQL dump 10.13\nCREATE TABLE a (id int);", Kind.OTHER),
        (b'{"error": "AccessDenied"}', Kind.OTHER),
        (b"<html><body>404</body></html>", Kind.OTHER),
        (b"\xff\xfe-\0-\0", Kind.OTHER),
        (b"\x7fELF\x02\x01", Kind.OTHER),
    ],
)
def test_a_file_is_told_by_its_first_bytes(head: bytes, kind: Kind) -> None:
    assert kind_of(head) is kind


@pytest.mark.parametrize(
    ("head", "said"),
    [(b"\xff\xfe-\0", "UTF-16"), (b"\x04\x22\x4d\x18", "lz4"), (b"<html>", "HTML"), (b"PK\3\4", "zip")],
)
def test_a_file_that_is_no_dump_is_called_what_it_is(head: bytes, said: str) -> None:
    assert said in what_instead(head)


def test_a_header_says_of_whom_when_and_by_what() -> None:
    """The bytes as pg_dump 15 wrote them, field by field of ``WriteHead``."""
    number = struct.Struct("<bI")
    raw = b"PGDMP" + bytes([1, 14, 0, 4, 8, 1])
    raw += b"\1" + struct.pack("<I", 1)  # compression -1: zlib's own level
    for one in (22, 20, 21, 21, 10, 126, 0):
        raw += number.pack(0, one)
    for text in (b"shop", b"15.18 (Debian)", b"18.6"):
        raw += number.pack(0, len(text)) + text
    header, _ = read_header(io.BytesIO(raw))
    assert (header.version, header.format, header.compression) == ((1, 14), "custom", "gzip")
    assert header.created_at == datetime(2026, 11, 21, 21, 20, 22, tzinfo=UTC)
    assert (header.database, header.server_version, header.dump_version) == ("shop", "15.18 (Debian)", "18.6")
    assert not header.is_too_new


@given(st.lists(st.tuples(st.sampled_from(ODD), st.sampled_from(ODD), st.binary(max_size=40)), max_size=6))
@settings(max_examples=40, deadline=None)
def test_every_name_and_row_comes_back(items: list[tuple[str, str, bytes]]) -> None:
    given_items = [Item("TABLE DATA", schema, name, data=data) for schema, name, data in items]
    raw = archive(given_items)
    contents = read_contents(io.BytesIO(raw))
    assert [(one.schema, one.name) for one in contents.entries] == [(schema, name) for schema, name, _ in items]
    blocks = walk(raw, contents)
    assert (blocks.missing, blocks.damage, len(blocks.entries)) == ((), "", len(items))
    assert blocks.bytes == sum(len(data) for _, _, data in items)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_an_archive_cut_anywhere_is_found_to_be(data: st.DataObject) -> None:
    raw = archive([Item("TABLE", "public", "a"), Item("TABLE DATA", "public", "a", data=b"row\n" * 9)])
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    assert _judged(cut) in ("short", ("public.a",))


def _judged(raw: bytes) -> str | tuple[str, ...]:
    try:
        return walk(raw, read_contents(io.BytesIO(raw))).missing
    except DamagedError as error:
        return "short" if error.is_short else "damaged"


@given(st.binary(max_size=300), st.integers(0, 200))
@settings(max_examples=120, deadline=None)
def test_no_bytes_do_more_than_be_refused(noise: bytes, at: int) -> None:
    raw = bytearray(archive([Item("TABLE DATA", "public", "a", data=b"row\n")]))
    raw[at : at + len(noise)] = noise
    assert _judged(bytes(raw)) in ("short", "damaged", (), ("public.a",)) or b"public.a" not in raw


def test_a_newer_archive_is_known_as_such_and_read_no_further() -> None:
    contents = read_contents(io.BytesIO(archive([], version=(1, 17))))
    assert contents.header.is_too_new
    assert contents.entries == ()


def test_what_an_archive_needs_is_read_from_its_definitions() -> None:
    needs = of_archive(
        read_contents(
            io.BytesIO(
                archive(
                    [
                        Item("SCHEMA", "", "tools", definition="CREATE SCHEMA tools;\n"),
                        Item("EXTENSION", "", "hstore", definition='CREATE EXTENSION hstore WITH SCHEMA "tools";\n'),
                        Item(
                            "POLICY",
                            "public",
                            "t p",
                            definition='CREATE POLICY p ON public.t TO a, "Odd Role" USING (x);',
                        ),
                        Item(
                            "TABLE",
                            "public",
                            "t",
                            definition='CREATE TABLE t (x text COLLATE pg_catalog."de_DE.utf8");',
                        ),
                        Item("EVENT TRIGGER", "", "e", definition="CREATE EVENT TRIGGER e ON ddl_command_start;"),
                        Item("PUBLICATION", "", "all", definition="CREATE PUBLICATION p FOR ALL TABLES WITH (x);"),
                        Item("PUBLICATION", "", "one", definition="CREATE PUBLICATION q WITH (x);"),
                        Item("FUNCTION", "public", "f()", definition="CREATE FUNCTION f() LANGUAGE c AS '$libdir/x';"),
                        Item("ACL", "public", "TABLE t", definition="GRANT SELECT ON TABLE t TO a;"),
                    ]
                )
            )
        )
    )
    assert needs.extensions == {"hstore": "tools"}
    assert needs.roles == {"a", "Odd Role", "shop"}  # the last one owns what is in it
    assert needs.collations == {"de_DE.utf8"}
    assert [(one.kind, one.name) for one in needs.keep] == [("POLICY", "t p"), ("TABLE", "t"), ("PUBLICATION", "one")]
    assert needs.notes() == [
        "left out: 1 of event triggers, which only a superuser may restore",
        "left out: 1 of functions in c, which only a superuser may restore",
        "left out: 1 of publications, which only a superuser may restore",
    ]


def test_an_archive_is_written_anew_without_its_compression() -> None:
    """Inflating is the caller's; here it doubles each byte, so that it is seen where it is done."""
    raw = archive([Item("TABLE DATA", "public", "a", data=b"ab"), Item("TABLE DATA", "public", "b", data=b"")])
    contents = read_contents(io.BytesIO(raw))
    again = b"".join(uncompressed(io.BytesIO(raw), contents, lambda chunks: (2 * chunk for chunk in chunks)))
    after = read_contents(io.BytesIO(again))
    assert after.header.compression == "none"
    assert [one.name for one in after.entries] == ["a", "b"]
    assert walk(again, after).bytes == 4


@pytest.mark.parametrize(
    ("said", "number"), [("15.18 (Debian)", 15), ("PostgreSQL 9.6.24", 9), ("", None), ("x", None)]
)
def test_a_major_version_is_read_from_what_a_server_calls_itself(said: str, number: int | None) -> None:
    assert major(said) == number


@pytest.mark.parametrize(
    ("table", "trigger", "fires"),
    [
        ("CREATE TABLE p (id integer) PARTITION BY RANGE (id);", "TRIGGER", True),
        ("CREATE TABLE p (id integer);", "TRIGGER", False),
        ("CREATE TABLE p (id integer) PARTITION BY RANGE (id);", "INDEX", False),
    ],
)
def test_triggers_of_partitioned_tables_wait_for_no_rows(table: str, trigger: str, fires: bool) -> None:
    raw = archive([Item("TABLE", "public", "p", table), Item(trigger, "public", "p t", "CREATE TRIGGER t;")])
    assert read_contents(io.BytesIO(raw)).fires_early is fires

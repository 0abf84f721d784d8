"""What pg_restore and psql say is judged, and what text psql is given."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.adapters import postgres_recover
from opsloop.adapters.postgres_recover import as_sql, judge

# as pg_restore 18.6 and psql 18.6 wrote them, restoring to PostgreSQL 15.18
TIMEOUT = (
    'pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "transaction_timeout"'
)
NO_ROLE = 'pg_restore: error: could not execute query: ERROR:  role "shop" does not exist'
IGNORED = "pg_restore: warning: errors ignored on restore: 2"
CUT = "pg_restore: error: could not read from input file: end of file"
DIVIDED = "psql:<stdin>:43: ERROR:  division by zero"
LOST = "psql:<stdin>:9: FATAL:  terminating connection due to administrator command"


@pytest.mark.parametrize(
    ("lines", "code", "is_complete", "errors", "harmless"),
    [
        ([], 0, True, 0, 0),
        ([TIMEOUT, IGNORED], 1, True, 0, 1),
        ([TIMEOUT, NO_ROLE, IGNORED], 1, True, 1, 1),
        ([TIMEOUT, CUT], 1, False, 1, 1),
        ([], 1, False, 0, 0),
        ([DIVIDED], 0, True, 1, 0),
        ([LOST], 2, False, 1, 0),
        ([], -9, False, 0, 0),
    ],
)
def test_a_restore_is_complete_if_the_program_came_to_its_end(
    lines: list[str], code: int, is_complete: bool, errors: int, harmless: int
):
    found = judge(lines, code)
    assert (found.is_complete, len(found.errors), len(found.harmless)) == (is_complete, errors, harmless)


def test_an_error_is_told_in_the_servers_own_words():
    assert judge([NO_ROLE, DIVIDED], 0).errors == ('role "shop" does not exist', "division by zero")


TEXT = b"""--
-- PostgreSQL database dump
--

\\restrict a1B2

CREATE TABLE public.t (a text);
ALTER TABLE public.t OWNER TO shop;
COPY public.t (a) FROM stdin;
ALTER TABLE public.t OWNER TO is data
\\! touch pwned, which is data as well
\\.
\\! touch pwned
GRANT SELECT ON TABLE public.t TO reporting;
\\unrestrict a1B2
"""


def given_to_psql(text: bytes, size: int = 7, *, no_owner: bool = False) -> bytes:
    chunks: Iterator[bytes] = (text[at : at + size] for at in range(0, len(text), size))
    return b"".join(as_sql(chunks, no_owner=no_owner))


def test_commands_to_psql_are_left_out_and_data_is_not():
    found = given_to_psql(TEXT)
    assert b"\nALTER TABLE public.t OWNER TO shop;" in found
    assert b"\n\\! touch pwned, which is data as well\n" in found
    assert b"\n\\! touch pwned\n" not in found
    assert b"restrict" not in found


def test_owners_and_privileges_are_left_out_where_nobody_wants_them():
    found = given_to_psql(TEXT, no_owner=True)
    assert b"OWNER TO shop" not in found
    assert b"GRANT" not in found
    assert b"\nALTER TABLE public.t OWNER TO is data\n" in found


@given(st.integers(1, 400), st.booleans())
@settings(max_examples=25, deadline=None)
def test_every_line_stays_at_its_place_however_the_text_arrives(size: int, no_owner: bool):
    found = given_to_psql(TEXT, size, no_owner=no_owner)
    assert found.count(b"\n") == TEXT.count(b"\n")
    assert found == given_to_psql(TEXT, 10_000, no_owner=no_owner)


@pytest.mark.parametrize(("first", "ran"), [(0, 2), (1, 1)])
def test_a_restore_in_sections_is_one_and_ends_where_it_breaks_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int, ran: int
) -> None:
    program = tmp_path / "pg_restore"
    program.write_text(
        f'#!/bin/sh\necho x >> {tmp_path}/runs\necho "pg_restore: error: at $#" >&2\n'
        f'for one; do [ "$one" = --section=data ] && exit {first}; done\nexit 0\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(postgres_recover, "environment", lambda _dsn: {"PATH": "/usr/bin:/bin"})
    sections = (("--section=data",), ("--section=post-data",))
    options = {"variables": {}, "jobs": 4, "no_owner": False, "step": lambda _what: None, "sections": sections}
    found = postgres_recover.restore_archive(program, tmp_path / "x", "dbname=x", **options)  # type: ignore[arg-type]
    assert (tmp_path / "runs").read_text() == "x\n" * ran
    assert (found.is_complete, len(found.errors)) == (not first, ran)

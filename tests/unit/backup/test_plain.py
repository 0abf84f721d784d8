"""Plain dumps: taken apart as psql does, and given to it without what only a superuser may run."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.plain import for_psql, left_out, of_plain, read_plain
from opsloop.backup.sql_text import Part, pieces
from tests.verifying import END, HEAD

WORDS = [
    "SELECT 1",
    ";",
    "'",
    '"',
    "$$",
    "$a$",
    "--",
    "/*",
    "*/",
    "\\",
    "\n",
    "\\.\n",
    "E'\\''",
    "COPY t FROM stdin;\n",
]
TOKENS = st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=25).map("".join)


def _chunks(text: str | bytes, size: int = 1 << 16) -> Iterator[bytes]:
    raw = text.encode() if isinstance(text, str) else text
    return (raw[at : at + size] for at in range(0, len(raw), size))


@given(TOKENS, st.integers(1, 9))
@settings(max_examples=150, deadline=None)
def test_the_pieces_are_the_text_however_it_arrives(text: str, size: int) -> None:
    found = list(pieces(_chunks(text, size)))
    assert b"".join(one.text for one in found) == text.encode()
    assert found == list(pieces(_chunks(text)))
    lines = [1 + text.encode()[: sum(len(one.text) for one in found[:at])].count(b"\n") for at in range(len(found))]
    assert [one.line for one in found] == lines


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 'a;b';",
        "SELECT 'it''s; here';",
        "SELECT E'a\\';b';",
        'SELECT "a;""b";',
        "SELECT $$a;b$$;",
        "DO $_$ BEGIN x := $$;$$; END $_$;",
        "SELECT 1 -- a; comment\n;",
        "SELECT 1 /* a; /* nested; */ comment; */;",
        "SELECT a$b$c;",
        "SELECT 'back\\slash';",
    ],
)
def test_a_statement_ends_where_psql_ends_it(statement: str) -> None:
    found = list(pieces(_chunks(statement + " SELECT 2;")))
    assert [one.text for one in found] == [statement.encode(), b" SELECT 2;"]


def test_rows_are_rows_until_their_end() -> None:
    text = "COPY public.t (a) FROM stdin;\n1;\\\\!\n\\.x\n'\n\\.\nSELECT 1;"
    found = [(one.part, one.text) for one in pieces(_chunks(text))]
    assert found[0] == (Part.SQL, b"COPY public.t (a) FROM stdin;")
    rows = b"".join(part for kind, part in found if kind is Part.DATA)
    assert rows == b"\n1;\\\\!\n\\.x\n'\n\\.\n"
    assert found[-1] == (Part.SQL, b"SELECT 1;")


def test_a_table_without_rows_ends_at_once() -> None:
    found = [one.part for one in pieces(_chunks("COPY t FROM stdin;\n\\.\nSELECT 1;"))]
    assert found == [Part.SQL, Part.DATA, Part.DATA, Part.SQL]


@pytest.mark.parametrize("cut", range(len(HEAD) + 200, len(HEAD + END) + 200, 7))
def test_a_dump_cut_before_its_end_is_cut(cut: int) -> None:
    text = HEAD + "CREATE TABLE public.b (id integer);\n" * 6 + END
    assert read_plain(_chunks(text[:cut])).is_cut is (cut <= text.index("complete") + len("complete") - 1)


def test_what_a_dump_says_of_itself_is_read() -> None:
    text = HEAD + 'CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA "My Tools";\n'
    text += (
        "CREATE POLICY p ON public.t TO app USING (true);\n\\connect -reuse-previous=on \"dbname='o''d\\\\d'\"\n" + END
    )
    facts = read_plain(_chunks(text))
    assert (facts.server_version, facts.dump_version, facts.encoding) == ("15.18", "15.18", "UTF8")
    assert (facts.tables, facts.has_data, facts.is_cut, facts.refused) == (1, True, False, [])
    assert facts.extensions == {"hstore": "My Tools"}
    assert of_plain(facts).roles == {"app"}


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("ALTER TABLE public.t OWNER TO app;", "owners"),
        ("GRANT SELECT ON TABLE t TO app;", "privileges"),
        ("ALTER DEFAULT PRIVILEGES FOR ROLE a GRANT SELECT ON TABLES TO b;", "privileges"),
        ("CREATE ROLE app;", "roles"),
        ("ALTER ROLE app WITH PASSWORD 'x';", "roles"),
        ("CREATE DATABASE shop;", "databases"),
        ("SET SESSION AUTHORIZATION 'postgres';", "session users"),
        ("SET ROLE postgres;", "session users"),
        ("SET default_tablespace = fast;", "tablespaces"),
        ("CREATE EXTENSION IF NOT EXISTS hstore;", "extensions"),
        ("COMMENT ON EXTENSION hstore IS 'x';", "comments"),
        ("CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f();", "event triggers"),
        ("CREATE PUBLICATION p FOR ALL TABLES;", "publications"),
        ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p;", "subscriptions"),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE c AS 'x', 'y';", "functions in c"),
        ("CREATE FUNCTION f() RETURNS void\n    LANGUAGE plpython3u\n    AS $$x$$;", "functions in plpython3u"),
        ("CREATE CAST (text AS integer[]) WITH INOUT AS ASSIGNMENT;", "casts"),
        ("CREATE CAST (pg_catalog.text AS bytea) WITH FUNCTION public.f(text);", "casts"),
        ("CREATE CAST (public.mood AS integer) WITHOUT FUNCTION;", "casts"),
        ("COMMENT ON CAST (text AS integer[]) IS 'x';", "comments"),
        ("COMMENT ON CAST (public.mood AS integer) IS 'x';", None),
        ("CREATE CAST (public.mood AS integer) WITH FUNCTION public.f(public.mood);", None),
        ("CREATE CAST (integer AS shop.money) WITH INOUT;", None),
        ("SET default_tablespace = '';", None),
        ("CREATE USER MAPPING FOR a SERVER s;", None),
        ("CREATE PUBLICATION p FOR TABLE ONLY public.t;", None),
        ("CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT ' LANGUAGE c ' $$;", None),
        ("CREATE TABLE owner_to (a integer);", None),
    ],
)
def test_what_only_superusers_run_is_left_out_and_nothing_else(statement: str, why: str | None) -> None:
    assert left_out(statement) == why


def test_what_is_left_out_keeps_its_lines() -> None:
    text = "CREATE ROLE a;\nCREATE TABLE t (\n a integer);\nALTER TABLE t\n OWNER TO a;\nSELECT 1;\n"
    given = b"".join(for_psql(_chunks(text), None)).decode()
    assert given == "\nCREATE TABLE t (\n a integer);\n\n\nSELECT 1;\n"
    assert given.count("\n") == text.count("\n")


def test_of_a_whole_servers_dump_only_the_wanted_database_is_given() -> None:
    text = "CREATE ROLE a;\n\\connect one\nCREATE TABLE one ();\n\\connect two\nCREATE TABLE two ();\n"
    assert read_plain(_chunks(text)).databases == ["one", "two"]
    assert b"".join(for_psql(_chunks(text), "two")).split() == b"CREATE TABLE two ();".split()


def test_schemas_that_are_there_already_are_not_made_again() -> None:
    text = 'CREATE SCHEMA "My Tools";\nCREATE SCHEMA app;\n'
    assert b"".join(for_psql(_chunks(text), None, {"My Tools"})) == b"\nCREATE SCHEMA app;\n"


def test_what_a_clean_dump_drops_before_it_makes_anything_is_not_asked_of_an_empty_database() -> None:
    drops = """ALTER TABLE ONLY public.a DROP CONSTRAINT a_pkey;
ALTER TABLE public.a ALTER COLUMN id DROP DEFAULT;
DROP INDEX public.a_idx;
DROP TABLE public.a;
SELECT pg_catalog.lo_unlink('16404');
DROP SCHEMA public;
"""
    made = "CREATE SCHEMA public;\nCREATE TABLE public.a (id integer);\nDROP TABLE public.a;\n"
    begin = HEAD.partition("CREATE")[0]
    given = b"".join(for_psql(_chunks(begin + drops + made), None)).decode()
    kept = "CREATE TABLE public.a (id integer);\nDROP TABLE public.a;\n"
    assert given.removeprefix(begin).lstrip("\n") == kept
    assert given.count("\n") == (begin + drops + made).count("\n")


def test_rows_that_quote_a_dumps_lines_do_not_say_where_it_ends() -> None:
    quoted = "INSERT INTO public.kept VALUES ('\n-- PostgreSQL database dump\n');\n"
    assert not read_plain(_chunks(HEAD + quoted + END)).is_cut
    ended = "INSERT INTO public.kept VALUES ('\n-- PostgreSQL database dump complete\n');\n"
    assert read_plain(_chunks(HEAD + ended)).is_cut


def test_owners_are_roles_that_a_value_can_name() -> None:
    text = 'ALTER TABLE public.kept OWNER TO "O\'\'wner ""1""";\nALTER TABLE public.kept OWNER TO shop;\n'
    assert read_plain(_chunks(HEAD + text + END)).roles == {"O''wner \"1\"", "shop"}


def test_a_tablespace_is_no_table() -> None:
    assert read_plain(_chunks("CREATE TABLESPACE x LOCATION '/y';\nCREATE TABLE t (a integer);\n")).tables == 1

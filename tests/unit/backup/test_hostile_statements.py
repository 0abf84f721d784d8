"""A dump's own SQL runs as a user who may do nothing outside of its database; nobody else ever runs any of it."""

import socket
import uuid
from pathlib import Path

import psycopg
import pytest

from opsloop.adapters.postgres_facts import read_facts
from opsloop.adapters.postgres_restore import RestoredCopy, verifier_here
from opsloop.backup.model import Manifest, Reason, Verdict
from opsloop.backup.wanted import MIB, Limits, Wanted
from opsloop.catalog import Assertion
from tests.verifying import END, HEAD, NOW, Bench

ADMIN = "opsloop_admin"
REFUSED = {
    "rows from a program": ("COPY public.kept FROM PROGRAM 'touch {canary}'", "permission denied to COPY"),
    "rows to a program": ("COPY public.kept TO PROGRAM 'touch {canary}'", "permission denied to COPY"),
    "rows to a file": ("COPY public.kept TO '{canary}'", "permission denied to COPY"),
    "a file of the server": ("SELECT pg_read_file('/etc/passwd')", "permission denied for function pg_read_file"),
    "a large object from a file": ("SELECT lo_import('/etc/passwd')", "permission denied for function lo_import"),
    "a large object to a file": ("SELECT lo_export(lo_create(7), '{canary}')", "permission denied for function"),
    "a setting of the server": ("ALTER SYSTEM SET archive_command = 'touch {canary}'", "ALTER SYSTEM"),
    "becoming our superuser": (f"DO $$ BEGIN EXECUTE 'SET ROLE {ADMIN}'; END $$", "permission denied to set role"),
    "taking our superuser's rights": (f"DO $$ BEGIN EXECUTE 'GRANT {ADMIN} TO restorer'; END $$", "permission denied"),
    "making itself a superuser": (
        "DO $$ BEGIN EXECUTE 'ALTER ROLE restorer SUPERUSER'; END $$",
        "permission denied to alter role",
    ),
    "the server's settings read anew": ("SELECT pg_reload_conf()", "permission denied for function pg_reload_conf"),
    "a library of the machine": ("LOAD 'libc.so.6'", "access to library"),
    "a trusted copy of an untrusted language": (
        "CREATE TRUSTED LANGUAGE plpython3u HANDLER plpgsql_call_handler",
        "must be superuser",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_statement_that_reaches_out_fails_and_does_nothing(verifying: Bench, canary: Path, case: str) -> None:
    statement, said = REFUSED[case]
    verification = verifying.sql(statement.format(canary=canary) + ";\n")
    assert (verification.verdict, verification.reason) == (Verdict.FAILED, Reason.RESTORE_ERROR)
    assert said in verification.findings[0].found
    assert not canary.exists()


def _owner_of_all(copy: RestoredCopy) -> set[str]:
    with psycopg.connect(copy.server.dsn(copy.name)) as connection:
        rows = connection.execute("select tableowner from pg_tables where schemaname = 'public'")
        return {row[0] for row in rows}


def test_users_that_a_dump_switches_to_are_not_switched_to(verifying: Bench) -> None:
    owners: set[str] = set()
    verifying.engine.look = lambda copy: owners.update(_owner_of_all(copy))
    text = f"SET SESSION AUTHORIZATION '{ADMIN}';\nCREATE TABLE public.a (id integer);\n"
    text += f"SET ROLE {ADMIN};\nCREATE TABLE public.b (id integer);\nALTER TABLE public.b OWNER TO {ADMIN};\n"
    assert verifying.sql(text).verdict is Verdict.RESTORABLE
    assert owners == {"restorer"}


@pytest.mark.parametrize("language", ["c", "internal", "plpython3u"])
def test_functions_that_only_superusers_make_are_left_out_and_told(
    verifying: Bench, canary: Path, language: str
) -> None:
    extension = "CREATE EXTENSION IF NOT EXISTS plpython3u;\n" if language == "plpython3u" else ""
    body = "'libc.so.6', 'system'" if language == "c" else f"$$import os; os.system('touch {canary}')$$"
    text = f"{extension}CREATE FUNCTION public.run(text) RETURNS integer LANGUAGE {language} AS {body};\n"
    verification = verifying.sql(text)
    assert verification.verdict is Verdict.RESTORABLE
    assert any(f"functions in {language}" in one for one in verification.messages)
    called = verifying.sql(text + f"SELECT public.run('touch {canary}');\n")
    assert (called.verdict, called.reason) == (Verdict.FAILED, Reason.RESTORE_ERROR)
    assert not canary.exists()


@pytest.mark.parametrize("extension", ["dblink", "postgres_fdw"])
def test_nothing_leaves_the_machine(verifying: Bench, extension: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        text = f"CREATE EXTENSION IF NOT EXISTS {extension} WITH SCHEMA public;\n"
        if extension == "dblink":
            text += f"SELECT public.dblink_connect('host=127.0.0.1 port={port} user=a password=b');\n"
        else:
            text += f"CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '{port}');\n"
            text += "CREATE USER MAPPING FOR restorer SERVER s OPTIONS (user 'a', password 'hunter2');\n"
            text += "CREATE FOREIGN TABLE public.f (id integer) SERVER s;\nSELECT * FROM public.f;\n"
        verification = verifying.sql(text)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert (verification.verdict, verification.reason) == (Verdict.FAILED, Reason.RESTORE_ERROR)
    assert "hunter2" not in " ".join([*verification.messages, str(verification.findings)])


EVERYWHERE = """
CREATE FUNCTION public.note(v integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $_$
BEGIN
  IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) current_user) THEN
    RAISE LOG '{mark}';
  END IF;
  RETURN v;
END $_$;
CREATE FUNCTION public.noted() RETURNS trigger LANGUAGE plpgsql AS $_$
BEGIN PERFORM public.note(1); RETURN new; END $_$;
CREATE DOMAIN public.checked AS integer CHECK (public.note(VALUE) > 0);
CREATE TABLE public.t (
  id integer PRIMARY KEY CHECK (public.note(id) > 0),
  made integer GENERATED ALWAYS AS (public.note(id)) STORED,
  usual integer DEFAULT public.note(3),
  one public.checked
);
CREATE INDEX t_note ON public.t (public.note(id)) WHERE public.note(id) > 0;
CREATE TRIGGER t_trigger BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.noted();
INSERT INTO public.t (id, one) VALUES (1, 1), (2, 2);
CREATE MATERIALIZED VIEW public.m AS SELECT public.note(id) AS n FROM public.t;
CREATE UNIQUE INDEX m_n ON public.m (public.note(n));
CREATE VIEW public.v AS SELECT public.note(id) FROM public.t;
ALTER TABLE public.t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON public.t USING (public.note(id) > 0);
CREATE RULE r AS ON UPDATE TO public.t DO ALSO SELECT public.note(1);
CREATE FUNCTION public.event() RETURNS event_trigger LANGUAGE plpgsql AS $_$ BEGIN PERFORM public.note(1); END $_$;
CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION public.event();
CREATE FUNCTION public.pg_database_size(name) RETURNS bigint LANGUAGE sql AS $_$ SELECT public.note(1)::bigint $_$;
CREATE FUNCTION public.same(oid, oid) RETURNS boolean LANGUAGE sql AS $_$ SELECT public.note(1) > 0 $_$;
CREATE OPERATOR public.= (FUNCTION = public.same, LEFTARG = oid, RIGHTARG = oid);
CREATE FUNCTION public.same(name, text) RETURNS boolean LANGUAGE sql AS $_$ SELECT public.note(1) > 0 $_$;
CREATE OPERATOR public.= (FUNCTION = public.same, LEFTARG = name, RIGHTARG = text);
CREATE FUNCTION public.bt_index_check(regclass) RETURNS void LANGUAGE sql AS $_$ SELECT public.note(1) $_$;
DO $_$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database());
  EXECUTE format('ALTER ROLE restorer IN DATABASE %I SET search_path = public, pg_catalog', current_database());
  EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());
END $_$;
"""


def test_what_hides_in_a_schema_never_runs_with_more_rights(verifying: Bench) -> None:
    """Every place in which a function can hide; the server's log would say it if a superuser ever ran one."""
    facts: list[Manifest] = []
    mark = f"ran as a superuser {uuid.uuid4()}"
    log = verifying.engine.server.folder / "log"

    def look(copy: RestoredCopy) -> None:
        strict = "-c search_path=pg_catalog -c default_transaction_read_only=off"
        with psycopg.connect(copy.server.dsn(copy.name, ADMIN), options=strict) as connection:
            connection.execute("drop extension amcheck")  # which the check made; no source has it
        with copy.connect("-c search_path=") as connection:
            facts.append(read_facts(connection))

    verifying.engine.look = look
    text = EVERYWHERE.format(mark=mark)
    asserted = (Assertion("two rows", "SELECT count(*) = 2 FROM t"),)
    assert verifying.sql(text, assertions=asserted).verdict is Verdict.RESTORABLE
    again = verifying.file(verifying.folder / "dump.sql", facts[0], assertions=asserted)
    assert (again.verdict, again.findings) == (Verdict.PROVEN, ())
    assert {one.name for one in again.phases} >= {"compare", "check", "assert"}
    assert mark not in log.read_text()


def test_the_log_says_it_when_a_superuser_runs_what_hides(verifying: Bench) -> None:
    """The negative control: a superuser that merely counts a view's rows, as nobody here does."""
    mark = f"ran as a superuser {uuid.uuid4()}"

    def look(copy: RestoredCopy) -> None:
        with copy.server.admin(copy.name) as connection:
            connection.execute("set default_transaction_read_only = off")
            connection.execute("select * from public.v")

    verifying.engine.look = look
    assert verifying.sql(EVERYWHERE.format(mark=mark)).verdict is Verdict.RESTORABLE
    assert mark in (verifying.engine.server.folder / "log").read_text()


def test_not_even_a_superuser_runs_a_program(verifying: Bench, canary: Path) -> None:
    """The wall behind the wall: a bug of PostgreSQL's that made the restorer a superuser would run nothing yet."""
    tried: list[str] = []

    def look(copy: RestoredCopy) -> None:
        with copy.server.admin(copy.name) as connection, pytest.raises(psycopg.Error) as caught:
            connection.execute(f"copy (select 1) to program 'touch {canary}'".encode())
        tried.append(str(caught.value))

    verifying.engine.look = look
    assert verifying.sql("").verdict is Verdict.RESTORABLE
    assert "permission denied to COPY" not in tried[0]
    assert not canary.exists()


def test_a_statement_that_never_ends_is_unknown_when_the_time_is_over(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_text(HEAD + "SET statement_timeout = 0;\nSELECT pg_sleep(1e9);\n" + END)
    limits = Limits(seconds=5.0, disk_bytes=256 * MIB, memory_bytes=1024 * MIB)
    verification = verifier_here().verify(path, None, Wanted("shop", NOW, limits=limits))
    assert (verification.verdict, verification.reason) == (Verdict.UNKNOWN, Reason.TOO_LARGE)
    assert "longer than" in verification.detail


def test_a_statement_that_fills_the_disk_is_unknown_and_stopped(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    fill = "INSERT INTO public.kept SELECT g FROM generate_series(1, 1000000000) g;\n"
    path.write_text(HEAD + fill + END)
    limits = Limits(seconds=60.0, disk_bytes=160 * MIB, memory_bytes=1024 * MIB)
    verification = verifier_here().verify(path, None, Wanted("shop", NOW, limits=limits))
    assert (verification.verdict, verification.reason) == (Verdict.UNKNOWN, Reason.TOO_LARGE)
    assert "disk" in verification.detail or "temp_file_limit" in verification.detail  # which of the two comes first

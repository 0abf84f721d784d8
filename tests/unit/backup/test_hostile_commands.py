"""A plain dump is a script for psql: whatever it says, no command of its own runs."""

import gzip
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from opsloop.adapters.postgres_sandbox import runs_as
from opsloop.backup.model import Reason, Verdict
from opsloop.backup.wanted import MIB, Limits
from tests.verifying import END, HEAD, Bench

COMMANDS = {
    "a shell": "\\! touch {canary}",
    "output into a pipe": "\\o |touch {canary}",
    "a query's result into a pipe": "SELECT 1 \\g |touch {canary}",
    "a query's result as statements": "SELECT 'SELECT 1' \\gexec",
    "a copy from a program": "\\copy public.kept from program 'touch {canary}'",
    "a copy into a file": "\\copy public.kept to '{canary}'",
    "backquotes": "\\set x `touch {canary}`",
    "backquotes in a connect": "\\connect `touch {canary}`",
    "a file of the machine": "\\i {canary}",
    "a large object from a file": "\\lo_import /etc/passwd",
    "an editor": "\\e",
    "the environment": "\\setenv PAGER 'touch {canary}'",
    "leaving a mode that it did not enter": "\\unrestrict guess",
    "a command behind a statement": "SELECT 1; \\! touch {canary}",
    "a command within a statement": "SELECT 1\n\\! touch {canary}\n;",
    "a connect within its own restricted mode": "\\restrict abc\n\\connect postgres\n\\unrestrict abc",
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_command_of_psql_is_refused_with_its_line_and_not_run(verifying: Bench, canary: Path, case: str) -> None:
    verification = verifying.sql(COMMANDS[case].format(canary=canary) + "\n")
    assert (verification.verdict, verification.reason) == (Verdict.FAILED, Reason.RESTORE_ERROR)
    line = HEAD.count("\n") + 1
    assert verification.findings[0].where in {f"line {line}", f"line {line + 1}"}
    assert "restore" not in {one.name for one in verification.phases}  # refused before anything was restored
    assert not canary.exists()


def test_what_our_reading_takes_for_a_string_psql_itself_refuses(verifying: Bench, canary: Path) -> None:
    """With another meaning of the backslash psql sees the string end where we do not."""
    text = f"SET standard_conforming_strings = off;\nSELECT '\\'';\n\\! touch {canary}\n-- ';\n"
    verification = verifying.sql(text)
    assert "restore" in {one.name for one in verification.phases}  # it got past our own reading
    assert (verification.verdict, verification.reason) == (Verdict.FAILED, Reason.RESTORE_ERROR)
    assert "restricted" in " ".join(verification.messages)
    assert not canary.exists()


def test_a_canary_is_there_when_a_command_does_run(canary: Path) -> None:
    """The negative control: whoever restores dumps can make the file that the other tests look for."""
    user, _group = runs_as()
    subprocess.run(["/usr/bin/touch", canary], check=True, user=None if user == os.geteuid() else user)
    assert canary.exists()


def test_rows_that_look_like_commands_are_rows(verifying: Bench, canary: Path) -> None:
    rows = f"CREATE TABLE public.t (v text);\nCOPY public.t (v) FROM stdin;\n\\\\! touch {canary}\n\\N\n\\.\n"
    verification = verifying.sql(rows)
    assert verification.verdict is Verdict.RESTORABLE
    assert not canary.exists()


def test_the_dumps_own_restricted_mode_and_connect_are_read_and_not_run(verifying: Bench) -> None:
    text = "\\restrict Abc123\nCREATE TABLE public.a (id integer);\n\\unrestrict Abc123\n"
    assert verifying.sql(text).verdict is Verdict.RESTORABLE
    connected = verifying.sql("\\connect shop\n", source_name="shop")
    assert connected.verdict is Verdict.RESTORABLE
    other = verifying.sql("\\connect till\n", source_name="shop")
    assert (other.verdict, other.reason) == (Verdict.FAILED, Reason.WRONG_DATABASE)


def test_a_bomb_is_put_down_before_it_fills_the_disk(verifying: Bench, tmp_path: Path) -> None:
    path = tmp_path / "bomb.sql.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(HEAD.encode())
        for _ in range(64):
            file.write(b"-" * MIB)
    verification = verifying.file(path, limits=Limits(disk_bytes=8 * MIB))
    assert (verification.verdict, verification.reason) == (Verdict.UNKNOWN, Reason.TOO_LARGE)
    assert path.stat().st_size < MIB


def test_names_in_a_tar_do_not_leave_the_folder(verifying: Bench, tmp_path: Path) -> None:
    path = tmp_path / "dump.tar"
    target = tmp_path / "outside"
    with tarfile.open(path, "w") as archive:
        for name in (f"../../../..{target}", str(target), "toc.dat"):
            member = tarfile.TarInfo(name)
            member.size = 5
            archive.addfile(member, io.BytesIO(b"PGDMP"))
        link = tarfile.TarInfo("1.dat")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    verification = verifying.file(path)
    assert (verification.verdict, verification.reason) == (Verdict.FAILED, Reason.TRUNCATED)
    assert not target.exists()


def test_a_dump_that_ends_within_a_string_is_truncated_not_run(verifying: Bench, tmp_path: Path, canary: Path) -> None:
    path = tmp_path / "cut.sql"
    path.write_text(HEAD + f"SELECT 'a;\n\\! touch {canary}\n")
    verification = verifying.file(path)
    assert (verification.verdict, verification.reason) == (Verdict.FAILED, Reason.TRUNCATED)
    assert not canary.exists()
    path.write_text(HEAD + END)
    assert verifying.file(path).verdict is Verdict.RESTORABLE

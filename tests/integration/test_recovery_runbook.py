"""The runbook "database recovery from backup" is true: each command runs, and prints what the page shows."""

import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from opsloop.adapters.postgres_binaries import tools
from opsloop.adapters.postgres_server import ADMIN
from opsloop_cli.main import app
from tests.integration.runbook_page import DiffersError, Step, matches, run, settings_of, steps_of
from tests.postgres import DEBIAN, debian_server, embedded_server

__all__ = ["debian_server", "embedded_server"]

ROOT = Path(__file__).parents[2]
ADAPTERS = ROOT / "layers" / "core" / "python" / "opsloop" / "adapters"
PAGE = ROOT / "docs" / "runbooks" / "database-recovery.md"
SCHEMA = ROOT / "local" / "database" / "orders.sql"
SIZE = {"customers": 500, "products": 60, "orders": 4000}
LAST = "2026-11-21T08:30:00Z"


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> str:
    """Return how to reach a PostgreSQL as its superuser: Debian's where there is one, else our own."""
    if (DEBIAN / "postgres").exists():
        return str(request.getfixturevalue("debian_server").dsn("postgres", "postgres"))
    return str(request.getfixturevalue("embedded_server").dsn("postgres", ADMIN))


@pytest.fixture(scope="module")
def lost(server: str) -> Iterator[str]:
    """Make the demo's database of orders on the server; return how to reach it. Whatever the page made goes, too."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE ROLE orders")
        connection.execute("CREATE DATABASE orders OWNER orders")
    database = make_conninfo(server, dbname="orders")
    with psycopg.connect(database) as connection:
        for name, value in {**SIZE, "until": LAST}.items():
            connection.execute("SELECT set_config(%s, %s, true)", [f"shop.{name}", str(value)])
        connection.execute("CREATE EXTENSION citext; CREATE EXTENSION pg_trgm; GRANT ALL ON SCHEMA public TO orders")
        connection.execute("SET ROLE orders")
        connection.execute(SCHEMA.read_bytes())
    yield database
    with psycopg.connect(server, autocommit=True) as connection:
        for name in ("orders", "orders_restored", "orders_damaged"):
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} (FORCE)").format(sql.Identifier(name)))
        connection.execute("DROP ROLE orders")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runbook")


@pytest.fixture(scope="module")
def settings(server: str, lost: str, folder: Path) -> dict[str, str]:
    """Do what happened before the page is opened; return the reader's settings.

    An older dump is proven, a newer one is not, and rows are gone.
    """
    programs = (Path(sys.executable).parent, tools().psql.parent, os.environ["PATH"])
    known = {
        "PATH": os.pathsep.join(map(str, programs)),
        "DATABASE": "orders",
        "BACKUPS": str(folder / "backups"),
        "SERVER": make_conninfo(**{name: value for name, value in _parts(server).items() if name != "dbname"}),
        "MOMENT": "now",
    }
    take = 'opsloop backup take "$SERVER dbname=$DATABASE" --out "$BACKUPS"\n'
    run(Step(0, take + 'opsloop backup verify "$BACKUPS"/*.dump\n', None), known, {}, folder)
    with psycopg.connect(lost) as connection:
        connection.execute(
            "INSERT INTO orders (reference, customer_id, payment, goods_cents, shipping_cents)"
            " VALUES ('last', 1, 'p', 1, 1)"
        )
    run(Step(0, take, None), known, {}, folder)
    with psycopg.connect(lost) as connection:
        moment = connection.execute("SELECT clock_timestamp()").fetchone()
        assert moment is not None
    with psycopg.connect(lost) as connection:
        connection.execute("INSERT INTO customers (email, name, country) VALUES ('late@example.com', 'Late', 'DE')")
        connection.execute("DELETE FROM orders WHERE id % 2 = 0")
    return known | {"LAST": moment[0].astimezone(UTC).isoformat()}


def _parts(dsn: str) -> dict[str, str]:
    return {name: str(value) for name, value in psycopg.conninfo.conninfo_to_dict(dsn).items()}


@pytest.fixture(scope="module")
def examples(settings: dict[str, str]) -> dict[str, str]:
    """Return what stands on the page for this test's own names."""
    return {"db2.example:5432/": r"\S+/", "backups/": re.escape(settings["BACKUPS"] + "/")}


def rows(dsn: str, statement: str) -> int:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(statement.encode()).fetchone()
    assert found is not None
    return int(found[0])


def test_every_command_of_the_page_runs_and_prints_what_it_shows(
    lost: str, settings: dict[str, str], examples: dict[str, str], folder: Path
):
    steps = list(steps_of(PAGE.read_text(encoding="utf-8")))
    for step in steps:
        run(step, settings, examples, folder)
    assert [step.line for step in steps if step.printed is None] == []
    assert rows(lost, "SELECT count(*) FROM orders") == SIZE["orders"] + 1
    assert rows(lost, "SELECT count(*) FROM customers WHERE email = 'late@example.com'") == 1
    damaged = make_conninfo(lost, dbname="orders_damaged")
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(damaged)


def test_the_page_tells_to_set_what_its_commands_use():
    page = PAGE.read_text(encoding="utf-8")
    used = {name for step in steps_of(page) for name in re.findall(r"\$\{?([A-Z]+)", step.commands)}
    assert used == set(settings_of(page)) == {"DATABASE", "BACKUPS", "SERVER", "MOMENT", "LAST"}


@pytest.mark.parametrize(
    ("commands", "printed"),
    [
        ("opsloop backup lst backups\n", None),
        ("false | true\n", None),
        ('echo "$UNSET"\n', None),
        ("echo proven\n", "failed\n"),
        ("echo proven; echo restored >&2\n", "proven\n"),
    ],
)
def test_a_page_with_a_broken_command_or_another_output_fails(tmp_path: Path, commands: str, printed: str | None):
    page = f"# A page\n\n```sh\n{commands}```\n"
    if printed is not None:
        page += f"\n```text\n{printed}```\n"
    (step,) = steps_of(page)
    known = {"PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))}
    with pytest.raises(DiffersError, match="line 4:"):
        run(step, known, {}, tmp_path)


@pytest.mark.parametrize(
    ("expected", "printed", "is_equal"),
    [
        ("12 tables, 11,900 rows", "3 tables, 5 rows", True),
        ("12 tables, 11,900 rows", "3 tables, no rows", False),
        ("took  1.7 s", "took 2 min 5 s", True),
        ("took 2 min 5 s", "took 900 bytes", False),
        ("of 2026-11-21T09:30:00Z", "of 2026-11-22T00:00:01Z", True),
        ("of 2026-11-21T09:30:00Z", "of yesterday", False),
        ("in db2.example:5432/orders", "in /tmp/x:5433/orders", True),
        ("in db2.example:5432/orders", "in /tmp/x:5433/payments", False),
        ("proven\n...\nend", "proven\none\ntwo\nend", True),
        ("proven\n...\nend", "proven\nend", True),
        ("proven\n...\nend", "proven\nend of it", False),
        ("proven ... end", "proven\nend", False),
        ("proven", "proven\nand more", False),
    ],
)
def test_figures_of_the_page_stand_for_figures_and_words_for_themselves(expected: str, printed: str, is_equal: bool):
    assert matches(expected, printed, {"db2.example:5432/": r"\S+/"}) is is_equal


ENGINES_OWN = {"No space left on device", "could not extend file"}  # PostgreSQL's words


def test_every_message_of_the_page_is_one_that_the_command_says():
    table = PAGE.read_text(encoding="utf-8").partition("## When it goes wrong")[2]
    told = [
        cell
        for line in table.splitlines()
        if line.startswith("| `")
        for cell in re.findall(r"`([^`]+)`", line.split("|")[1])
    ]
    folders = (ROOT / "cli", ROOT / "layers" / "core" / "python" / "opsloop" / "backup", ADAPTERS)
    sources = "".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))
    pieces = {piece.strip() for text in told for piece in text.split("...")} - ENGINES_OWN - {""}
    assert len(pieces) > 10
    assert {piece for piece in pieces if piece not in sources} == set()


def test_every_option_of_the_page_is_one_of_the_command(monkeypatch: pytest.MonkeyPatch):
    from typer.testing import CliRunner

    monkeypatch.setenv("COLUMNS", "200")
    known = "".join(CliRunner().invoke(app, ["backup", one, "--help"]).stdout for one in ("restore", "list", "hold"))
    prose = re.sub(r"^```.*?^```$", "", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S)
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", prose))
    assert {option for option in options if option not in known} == set()

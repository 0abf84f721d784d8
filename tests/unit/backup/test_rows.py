"""The rows that stand for a large table are the same, whether they are chosen while it is counted or afterwards."""

from collections.abc import Iterator
from math import exp, lgamma, log, log1p

import psycopg
import pytest

from opsloop.adapters.postgres_rows import Connection, Table, count_rows, sample_rows
from opsloop.adapters.postgres_server import Server
from opsloop.backup.manifest import LEAST_SAMPLE_ROWS, SAMPLE_ROWS, share_to_list

ROWS, WANTED = 3_000, 100
CREATE = f"""
CREATE TABLE numbered (id bigint PRIMARY KEY, v text);
INSERT INTO numbered SELECT i, 'v' || i FROM generate_series(1, {ROWS}) i;
CREATE TABLE named (name text PRIMARY KEY, v integer);
INSERT INTO named SELECT 'n' || i, i FROM generate_series(1, {ROWS}) i;
"""  # noqa: S608 -- a number of ours
HASHES = {"numbered": "hashint8extended(id, 0)", "named": """hashtextextended(name COLLATE "C", 0)"""}


@pytest.fixture(params=sorted(HASHES))
def table(
    embedded_server: Server, fresh_database: str, request: pytest.FixtureRequest
) -> Iterator[tuple[Connection, Table]]:
    """Yield a session, and a table with many rows."""
    with psycopg.connect(embedded_server.dsn(fresh_database), autocommit=True) as connection:
        connection.execute(CREATE.encode())
        oid = connection.execute("SELECT %s::regclass::oid", (request.param,)).fetchone()
        assert oid is not None
        key, of_type = (("id",), (20,)) if request.param == "numbered" else (("name",), (25,))
        parts = ("public", request.param)
        yield connection, Table(oid[0], parts, "table", True, (key[0], "v"), key, of_type, 1 << 20, None, False)


def _sample(connection: Connection, table: Table, places: dict[int, str]) -> tuple[int, str]:
    return sample_rows(connection, [(table, WANTED)], is_converted=False, places=places)[table.oid]


def test_counting_gives_the_places_of_the_least_hashes_and_of_no_others(table: tuple[Connection, Table]) -> None:
    connection, one = table
    rows, places = count_rows(connection, [one], {one.oid: 0.1})
    assert rows == {one.oid: ROWS}
    statement = f"SELECT ctid::text FROM {one.parts[1]} WHERE {HASHES[one.parts[1]]}::numeric / 2::numeric ^ 64 < -0.4"  # noqa: S608
    least = {row[0] for row in connection.execute(statement.encode())}
    assert set(places[one.oid].strip('{}"').split('","')) == least
    assert WANTED < len(least) < ROWS / 5


@pytest.mark.parametrize("share", [0.1, 0.01])
def test_the_sample_is_the_same_from_enough_places_from_too_few_and_from_none(
    table: tuple[Connection, Table], share: float
) -> None:
    connection, one = table
    _, places = count_rows(connection, [one], {one.oid: share})
    whole = _sample(connection, one, {})
    assert whole[0] == WANTED
    assert _sample(connection, one, places) == whole
    connection.execute(f"UPDATE {one.parts[1]} SET v = NULL".encode())  # noqa: S608
    _, places = count_rows(connection, [one], {one.oid: share})
    assert _sample(connection, one, places) != whole


def test_where_there_are_places_no_other_row_is_looked_at(table: tuple[Connection, Table]) -> None:
    connection, one = table
    _, places = count_rows(connection, [one], {one.oid: 0.1})
    among = places[one.oid].split('","')[:WANTED]
    few = {one.oid: '","'.join(among).rstrip('"}') + '"}'}
    assert _sample(connection, one, few)[0] == WANTED
    assert _sample(connection, one, few) != _sample(connection, one, places)


def _chances(rows: int, found: int, share: float) -> float:
    """Return the logarithm of the binomial probability that ``found`` of ``rows`` lie in ``share``."""
    ways = lgamma(rows + 1) - lgamma(found + 1) - lgamma(rows - found + 1)
    return ways + found * log(share) + (rows - found) * log1p(-share)


@pytest.mark.parametrize("rows", [9_000, 790_000, 10**9])
@pytest.mark.parametrize("sample", [LEAST_SAMPLE_ROWS, 137, SAMPLE_ROWS])
def test_a_share_has_the_sample_in_it_but_once_in_a_billion(sample: int, rows: int) -> None:
    if share := share_to_list(sample, rows):
        fewer = sum(exp(_chances(rows, found, share)) for found in range(sample))
        assert fewer < 1e-9
        assert share <= 0.125


@pytest.mark.parametrize(("sample", "rows"), [(0, 100), (100, 100), (1000, 10_000), (10, None), (0, 0)])
def test_of_a_small_table_nothing_is_listed(sample: int, rows: int | None) -> None:
    assert share_to_list(sample, rows) == 0.0

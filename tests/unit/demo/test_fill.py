"""The shop's databases hold what they should, refuse what is wrong, and can be dumped by the role of backups."""

import os
import subprocess
from pathlib import Path

import psycopg
import pytest
import yaml

from local.database.fill import fill
from local.database.server import BACKUP, program
from tests.unit.demo.shop_database import SIZE, UNTIL, ShopDatabase

CATALOG = Path(__file__).parents[3] / "layers" / "catalog" / "databases.yaml"
pytestmark = pytest.mark.xdist_group("shop_database")


def test_every_table_has_as_many_rows_as_follow_from_its_size(shop_database: ShopDatabase) -> None:
    lines = sum(1 + number % 4 for number in range(1, SIZE.orders + 1))
    refunds = sum(number % 50 == 49 for number in range(1, SIZE.orders + 1))
    expected = {  # other tests place orders: those of the beginning have the lowest numbers
        "SELECT count(*) FROM customers": SIZE.customers,
        "SELECT count(*) FROM products": SIZE.products,
        "SELECT count(*) FROM orders WHERE id <= 200 AND reference = 'seed-' || id": SIZE.orders,
        "SELECT count(*) FROM order_lines WHERE order_id <= 200": lines,
    }
    assert {query: shop_database.one("orders", query) for query in expected} == expected
    expected = {
        "SELECT count(*) FROM payments WHERE id <= 200 AND reference = 'seed-' || id": SIZE.orders,
        "SELECT count(*) FROM refunds WHERE payment_id <= 200": refunds,
        "SELECT count(*) FROM receipts WHERE payment_id <= 200": SIZE.receipts,
    }
    assert {query: shop_database.one("payments", query) for query in expected} == expected


def test_the_whole_size_is_several_hundred_thousand_rows() -> None:
    whole = type(SIZE)()
    rows = whole.customers + whole.products + 2 * whole.orders + 2.5 * whole.orders + whole.orders / 50 + whole.receipts
    assert 400_000 < rows < 500_000


def test_what_was_computed_by_the_database_is_what_python_computes(shop_database: ShopDatabase) -> None:
    prices = {number: 499 + number * 7919 % 19500 for number in range(1, SIZE.products + 1)}
    goods = 0
    for number in range(1, SIZE.orders + 1):
        for line in range(1, 2 + number % 4):
            goods += prices[1 + (number * 31 + line * 17) % SIZE.products] * (1 + (number + line) % 3)
    query = "SELECT sum(goods_cents), sum(total_cents - shipping_cents) FROM orders WHERE reference LIKE 'seed-%'"
    assert shop_database.ask("orders", query) == [(goods, goods)]
    fees = sum((499 + number * 7919 % 60000) * 14 // 1000 + 25 for number in range(1, SIZE.orders + 1))
    told = "SELECT sum(fee_cents) FROM payments WHERE reference LIKE 'seed-%'"
    assert shop_database.one("payments", told) == fees


def test_it_has_what_makes_backups_hard(shop_database: ShopDatabase) -> None:
    kinds = dict(shop_database.ask("orders", "SELECT relkind::text, count(*) FROM pg_class "
                 "WHERE relnamespace = 'public'::regnamespace GROUP BY 1"))  # fmt: skip
    assert kinds["p"] == kinds["m"] == kinds["v"] == 1  # partitioned, materialized, view
    assert kinds["S"] == 3  # two identities and the numbers of orders
    assert shop_database.one("orders", "SELECT count(*) FROM pg_inherits WHERE inhparent = 'orders'::regclass") >= 8
    for name in ("orders", "payments"):
        extensions = {one for (one,) in shop_database.ask(name, "SELECT extname FROM pg_extension")}
        assert extensions == {"plpgsql", "citext", "pg_trgm"}
        assert shop_database.one(name, "SELECT count(*) FROM pg_enum") > 3
        assert shop_database.one(name, "SELECT count(*) FROM pg_constraint WHERE NOT convalidated") == 0
        assert shop_database.one(name, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0
    assert shop_database.one("payments", "SELECT count(*) FROM pg_largeobject_metadata") >= SIZE.receipts


@pytest.mark.parametrize(
    ("name", "statement", "refusal"),
    [
        ("orders", "UPDATE orders SET customer_id = 999999 WHERE id = 1", psycopg.errors.ForeignKeyViolation),
        ("orders", "UPDATE products SET stock = -1 WHERE id = 1", psycopg.errors.CheckViolation),
        ("orders", "INSERT INTO customers (email, name, country) SELECT upper(email), name, '' FROM customers LIMIT 1",
         psycopg.errors.UniqueViolation),
        ("orders", "DELETE FROM products WHERE id = 2", psycopg.errors.ForeignKeyViolation),
        ("payments", "UPDATE payments SET amount_cents = -1 WHERE id = 1", psycopg.errors.CheckViolation),
        ("payments", "UPDATE payments SET state = 'lost' WHERE id = 1", psycopg.errors.InvalidTextRepresentation),
    ],
    ids=["no such customer", "less than no stock", "the same address", "a product in use", "negative", "no such state"],
)  # fmt: skip
def test_the_databases_refuse_what_is_wrong(
    shop_database: ShopDatabase, name: str, statement: str, refusal: type[psycopg.Error]
) -> None:
    with pytest.raises(refusal):
        shop_database.ask(name, statement)


def test_what_the_catalog_asserts_is_true_for_the_role_of_backups(shop_database: ShopDatabase) -> None:
    for one in yaml.safe_load(CATALOG.read_text())["databases"]:
        for assertion in one["assertions"]:
            assert shop_database.ask(one["name"], assertion["sql"], role=BACKUP) == [(True,)], assertion["name"]


def test_what_the_catalog_asserts_is_false_when_a_line_is_missing(shop_database: ShopDatabase) -> None:
    asserted = {one["name"]: one["sql"] for one in yaml.safe_load(CATALOG.read_text())["databases"][0]["assertions"]}
    statement = asserted["the lines of every order are worth what the order says"]
    with psycopg.connect(shop_database.facts.dsn("postgres", "orders")) as connection:
        connection.execute("DELETE FROM order_lines WHERE order_id = 3 AND line = 1")
        assert connection.execute(statement.encode()).fetchone() == (False,)
        connection.rollback()


def test_a_service_cannot_read_the_other_ones_database(shop_database: ShopDatabase) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(shop_database.facts.dsn("orders", "payments"))


def test_a_filled_database_is_not_filled_again(shop_database: ShopDatabase) -> None:
    assert fill(shop_database.facts, until=UNTIL, size=SIZE) == []


@pytest.mark.parametrize("name", ["orders", "payments"])
def test_the_role_of_backups_can_dump_all_of_it(shop_database: ShopDatabase, name: str, tmp_path: Path) -> None:
    secret = shop_database.facts.secret(name)
    place = ["-h", secret["host"], "-p", str(secret["port"]), "-U", secret["username"], secret["dbname"]]
    environment = {**os.environ, "PGPASSWORD": secret["password"]}
    with (tmp_path / "dump").open("wb") as dump:
        done = subprocess.run(
            [program("pg_dump"), "-Fc", *place], stdout=dump, stderr=subprocess.PIPE, env=environment, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")
    listed = subprocess.run(
        [program("pg_restore"), "--list", tmp_path / "dump"], capture_output=True, text=True, check=True
    ).stdout
    assert "EXTENSION - citext" in listed
    assert ("BLOBS" in listed) == (name == "payments")

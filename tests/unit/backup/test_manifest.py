"""Definitions come to one form whatever version rendered them; which rows are hashed is bounded and always the same."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.definition import canonical, canonical_view, full_name, quoted
from opsloop.backup.manifest import (
    LEAST_SAMPLE_ROWS,
    MAX_OBJECTS,
    MIB,
    SAMPLE_BYTES,
    SAMPLE_ROWS,
    Definition,
    rows_with_partitions,
    sample_size,
    schema_of,
)
from opsloop.backup.patterns import schema_expression

# As servers of both versions rendered the same view: 15 as it was created, 18 as it was restored from 15's dump.
OF_15 = """ SELECT "p"."id",
    "upper"(("p"."name")::"text") AS "Name",
    EXTRACT(year FROM "p"."born") AS "year"
   FROM "public"."people" "p"
  WHERE ((("p"."status")::"text" = ANY ((ARRAY['new'::character varying, 'old'::character varying])::"text"[])));"""
OF_18 = """ SELECT "id",
    "upper"(("name")::"text") AS "Name",
    EXTRACT("year" FROM "born") AS "year"
   FROM "public"."people" "p"
  WHERE ((("status")::"text" = ANY (ARRAY[('new'::character varying)::"text", ('old'::character varying)::"text"])));"""


def test_a_view_of_15_and_the_same_restored_in_18_have_one_form() -> None:
    assert canonical_view(OF_15) == canonical_view(OF_18)
    assert canonical_view(OF_18) == (
        'SELECT id, upper((name)::text) AS "Name", EXTRACT(year FROM born) AS year FROM public.people p '
        "WHERE (((status)::text = ANY (ARRAY[('new'::character varying)::text, ('old'::character varying)::text])));"
    )


@pytest.mark.parametrize(
    "change",
    [
        ("'old'", "'gone'"),
        ('"id"', '"idx"'),
        ("= ANY", "<> ALL"),
        ('"people"', '"persons"'),
        ('"public"', '"private"'),
        ("character varying])", "text])"),
        ("EXTRACT(year", "EXTRACT(month"),
    ],
)
def test_a_view_that_was_changed_has_another_form(change: tuple[str, str]) -> None:
    assert canonical_view(OF_15.replace(*change)) != canonical_view(OF_15)


def test_only_the_first_tables_name_goes_from_a_view() -> None:
    text = 'SELECT "a"."x", "b"."x" FROM ("s"."t" "a" JOIN "s"."u" "b" ON (("a"."id" = "b"."id")))'
    other = 'SELECT "a"."x", "a"."x" FROM ("s"."t" "a" JOIN "s"."u" "b" ON (("a"."id" = "b"."id")))'
    assert canonical_view(text) != canonical_view(other)
    assert canonical_view('SELECT "t"."a" FROM "s"."t"') == canonical_view('SELECT "a" FROM "s"."t"')
    inner = 'SELECT "q"."id" FROM "t" "q" WHERE (EXISTS ( SELECT 1 FROM "u" WHERE ("u"."id" = "q"."id")))'
    assert canonical_view(inner) == canonical_view(inner.replace('SELECT "q"."id"', 'SELECT "id"'))
    assert canonical_view(inner) != canonical_view(inner.replace('"u"."id"', '"u"."no"'))


@pytest.mark.parametrize(
    ("source", "alias"),
    [
        ('"generate_series"(1, 3) "g"("n")', "g"),
        ('( VALUES (1,\'a\'::"text")) "g"("n", "m")', "g"),
        ('( SELECT 1 AS "n" FROM "x") "g"', "g"),
        ('ONLY "s"."g"', "g"),
        ('ROWS FROM("f"(1), "unnest"(ARRAY[1])) WITH ORDINALITY "g"("n", "m") WHERE ("x"."y" > 1)', "g"),
        ('XMLTABLE((\'/a\'::"text") PASSING ("x") COLUMNS "n" integer) "g"', "g"),
        ('LATERAL "s"."f"(1) "g" ORDER BY "g"."n"', "g"),
    ],
)
def test_the_name_of_the_first_source_is_found_whatever_it_is(source: str, alias: str) -> None:
    with_it, without = (" FROM ".join([f"SELECT {column}", source]) for column in (f'"{alias}"."n"', '"n"'))
    assert canonical_view(with_it) == canonical_view(without)


def test_casts_wander_into_lists_wherever_they_are() -> None:
    assert canonical("CHECK ((ARRAY['a'::x, f(1, 2), '],('::x])::numeric(5,2)[] @> b)") == (
        "CHECK (ARRAY[('a'::x)::numeric(5,2), (f(1, 2))::numeric(5,2), ('],('::x)::numeric(5,2)] @> b)"
    )
    assert canonical("(ARRAY[1, 2])") == "(ARRAY[1, 2])"
    assert canonical("(ARRAY[1, 2])::int4") == "(ARRAY[1, 2])::int4"


def test_literals_stay_as_they_are() -> None:
    text = """'a  "b"  c' || E'it\\'s  "x"' || 'back\\' || '''  '''"""
    assert canonical(text) == text


def test_names_are_quoted_where_they_mean_something_else_without() -> None:
    assert [quoted(one) for one in ("orders", "Orders", "order", "a.b", 'a"b', "1a", "é", "")] == [
        "orders",
        '"Orders"',
        '"order"',
        '"a.b"',
        '"a""b"',
        '"1a"',
        '"é"',
        '""',
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet='ab."A \n', min_size=1, max_size=6), min_size=1, max_size=3))
def test_full_names_can_be_taken_apart_again(parts: list[str]) -> None:
    found = re.findall(r'"((?:[^"]|"")*)"|([^."]+)', full_name(parts))
    assert [one.replace('""', '"') if one else other for one, other in found] == parts


def test_a_kinds_hash_depends_on_every_name_and_definition_and_not_on_their_order() -> None:
    one, two = Definition(("s", "a"), "", "integer"), Definition(("s", "b"), "", "text")
    total, named = schema_of("columns", [one, two])
    assert total.startswith("2:")
    assert named == {"s.a": "integer", "s.b": "text"}
    assert schema_of("columns", [two, one])[0] == total
    assert schema_of("columns", [one])[0] != total
    assert schema_of("columns", [one, Definition(("s", "c"), "", "text")])[0] != total
    assert schema_of("columns", [one, Definition(("s", "b"), "", "text ")])[0] == total  # a blank at the end
    assert schema_of("columns", [one, Definition(("s", "b"), "", "'text '")])[0] != total
    assert schema_of("functions", [Definition(("f",), "()", "", "BEGIN")]) != schema_of(
        "functions", [Definition(("f",), "()", "", "begin")]
    )


def test_long_definitions_and_too_many_objects_are_not_kept_word_for_word() -> None:
    _, named = schema_of("views", [Definition(("s", "v"), "", "SELECT " + "1, " * 99)])
    assert named is not None
    assert re.fullmatch("md5 [0-9a-f]{16}", named["s.v"])
    total, named = schema_of("columns", (Definition((str(one),), "", "x") for one in range(MAX_OBJECTS + 1)))
    assert (total.partition(":")[0], named) == (str(MAX_OBJECTS + 1), None)


@pytest.mark.parametrize(
    ("rows", "size", "has_key", "expected"),
    [
        (0, 0, True, 0),
        (5_000, MIB, False, 5_000),  # small: whole, whether there is a key or not
        (1_000_000, 100 * MIB, True, SAMPLE_ROWS),
        (1_000_000, 100 * MIB, False, 0),  # nothing to choose rows by, and too large to hash whole
        (40_000, 4 * MIB, False, 40_000),
        (2_000, 2_000 * MIB, True, 16),  # 1 MiB each: 16 MiB of them
        (100, 10_000 * MIB, True, LEAST_SAMPLE_ROWS),
        (3, 900 * MIB, False, 3),
    ],
)
def test_how_many_rows_are_hashed(rows: int, size: int, has_key: bool, expected: int) -> None:
    assert sample_size(rows, size, has_key=has_key) == expected


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**12), st.booleans())
def test_the_work_for_one_table_is_bounded(rows: int, size: int, has_key: bool) -> None:
    chosen = sample_size(rows, size, has_key=has_key)
    assert 0 <= chosen <= rows
    assert chosen <= LEAST_SAMPLE_ROWS or chosen * size <= SAMPLE_BYTES * rows


def test_a_partitioned_table_has_the_rows_of_all_its_partitions() -> None:
    parents = {2: 1, 3: 1, 4: 3, 5: 3}
    assert rows_with_partitions({2: 10, 4: 5, 5: 7, 9: 100}, parents, 1) == 22
    assert rows_with_partitions({2: 10, 3: 50}, parents, 1) == 60  # counted as a whole
    assert rows_with_partitions({}, {}, 1) == 0


@pytest.mark.parametrize(
    ("patterns", "matching", "other"),
    [
        (["public"], ["public"], ["publi", "public2", "Public"]),
        (["Public"], ["public"], ["Public"]),
        (['"Public"'], ["Public"], ["public"]),
        (["app_*", "x?"], ["app_1", "app_", "xy"], ["app", "x"]),
        (['"a*b""c"'], ['a*b"c'], ["aXb"]),
        (["a$b"], ["a$b"], ["a"]),
        (["t[0-9]"], ["t5"], ["tx"]),
        (['"dot.ted"'], ["dot.ted"], ["dotxted"]),
    ],
)
def test_patterns_of_schemas_are_those_of_pg_dump(patterns: list[str], matching: list[str], other: list[str]) -> None:
    expression = re.compile(schema_expression(patterns))
    assert [one for one in matching + other if expression.search(one)] == matching

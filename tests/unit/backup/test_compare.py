"""A copy is equal to its manifest or it is not: every single difference is found, and named."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.compare import MAX_FINDINGS, compare
from opsloop.backup.model import Manifest, Reason, TableFacts
from opsloop.dataclass import replace
from tests.unit.backup.worlds import MANIFEST

R = Reason
ORDERS = TableFacts("table", 7, 7, "aa")


def changed(**fields: Any) -> Manifest:
    return replace(MANIFEST, **fields)


def told(restored: Manifest, manifest: Manifest = MANIFEST, **more: Any) -> list[tuple[Reason, str, str, str]]:
    findings, _ = compare(manifest, restored, **more)
    return [(one.reason, one.where, one.expected, one.found) for one in findings]


def tables(**by_name: TableFacts | None) -> dict[str, TableFacts]:
    every = {**MANIFEST.tables, **{f"public.{name}": facts for name, facts in by_name.items()}}
    return {name: facts for name, facts in every.items() if facts is not None}


def test_nothing_is_found_where_nothing_differs_and_what_was_equal_is_counted() -> None:
    findings, counts = compare(MANIFEST, MANIFEST)
    assert findings == ()
    assert counts == {
        "tables": 3,
        "rows": 5007,
        "samples": 1007,
        "sequences": 2,
        "constraints": 2,
        "indexes": 1,
        "objects": 10,
        "large_objects": 2,
    }


def test_what_a_restore_changes_anyway_is_not_a_difference() -> None:
    restored = changed(
        database="check_1",
        server_version="18.4",
        server_version_num=180004,
        collation="C",
        size_bytes=1,
        wal_lsn="9/9",
        timeline=3,
        roles=(),
        extensions={"plpgsql": "1.0", "hstore": "1.9", "another": "1"},
        invalid=(),
        schema_hashes={**MANIFEST.schema_hashes, "not_null_constraints": "5:x"},
    )
    assert told(restored) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tables": tables(orders=None)}, (R.MISSING_TABLE, "public.orders", "table of 7 rows", "missing")),
        ({"tables": tables(view=None)}, (R.MISSING_TABLE, "public.view", "materialized_view", "missing")),
        ({"tables": tables(new=ORDERS)}, (R.SCHEMA_MISMATCH, "public.new", "nothing", "table of 7 rows")),
        (
            {"tables": tables(orders=TableFacts("table", 6, 6, "aa"))},
            (R.ROW_COUNT_MISMATCH, "public.orders", "7 rows", "6 rows"),
        ),
        (
            {"tables": tables(orders=TableFacts("table", None))},
            (R.ROW_COUNT_MISMATCH, "public.orders", "7 rows", "not counted"),
        ),
        (
            {"tables": tables(orders=TableFacts("table", 7, 7, "ab"))},
            (R.ROW_SAMPLE_MISMATCH, "public.orders", "7 rows hash to aa", "7 rows hash to ab"),
        ),
        (
            {"tables": tables(orders=TableFacts("table", 7))},
            (R.ROW_SAMPLE_MISMATCH, "public.orders", "7 rows hash to aa", "no rows hashed"),
        ),
        (
            {"tables": tables(orders=TableFacts("partitioned", 7, 7, "aa"))},
            (R.SCHEMA_MISMATCH, "public.orders", "table", "partitioned"),
        ),
        (
            {"sequences": {"public.orders_id_seq": (7, True)}},
            (R.SEQUENCE_MISMATCH, "public.new_seq", "1 (not used yet)", "missing"),
        ),
        (
            {"sequences": {**MANIFEST.sequences, "public.orders_id_seq": (6, True)}},
            (R.SEQUENCE_MISMATCH, "public.orders_id_seq", "7", "6"),
        ),
        (
            {"sequences": {**MANIFEST.sequences, "public.orders_id_seq": (7, False)}},
            (R.SEQUENCE_MISMATCH, "public.orders_id_seq", "7", "7 (not used yet)"),
        ),
        (
            {"sequences": {**MANIFEST.sequences, "public.more": (1, True)}},
            (R.SEQUENCE_MISMATCH, "public.more", "nothing", "1"),
        ),
        ({"extensions": {"plpgsql": "1.0"}}, (R.MISSING_EXTENSION, "hstore", "1.8", "missing")),
        ({"encoding": "LATIN1"}, (R.SCHEMA_MISMATCH, "encoding", "UTF8", "LATIN1")),
        (
            {"invalid": (*MANIFEST.invalid, "public.big.big_v_idx")},
            (R.SCHEMA_MISMATCH, "public.big.big_v_idx", "valid", "not valid"),
        ),
        (
            {"large_objects": {"count": 1, "bytes": 10, "hash": "cc"}},
            (R.ROW_COUNT_MISMATCH, "large objects", "count 2", "1"),
        ),
        (
            {"large_objects": {"count": 2, "bytes": 9, "hash": "cc"}},
            (R.ROW_SAMPLE_MISMATCH, "large objects", "bytes 10", "9"),
        ),
        ({"large_objects": {}}, (R.ROW_COUNT_MISMATCH, "large objects", "count 2", "missing")),
    ],
    ids=lambda one: "-".join(one) if isinstance(one, Mapping) else one[0].value,
)
def test_each_difference_is_found_alone_and_says_what_and_where(
    fields: dict[str, Any], expected: tuple[Reason, str, str, str]
) -> None:
    assert told(changed(**fields)) == [expected]


def with_objects(kind: str, objects: dict[str, str], total: str = "9:z") -> Manifest:
    return changed(schema_hashes={**MANIFEST.schema_hashes, kind: total}, objects={**MANIFEST.objects, kind: objects})


def test_a_changed_object_is_named_with_both_definitions() -> None:
    restored = with_objects("columns", {**MANIFEST.objects["columns"], "public.big.v": "integer"})
    assert told(restored) == [(R.SCHEMA_MISMATCH, "columns: public.big.v", "text", "integer")]


def test_a_kind_whose_objects_are_not_named_differs_as_a_whole() -> None:
    few = {kind: one for kind, one in MANIFEST.objects.items() if kind != "columns"}
    restored = changed(schema_hashes={**MANIFEST.schema_hashes, "columns": "3:x"}, objects=few)
    assert told(restored) == [(R.SCHEMA_MISMATCH, "columns", "3:b", "3:x")]
    gone = changed(schema_hashes={kind: one for kind, one in MANIFEST.schema_hashes.items() if kind != "columns"})
    assert (R.SCHEMA_MISMATCH, "columns", "3:b", "missing") in told(gone)


def test_equal_names_under_unequal_hashes_still_differ() -> None:
    assert told(with_objects("columns", dict(MANIFEST.objects["columns"]))) == [
        (R.SCHEMA_MISMATCH, "columns", "3:b", "9:z")
    ]


def test_a_missing_table_explains_its_columns_and_keys_but_not_those_of_another() -> None:
    restored = with_objects("columns", {"public.big.id": "integer", "public.big.v": "text"})
    restored = replace(
        restored,
        tables=tables(orders=None),
        schema_hashes={**restored.schema_hashes, "constraints": "1:y"},
        objects={**restored.objects, "constraints": {"public.big.big_pkey": "PRIMARY KEY (id)"}},
    )
    assert told(restored) == [
        (R.MISSING_TABLE, "public.orders", "table of 7 rows", "missing"),
        (R.SCHEMA_MISMATCH, "columns: public.big.id", "bigint", "integer"),
    ]


def test_kinds_that_the_restore_left_out_on_purpose_are_not_compared() -> None:
    restored = with_objects("grants", {}, "0:q")
    assert told(restored) == [(R.SCHEMA_MISMATCH, "grants: public.orders", "reader=SELECT", "missing")]
    assert told(restored, ignore=("grants",)) == []


@pytest.mark.parametrize(("found", "is_equal"), [(100, True), (103, True), (110, True), (99, False), (111, False)])
def test_a_sequence_that_moved_while_the_dump_ran_stands_in_between(found: int, is_equal: bool) -> None:
    manifest = changed(sequences={"s": (100, True)}, sequences_after={"s": (110, True)})
    findings = told(changed(sequences={"s": (found, True)}), manifest)
    assert findings == ([] if is_equal else [(R.SEQUENCE_MISMATCH, "s", "100 to 110", str(found))])


@pytest.mark.parametrize(
    ("source", "copy", "is_fine"),
    [
        ("LATIN1", "LATIN1", True),
        ("LATIN1", "UTF8", True),
        ("SQL_ASCII", "SQL_ASCII", True),
        ("SQL_ASCII", "UTF8", False),
        ("UTF8", "SQL_ASCII", False),
        ("LATIN1", "LATIN9", False),
    ],
)
def test_a_copy_has_the_encoding_of_its_source_or_one_that_holds_all_of_it(
    source: str, copy: str, is_fine: bool
) -> None:
    assert (told(changed(encoding=copy), changed(encoding=source)) == []) is is_fine


def test_so_many_differences_are_not_all_told_but_counted() -> None:
    many = {f"public.t{number}": ORDERS for number in range(1000)}
    findings, _ = compare(changed(tables=many), changed(tables={}))
    assert len(findings) == MAX_FINDINGS
    assert findings[-1].where == "801 more"


NAMES = st.sampled_from(["public.a", "public.b", 'public."C d"', "s.e"])
FACTS = st.builds(
    TableFacts,
    kind=st.just("table"),
    rows=st.integers(0, 9),
    sample_rows=st.integers(1, 9),
    sample=st.sampled_from(["x", "y"]),
)
WORLDS = st.builds(
    changed,
    tables=st.dictionaries(NAMES, FACTS, min_size=1),
    sequences=st.dictionaries(NAMES, st.tuples(st.integers(1, 5), st.booleans()), min_size=1),
    schema_hashes=st.dictionaries(st.sampled_from(["tables", "views"]), st.sampled_from(["1:a", "2:b"]), min_size=1),
    objects=st.just({}),
    large_objects=st.fixed_dictionaries({"count": st.integers(0, 3), "bytes": st.integers(0, 3), "hash": NAMES}),
)


@settings(max_examples=150, deadline=None)
@given(WORLDS, WORLDS)
def test_two_worlds_are_equal_exactly_when_nothing_is_found(one: Manifest, other: Manifest) -> None:
    def compared(world: Manifest) -> object:
        return world.tables, world.sequences, world.large_objects

    kinds_are_equal = all(other.schema_hashes.get(kind) == total for kind, total in one.schema_hashes.items())
    assert (told(other, one) == []) == (compared(one) == compared(other) and kinds_are_equal)


@settings(max_examples=100, deadline=None)
@given(WORLDS, st.data())
def test_any_single_change_of_a_world_is_found(world: Manifest, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(["tables", "sequences", "schema_hashes"]))
    content = dict(getattr(world, field))
    name = data.draw(st.sampled_from(sorted(content)))
    how = {
        "tables": lambda one: data.draw(
            st.sampled_from(
                [None, replace(one, rows=one.rows + 1), replace(one, sample=one.sample + "z"), replace(one, kind="p")]
            )
        ),
        "sequences": lambda one: data.draw(st.sampled_from([None, (one[0] + 1, one[1]), (one[0], not one[1])])),
        "schema_hashes": lambda one: data.draw(st.sampled_from([None, one + "0"])),
    }[field]
    made = how(content.pop(name))
    assert told(replace(world, **{field: content if made is None else {**content, name: made}}), world) != []

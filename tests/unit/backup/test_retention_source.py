"""Other tools' backups: their chains are planned as ours, and what cannot be read advises nothing."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.retention_source import advice, copies_of
from opsloop.catalog import RetentionClass

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TWO = RetentionClass("two", "incremental", keep=2, minimum=1)


def ago(days: float) -> int:
    return int((NOW - timedelta(days=days)).timestamp())


def advised(kind: str, document: Any) -> Any:
    return advice(kind, "reports/orders/x.json", json.dumps(document).encode(), NOW, TWO, NOW)


def pgbackrest(label: str, days: float, kind: str = "full", prior: str | None = None, **more: Any) -> Any:
    return {
        "label": label, "type": kind, "prior": prior, "error": False, "timestamp": {"start": 1, "stop": ago(days)},
        "info": {"size": 9_000, "repository": {"size": 900, "delta": 90}}, **more,
    }  # fmt: skip


def test_a_chain_of_pgbackrest_goes_and_stays_as_one():
    backups = [
        pgbackrest("F1", 21), pgbackrest("F1_D1", 20, "diff", "F1"), pgbackrest("F1_I1", 19, "incr", "F1_D1"),
        pgbackrest("F2", 14), pgbackrest("F2_I1", 13, "incr", "F2"), pgbackrest("F3", 7),
    ]  # fmt: skip
    found = advised("pgbackrest", [{"name": "orders", "status": {"code": 0}, "backup": backups}])
    assert [one["dump_id"] for one in found["delete"]] == ["F1", "F1_D1", "F1_I1"]
    assert (found["keep_count"], found["why_not"], found["delete"][0]["bytes"]) == (3, "", 90)
    backups[5]["error"] = True  # pages with wrong checksums: it does not count
    assert advised("pgbackrest", [{"backup": backups}])["delete"] == []


def test_a_delta_of_walg_is_found_by_where_its_parent_begins():
    def backup(name: str, days: float, **more: Any) -> Any:
        at = datetime.fromtimestamp(ago(days), UTC).isoformat()
        return {"backup_name": name, "finish_time": at, "compressed_size": 7, "is_permanent": False, **more}

    backups = [
        backup("base_A1", 30), backup("base_A2_D_A1", 29), backup("base_A3_D_A2", 28), backup("base_B1", 20),
        backup("base_C1", 10), backup("base_C2_D_C1", 9),
    ]  # fmt: skip
    parents = {one.copy_id: one.parent_id for one in copies_of("walg", [backups])}
    assert (parents["base_A2_D_A1"], parents["base_A3_D_A2"]) == ("base_A1", "base_A2_D_A1")
    assert [one["dump_id"] for one in advised("walg", backups)["delete"]] == ["base_A1", "base_A2_D_A1", "base_A3_D_A2"]
    backups[2]["is_permanent"] = True
    assert advised("walg", backups)["delete"] == []


def test_barmans_parents_come_from_show_backup_and_its_own_keep_is_a_hold():
    def backup(name: str, days: float, **more: Any) -> Any:
        return {"backup_id": name, "status": "DONE", "end_time_timestamp": str(ago(days)), "size_bytes": 5, **more}

    listing = {"main": [
        backup("20261001", 50, retention_status="KEEP:FULL"), backup("20261002", 49, backup_type="incremental"),
        backup("20261003", 48), backup("20261101", 20), backup("20261110", 10),
        backup("20261120", 1) | {"status": "FAILED"},
    ]}  # fmt: skip
    assert [one["dump_id"] for one in advised("barman", listing)["delete"]] == ["20261003"]
    shown = {"main": {"backup_id": "20261002", "status": "DONE", "parent_backup_id": "20261001",
                      "base_backup_information": {"end_time_timestamp": str(ago(49))}}}  # fmt: skip
    both = advised("barman", {"written_at": "2026-11-21T12:00:00Z", "reports": [listing, shown]})
    assert [one["dump_id"] for one in both["delete"]] == ["20261002", "20261003"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"reports": 7}', b'[{"backup": [{}]}]', b"[" * 9_000])
@pytest.mark.parametrize("kind", ["pgbackrest", "barman", "walg", "rds"])
def test_what_lists_no_backups_advises_nothing_and_says_why(kind, body):
    found = advice(kind, "reports/x.json", body, None, TWO, NOW)
    assert (found["keep_count"], found["delete"]) == (0, [])
    assert found["why_not"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["backup", "label", "prior", "type", "timestamp", "stop", "backup_id", "status",
                                       "backup_name", "finish_time", "reports", "main", "info"]), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["pgbackrest", "barman", "walg"]), anything)
def test_no_report_stops_the_run(kind: str, document: Any):
    found = advised(kind, document)
    assert isinstance(found["delete"], list)

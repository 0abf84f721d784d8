"""Old dumps are listed, then deleted where the class enforces it; whatever breaks, record and bucket agree after."""

import importlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from opsloop.adapters.backup_deletions import DeletionTable
from opsloop.adapters.backup_table import DumpTable
from opsloop.backup.model import Dump, Verdict
from opsloop.backup.retention_record import DeletionState
from opsloop.errors import DependencyUnavailableError
from tests.integration.conftest import CATALOG
from tests.integration.described import as_described

NOW = datetime(2026, 11, 21, 3, 20, tzinfo=UTC)  # of the scheduled sample
DAY = timedelta(days=1)
JSON = {"content-type": "application/json"}
ORDERS = {
    "name": "orders", "service": "web", "tier": 2, "description": "", "secret": "orders", "source_name": "orders",
    "schemas": [], "exclude_schemas": [], "every_h": 6, "format": "custom", "retention": "week", "legal_hold": False,
    "object_lock_days": 0, "rpo_s": 900, "rto_s": 14400, "assertions": [], "sources": [],
}  # fmt: skip
WEEK = {"name": "week", "policy": "rolling", "days": 7, "minimum": 2, "mode": "enforce"}


class Bus:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def publish(self, events: Any) -> None:
        self.told += [event.detail() for event in events]

    def of(self, kind: str) -> list[Any]:
        return [one["data"] for one in self.told if one["type"] == kind]


@pytest.fixture
def world(aws: Any, tokens: Any, load_handler: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what loads the function with a catalog of one database, changed as asked."""
    catalog_layer = importlib.import_module("opsloop.adapters.catalog_layer")

    def load(database: Any = None, retention: Any = None, **settings: str) -> ModuleType:
        document = {
            **CATALOG,
            "databases": [{**ORDERS, **(database or {})}],
            "retention": [{**WEEK, **(retention or {})}],
        }
        catalog_layer.load_catalog.cache_clear()
        monkeypatch.setattr(catalog_layer, "_read", lambda _name: json.dumps(document).encode())
        handler: ModuleType = load_handler("backup_prune", **settings)
        monkeypatch.setattr(handler, "bus", Bus())
        return handler

    yield load
    catalog_layer.load_catalog.cache_clear()


@pytest.fixture
def shelf(aws: Any) -> Any:
    """Return ``shelf("a", days_ago)``: a dump with its object in the bucket, proven unless told otherwise."""
    s3, bucket = aws.client("s3"), aws.names["BACKUP_BUCKET"]
    table = DumpTable(aws.names["BACKUP_TABLE"])

    def put(name: str, days_ago: float, **changes: Any) -> Dump:
        key = f"dumps/orders/{name}.dump"
        version = s3.put_object(Bucket=bucket, Key=key, Body=name.encode() * 10)["VersionId"]
        taken = NOW - days_ago * DAY
        values: dict[str, Any] = {"verdict": Verdict.PROVEN, "proven_at": taken, "verified_at": taken, **changes}
        dump = Dump(f"orders/{name}.dump", "orders", key, version, 10 * len(name), taken, taken, **values)
        return table.save(dump)

    return put


@pytest.fixture
def run(event: Any, context: Any) -> Any:
    context.remaining_ms = 60_000

    def start(handler: ModuleType, *, days: int = 0) -> Any:
        sample = event("backup_prune/schedule")
        return handler.lambda_handler({**sample, "time": (NOW + days * DAY).isoformat()}, context)

    return start


def there(aws: Any) -> set[str]:
    return {key.rpartition("/")[2].removesuffix(".dump") for key in aws.objects("BACKUP_BUCKET")}


def agree(aws: Any) -> bool:
    """Return whether each dump that the records have as there is in the bucket, and no other."""
    recorded = {one.key for one in DumpTable(aws.names["BACKUP_TABLE"]).of("orders") if one.deleted_at is None}
    return recorded == set(aws.objects("BACKUP_BUCKET"))


def states(aws: Any) -> dict[str, DeletionState]:
    found = DeletionTable(aws.names["BACKUP_TABLE"]).of("orders")
    return {one.dump_id.partition("/")[2].removesuffix(".dump"): one.state for one in found}


def get(handler: ModuleType, http_event: Any, context: Any, tokens: Any, path: str, query: str = "") -> Any:
    return as_described(
        "GET", path, handler.lambda_handler(http_event("GET", path, query=query, token=tokens["read"]), context)
    )


def test_what_may_go_is_suggested_and_nothing_is_deleted(aws, world, shelf, run, event, context):
    for name, days in (("a", 30), ("b", 20), ("c", 2), ("d", 1)):
        shelf(name, days)
    handler = world(retention={"mode": "suggest"})
    assert run(handler) == {"suggested": 2, "deleted": 0, "stopped": 0, "left": 0, "failed": 0, "done": 1}
    assert there(aws) == {"a", "b", "c", "d"}
    (told,) = handler.bus.of("backup.deletion_suggested")
    assert ([one["dump_id"] for one in told["dumps"]], told["bytes"]) == (["orders/a.dump", "orders/b.dump"], 20)
    assert handler.bus.of("backup.pruned") == []
    answer = as_described("GET", "/v1/backups/prune", handler.lambda_handler(event("backup_prune/plans"), context))
    (plan,) = answer["plans"]
    assert (plan["mode"], plan["delete_count"], plan["keep_count"]) == ("suggest", 2, 2)
    assert plan["delete"][0]["why"] == "past what the class week (rolling) keeps"
    assert plan["keep"][1]["rules"] == ["newest_proven", "minimum", "policy"]


def test_what_a_class_enforces_is_listed_first_then_hidden_by_a_delete_marker(aws, world, shelf, run, event, context):
    for name, days in (("a", 30), ("b", 20), ("c", 2), ("d", 1)):
        shelf(name, days)
    handler = world()
    assert run(handler)["deleted"] == 2
    assert there(aws) == {"c", "d"}
    assert [one["type"] for one in handler.bus.told] == ["backup.deletion_suggested", "backup.pruned"]
    versions = aws.client("s3").list_object_versions(Bucket=aws.names["BACKUP_BUCKET"], Prefix="dumps/orders/a.dump")
    assert (len(versions["Versions"]), len(versions["DeleteMarkers"])) == (1, 1)  # the bytes are still there
    answer = handler.lambda_handler(event("backup_prune/deletions"), context)
    found = as_described("GET", "/v1/backups/deletions", answer)["deletions"]
    assert {one["dump_id"]: (one["state"], one["by"]) for one in found} == {
        f"orders/{name}.dump": ("deleted", "retention class week (rolling)") for name in "ab"
    }
    assert agree(aws)
    assert run(handler, days=0)["deleted"] == 0  # the same event again


def test_a_run_deletes_only_so_many_and_the_oldest_first(aws, world, shelf, run):
    for number in range(6):
        shelf(f"{number}", 60 - number)
    handler = world(BACKUP_PRUNE_MOST="3")
    assert run(handler)["left"] == 1
    assert there(aws) == {"3", "4", "5"}
    assert run(handler, days=1)["deleted"] == 1


def test_the_switch_stops_every_deletion(aws, world, shelf, run, http_event, context, tokens):
    for name, days in (("a", 30), ("c", 2), ("d", 1)):
        shelf(name, days)
    handler = world(BACKUP_PRUNE_ENABLED="false")
    assert run(handler)["deleted"] == 0
    assert there(aws) == {"a", "c", "d"}
    found = get(handler, http_event, context, tokens, "/v1/backups/prune", "database=orders")
    assert (found["is_enabled"], found["plans"][0]["is_stopped"]) == (False, True)


def test_a_hold_set_or_a_proof_lost_at_the_last_moment_stops_the_deletion(aws, world, shelf, run, monkeypatch):
    for name, days in (("a", 30), ("b", 29), ("e", 28), ("c", 2), ("d", 1)):
        shelf(name, days)
    handler, table = world(), DumpTable(aws.names["BACKUP_TABLE"])
    begin = handler.deletions.begin

    def begun(deletion: Any) -> Any:
        done = begin(deletion)
        if deletion.dump_id == "orders/a.dump":
            table.save(replace(table.find("orders/a.dump"), legal_hold=True))
        if deletion.dump_id == "orders/b.dump":  # now b and e are the two proven ones that must stay
            for name in ("c", "d", "a"):
                table.save(replace(table.find(f"orders/{name}.dump"), verdict=Verdict.UNKNOWN))
        return done

    monkeypatch.setattr(handler.deletions, "begin", begun)
    assert run(handler)["stopped"] == 3
    assert there(aws) == {"a", "b", "c", "d", "e"}
    said = {one.dump_id: one.said for one in handler.deletions.of("orders")}
    assert said["orders/a.dump"] == "by now it is to stay: held by its own legal hold"
    assert "always stay" in said["orders/b.dump"]
    (told,) = handler.bus.of("backup.pruned")
    assert (told["count"], len(told["stopped"])) == (0, 3)


def test_a_hold_a_lock_or_another_version_in_the_bucket_alone_stops_the_deletion(aws, world, shelf, run):
    held, locked, _ = (shelf(name, days) for name, days in (("held", 30), ("locked", 29), ("newer", 28)))
    shelf("c", 2), shelf("d", 1)
    s3, bucket = aws.client("s3"), aws.names["BACKUP_BUCKET"]
    s3.put_object_legal_hold(Bucket=bucket, Key=held.key, LegalHold={"Status": "ON"})
    until = {"Mode": "COMPLIANCE", "RetainUntilDate": NOW + DAY}
    s3.put_object_retention(Bucket=bucket, Key=locked.key, Retention=until)
    s3.put_object(Bucket=bucket, Key="dumps/orders/newer.dump", Body=b"another")
    handler = world()
    assert run(handler)["stopped"] == 3
    assert there(aws) == {"held", "locked", "newer", "c", "d"}
    said = {one.dump_id: one.said for one in handler.deletions.of("orders")}
    assert said == {
        "orders/held.dump": "the object is under a legal hold",
        "orders/locked.dump": "the object is locked until 2026-11-22T03:20:00Z",
        "orders/newer.dump": "another version of the object lies there by now",
    }


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("where", ["before the object", "after the object", "while the end is written"])
@pytest.mark.parametrize("after", ["enforce", "suggest"])
def test_after_a_crash_anywhere_the_next_run_brings_record_and_bucket_together(
    aws, world, shelf, run, context, monkeypatch, where, after
):
    for name, days in (("a", 30), ("b", 20), ("c", 2), ("d", 1)):
        shelf(name, days)
    handler = world()

    def crashing(*arguments: Any) -> Any:
        if where == "after the object":
            delete(*arguments)
        raise Crash

    delete = handler.objects.delete
    target, name = (handler.deletions, "end") if where == "while the end is written" else (handler.objects, "delete")
    monkeypatch.setattr(target, name, crashing)
    with pytest.raises(Crash):
        handler.prune(handler.catalog.databases["orders"], NOW, "one", context, 100)
    assert states(aws) == {"a": DeletionState.BEGUN}
    again = world(retention={"mode": after})
    run(again, days=1)
    was_hidden = where != "before the object"
    assert states(aws)["a"] is (DeletionState.DELETED if was_hidden or after == "enforce" else DeletionState.STOPPED)
    assert agree(aws)
    assert there(aws) == ({"c", "d"} if after == "enforce" else {"b", "c", "d"} if was_hidden else {"a", "b", "c", "d"})
    assert again.deletions.open("orders") == []


def test_a_run_that_is_delivered_twice_deletes_once_and_tells_the_same(aws, world, shelf, run, monkeypatch):
    for name, days in (("a", 30), ("b", 20), ("c", 2), ("d", 1)):
        shelf(name, days)
    handler = world()

    def failing(deletion: Any) -> Any:
        if deletion.dump_id == "orders/b.dump":
            raise DependencyUnavailableError("backup table: Throttled")
        return begin(deletion)

    begin = handler.deletions.begin
    monkeypatch.setattr(handler.deletions, "begin", failing)
    with pytest.raises(DependencyUnavailableError):
        run(handler)
    monkeypatch.setattr(handler.deletions, "begin", begin)
    assert run(handler)["deleted"] == 1
    (told,) = handler.bus.of("backup.pruned")
    assert {one["dump_id"] for one in told["deletions"]} == {"orders/a.dump", "orders/b.dump"}
    assert len({one["id"] for one in handler.bus.told if one["type"] == "backup.deletion_suggested"}) == 1


def test_one_database_that_fails_leaves_the_others_looked_after(aws, world, shelf, run, monkeypatch, capsys):
    shelf("a", 30)
    handler = world(retention={"mode": "suggest"})
    monkeypatch.setattr(handler, "catalog", replace(handler.catalog, databases={
        "broken": replace(handler.catalog.databases["orders"], name="broken"), **handler.catalog.databases,
    }))  # fmt: skip
    keys = handler.objects.keys

    def failing(database: str) -> Any:
        if database == "broken":
            raise DependencyUnavailableError("backup bucket: SlowDown")
        return keys(database)

    monkeypatch.setattr(handler.objects, "keys", failing)
    with pytest.raises(DependencyUnavailableError):
        run(handler)
    assert [one["database"] for one in handler.deletions.plans()] == ["orders"]
    assert '"BackupPrunesFailed":[1.0]' in capsys.readouterr().out.replace(" ", "")


def test_a_proof_of_an_object_that_somebody_else_deleted_does_not_count(aws, world, shelf, run):
    shelf("a", 30), shelf("b", 20)
    gone = shelf("c", 2)
    aws.client("s3").delete_object(Bucket=aws.names["BACKUP_BUCKET"], Key=gone.key)
    handler = world()
    assert run(handler)["suggested"] == 0  # a and b are the two proven ones now
    found = DumpTable(aws.names["BACKUP_TABLE"]).find(gone.dump_id)
    assert found is not None
    assert found.deleted_why == "its object is not in the bucket any more"


def ask(handler: ModuleType, http_event: Any, context: Any, token: str, path: str, body: Any = None) -> Any:
    sent = {"headers": JSON, "body": json.dumps(body)} if body is not None else {}
    return handler.lambda_handler(http_event("POST", path, token=token, **sent), context)


def test_a_hold_is_put_on_record_and_object_and_taken_away_again(aws, world, shelf, run, http_event, context, tokens):
    old = shelf("a", 30)
    shelf("c", 2), shelf("d", 1)
    handler, s3 = world(), aws.client("s3")
    for action, is_held in (("hold", True), ("hold", True), ("release", False)):
        answer = ask(
            handler, http_event, context, tokens["admin"], f"/v1/backups/orders/{action}", {"dump_id": old.dump_id}
        )
        told = as_described("POST", f"/v1/backups/{{database}}/{action}", answer)
        assert (told["legal_hold"], told["is_in_bucket"]) == (is_held, is_held)
        status = s3.get_object_legal_hold(Bucket=aws.names["BACKUP_BUCKET"], Key=old.key)["LegalHold"]["Status"]
        assert status == ("ON" if is_held else "OFF")
        found = DumpTable(aws.names["BACKUP_TABLE"]).find(old.dump_id)
        assert found is not None
        assert found.legal_hold is is_held
        if is_held:
            assert run(handler)["suggested"] == 0
    assert run(handler)["deleted"] == 1


def test_a_bucket_without_object_lock_leaves_the_hold_to_the_record(
    aws, world, shelf, run, http_event, context, tokens, monkeypatch
):
    old, _ = shelf("a", 30), shelf("c", 2)
    plain = "opsloop-test-plain"
    aws.client("s3").create_bucket(Bucket=plain)
    aws.client("s3").put_bucket_versioning(Bucket=plain, VersioningConfiguration={"Status": "Enabled"})
    aws.client("s3").put_object(Bucket=plain, Key=old.key, Body=b"a")
    handler = world(BACKUP_BUCKET=plain)
    answer = ask(handler, http_event, context, tokens["admin"], "/v1/backups/orders/hold", {"dump_id": old.dump_id})
    told = as_described("POST", "/v1/backups/{database}/hold", answer)
    assert (told["legal_hold"], told["is_in_bucket"]) == (True, False)


@pytest.mark.parametrize(
    ("database", "body", "status"),
    [
        ("orders", {"dump_id": "orders/lost.dump"}, 404), ("payments", {"dump_id": "orders/a.dump"}, 404),
        ("orders", {}, 400), ("orders", {"dump_id": 7}, 400),
    ],
)  # fmt: skip
def test_what_is_not_there_cannot_be_held(world, shelf, http_event, context, tokens, database, body, status):
    shelf("a", 1)
    answer = ask(world(), http_event, context, tokens["admin"], f"/v1/backups/{database}/hold", body)
    assert answer["statusCode"] == status
    as_described("POST", "/v1/backups/{database}/hold", answer)


def test_only_who_may_operate_holds_and_undoes(world, shelf, http_event, context, tokens):
    shelf("a", 1)
    for path in ("/v1/backups/orders/hold", "/v1/backups/orders/release", "/v1/backups/deletions/x/undo"):
        assert ask(world(), http_event, context, tokens["read"], path, {})["statusCode"] == 403


def test_what_was_deleted_is_brought_back_held_and_stays(aws, world, shelf, run, http_event, context, tokens):
    old = shelf("a", 30)
    shelf("c", 2), shelf("d", 1)
    handler, path = world(), "/v1/backups/deletions/{id}/undo"
    run(handler)
    (deletion,) = handler.deletions.of("orders")
    for _ in range(2):
        answer = ask(
            handler, http_event, context, tokens["admin"], f"/v1/backups/deletions/{deletion.deletion_id}/undo"
        )
        undone = as_described("POST", path, answer)
        assert (undone["state"], undone["said"]) == ("undone", "brought back by aaaaaaaaaaaa, and held")
    assert aws.objects("BACKUP_BUCKET")[old.key] == b"a" * 10
    found = handler.dumps.find(old.dump_id)
    assert (found.deleted_at, found.legal_hold, found.version != old.version) == (None, True, True)
    assert run(handler, days=1)["suggested"] == 0
    assert agree(aws)


def test_what_the_bucket_let_go_or_nobody_deleted_is_not_brought_back(
    aws, world, shelf, run, event, context, http_event, tokens
):
    old = shelf("a", 30)
    shelf("c", 2), shelf("d", 1)
    handler, path = world(), "/v1/backups/deletions/{id}/undo"
    answer = handler.lambda_handler(event("backup_prune/undo"), context)
    assert answer["statusCode"] == 404
    as_described("POST", path, answer)
    run(handler)
    (deletion,) = handler.deletions.of("orders")
    aws.client("s3").delete_object(Bucket=aws.names["BACKUP_BUCKET"], Key=old.key, VersionId=old.version)
    answer = ask(handler, http_event, context, tokens["admin"], f"/v1/backups/deletions/{deletion.deletion_id}/undo")
    assert answer["statusCode"] == 404
    assert "30 days" in as_described("POST", path, answer)["detail"]


def test_deletions_are_listed_newest_first_page_by_page(aws, world, shelf, run, http_event, context, tokens):
    for number in range(4):
        shelf(f"{number}", 60 - number)
    handler = world(BACKUP_PRUNE_MOST="1")
    for days in range(2):
        run(handler, days=days)
    seen, cursor = [], ""
    for _ in range(2):
        page = get(handler, http_event, context, tokens, "/v1/backups/deletions", f"database=orders&limit=1{cursor}")
        seen += [one["dump_id"] for one in page["deletions"]]
        cursor = f"&cursor={page['next']}"
    assert (seen, page["next"]) == (["orders/1.dump", "orders/0.dump"], None)


def test_samples_of_holds_are_answered(world, shelf, event, context):
    shelf("2026/01/orders-20260101T000000Z", 320)
    handler = world()
    assert handler.lambda_handler(event("backup_prune/hold"), context)["statusCode"] == 200
    assert handler.lambda_handler(event("backup_prune/release"), context)["statusCode"] == 200


def test_other_tools_backups_are_advised_on_and_left_alone(aws, world, shelf, run, http_event, context, tokens):
    shelf("a", 1)
    backups = [
        {"label": label, "type": "full", "error": False, "timestamp": {"stop": int((NOW - days * DAY).timestamp())}}
        for label, days in (("F1", 40), ("F2", 20), ("F3", 3), ("F4", 1))
    ]
    report = json.dumps([{"name": "orders", "status": {"code": 0}, "backup": backups}]).encode()
    key = "reports/orders/pgbackrest.json"
    aws.client("s3").put_object(Bucket=aws.names["BACKUP_BUCKET"], Key=key, Body=report)
    sources = [{"kind": "pgbackrest", "report": key}, {"kind": "barman", "report": "reports/orders/none.json"}]
    handler = world(database={"sources": sources})
    run(handler)
    first, second = get(handler, http_event, context, tokens, "/v1/backups/prune")["plans"][0]["advice"]
    assert [one["dump_id"] for one in first["delete"]] == ["F1", "F2"]
    assert (first["keep_count"], second["why_not"]) == (2, "the report is not JSON")
    assert handler.bus.told == []
    assert key in aws.objects("BACKUP_BUCKET")

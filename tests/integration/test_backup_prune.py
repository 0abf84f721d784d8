"""Old dumps are listed, then deleted where the class enforces it; whatever breaks, record and bucket agree after."""

import json
from dataclasses import replace
from typing import Any

import pytest

from opsloop.adapters.backup_table import DumpTable
from opsloop.backup.model import Verdict
from opsloop.backup.retention_record import DeletionState
from opsloop.errors import DependencyUnavailableError
from tests.integration.backup_pruning import (  # noqa: F401 -- fixtures among them
    DAY,
    JSON,
    NOW,
    agree,
    get,
    states,
    the_run,
    the_shelf,
    the_world,
    there,
)
from tests.integration.described import as_described


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
    listed = handler.objects.there

    def failing(database: str) -> Any:
        if database == "broken":
            raise DependencyUnavailableError("backup bucket: SlowDown")
        return listed(database)

    monkeypatch.setattr(handler.objects, "there", failing)
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


def test_versions_are_listed_page_by_page_and_what_is_hidden_is_left_out(aws, world, shelf, monkeypatch):
    dumps = {one.key: one.version for one in (shelf(f"{number}", 10) for number in range(5))}
    s3, bucket = aws.client("s3"), aws.names["BACKUP_BUCKET"]
    replaced = s3.put_object(Bucket=bucket, Key="dumps/orders/1.dump", Body=b"another")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="dumps/orders/3.dump")
    objects = world().objects
    request, pages = objects._objects._request, list[str]()

    def small(method: str, key: str, headers: Any, body: bytes, query: Any) -> Any:
        pages.append(str(query))
        return request(method, key, headers, body, {**query, "max-keys": "2"})

    monkeypatch.setattr(objects._objects, "_request", small)
    del dumps["dumps/orders/3.dump"]
    assert objects.there("orders") == {**dumps, "dumps/orders/1.dump": replaced}
    assert len(pages) == 4  # seven versions and markers, two in a page

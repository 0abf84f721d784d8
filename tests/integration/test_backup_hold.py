"""Dumps are held, released, and brought back, on record and in the bucket."""

import pytest

from opsloop.adapters.backup_table import DumpTable
from tests.integration.backup_pruning import (  # noqa: F401 -- fixtures among them
    NOW,
    agree,
    ask,
    the_run,
    the_shelf,
    the_world,
    there,
)
from tests.integration.described import as_described


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


def test_samples_of_holds_are_answered(world, shelf, event, context):
    shelf("2026/01/orders-20260101T000000Z", 320)
    handler = world()
    assert handler.lambda_handler(event("backup_prune/hold"), context)["statusCode"] == 200
    assert handler.lambda_handler(event("backup_prune/release"), context)["statusCode"] == 200


@pytest.mark.parametrize("name", ["Montag früh", "a+b", "50%25 off", "q?x=1&y#z"])
def test_names_that_urls_write_otherwise_are_deleted_and_brought_back(aws, world, shelf, run, name):
    shelf(name, 30), shelf("c", 2), shelf("d", 1)
    handler = world()
    assert run(handler)["deleted"] == 1
    assert there(aws) == {"c", "d"}
    (deletion,) = handler.deletions.of("orders")
    body = handler.objects.look(deletion.key)
    assert not body.version
    handler.keeper.undo(deletion.deletion_id, NOW, "ada")
    assert there(aws) == {name, "c", "d"}
    assert aws.objects("BACKUP_BUCKET")[deletion.key] == name.encode() * 10

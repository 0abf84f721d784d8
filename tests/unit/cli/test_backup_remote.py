"""opsloop backup restore through the API: the record from there, the very version of the bytes from the bucket."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from opsloop.backup.document import dump_json, manifest_json, to_bytes
from opsloop.backup.model import Verdict
from opsloop.backup.shelf import dump_of
from opsloop_cli import backup_remote
from opsloop_cli.backup_files import read_one
from tests.unit.backup.test_shelf import MANIFEST
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_api import FakeApi
from tests.unit.cli.fake_backup import BODY, SHA256, FakeEngine, installed, shelve

TAKEN = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
KEY = "dumps/orders/2026/11/orders-20261120T060000Z.dump"
DUMPS = "GET /v1/backups/orders/dumps"
RESTORE = ("backup", "restore", "orders", "--to", "host=db.example dbname=shop", "--yes", "--json")


class Body(io.BytesIO):
    def iter_chunks(self, size: int) -> Iterator[bytes]:
        while chunk := self.read(size):
            yield chunk


class FakeS3:
    """A bucket: what is asked for is noted; an error stands for an object."""

    def __init__(self, **objects: Any) -> None:
        self.objects: dict[str, Any] = objects
        self.asked: list[dict[str, str]] = []

    def get_object(self, **asked: str) -> dict[str, Any]:
        self.asked.append(asked)
        found = self.objects[asked["Key"]]
        if isinstance(found, Exception):
            raise found
        return {"Body": Body(found)}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> FakeS3:
    manifest = to_bytes(manifest_json(replace(MANIFEST, sha256=SHA256)))
    fake = FakeS3(**{KEY: BODY, f"{KEY}.manifest.json": manifest})
    monkeypatch.setattr(backup_remote, "_client_of", lambda _stack: fake)
    monkeypatch.setenv("OPSLOOP_BACKUP_BUCKET", "the-bucket")
    return fake


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, api: FakeApi) -> FakeEngine:
    path = shelve(tmp_path / "shelf", TAKEN, Verdict.PROVEN)
    dump = replace(
        dump_of(read_one(path)), database="orders", key=KEY, version="v7", dump_id=KEY.removeprefix("dumps/")
    )
    api.will(DUMPS, {"dumps": [dump_json(dump)], "next": None})
    return installed(monkeypatch)


def test_the_version_that_was_proven_is_fetched_and_gone_afterwards(local: Run, engine: FakeEngine, s3: FakeS3):
    told = json.loads(local(*RESTORE).stdout)
    assert (told["outcome"], told["dump"]["database"]) == ("equal", "orders")
    assert engine.done[1] == ("restore", BODY, 4, False)
    assert s3.asked == [
        {"Bucket": "the-bucket", "Key": f"{KEY}.manifest.json"},
        {"Bucket": "the-bucket", "Key": KEY, "VersionId": "v7"},
    ]
    assert list(Path().rglob("orders-*")) == []


def test_a_download_can_be_kept(local: Run, engine: FakeEngine, s3: FakeS3):
    assert local(*RESTORE, "--download-to", "kept").exit_code == 0
    assert Path("kept/orders-20261120T060000Z.dump").read_bytes() == BODY


def test_the_plan_downloads_nothing_but_the_manifest(local: Run, engine: FakeEngine, s3: FakeS3):
    assert local(*RESTORE, "--plan").exit_code == 0
    assert [one["Key"] for one in s3.asked] == [f"{KEY}.manifest.json"]
    assert engine.done == []


def test_a_short_or_changed_download_is_not_restored(local: Run, engine: FakeEngine, s3: FakeS3):
    s3.objects[KEY] = BODY[:-1]
    short = local(*RESTORE, "--download-to", "kept")
    s3.objects[KEY] = b"y" + BODY[1:]
    changed = local(*RESTORE)
    assert (short.exit_code, changed.exit_code, engine.done) == (1, 1, [])
    assert "has 999 bytes, not 1,000" in short.stderr
    assert "is not the file that was taken and proven" in changed.stderr
    assert list(Path("kept").iterdir()) == []


def test_a_disk_that_is_too_small_is_told_before_the_download(
    local: Run, engine: FakeEngine, s3: FakeS3, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(backup_remote.shutil, "disk_usage", lambda _folder: type("Usage", (), {"free": 999}))
    result = local(*RESTORE)
    assert (result.exit_code, "has 999 bytes left and the dump has 1,000" in result.stderr) == (1, True)
    assert len(s3.asked) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject"), 4),
        (ClientError({"Error": {"Code": "NoSuchKey", "Message": "gone"}}, "GetObject"), 1),
        (EndpointConnectionError(endpoint_url="https://s3.example"), 3),
    ],
)
def test_what_aws_refuses_is_one_sentence_and_a_code(
    local: Run, engine: FakeEngine, s3: FakeS3, error: Exception, code: int
):
    s3.objects[KEY] = error
    result = local(*RESTORE)
    assert (result.exit_code, engine.done) == (code, [])
    assert result.stderr.startswith("opsloop: ")


def test_without_a_bucket_the_sentence_says_how_to_name_it(
    local: Run, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("OPSLOOP_BACKUP_BUCKET", raising=False)
    result = local(*RESTORE)
    assert (result.exit_code, "OPSLOOP_BACKUP_BUCKET" in result.stderr) == (2, True)


def test_the_bucket_of_a_local_cloud_is_known(local: Run, engine: FakeEngine, s3: FakeS3, tmp_path: Path):
    file = tmp_path / ".local" / "stack.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "backup_bucket": "local-bucket"}))
    assert local(*RESTORE, OPSLOOP_BACKUP_BUCKET="").exit_code == 0
    assert {one["Bucket"] for one in s3.asked} == {"local-bucket"}


def test_an_answer_of_another_shape_is_told(local: Run, engine: FakeEngine, s3: FakeS3, api: FakeApi):
    api.answers[DUMPS] = []
    api.will(DUMPS, {"dumps": [{"dump_id": 7}], "next": None})
    result = local(*RESTORE)
    assert (result.exit_code, "is not what this opsloop understands" in result.stderr) == (1, True)

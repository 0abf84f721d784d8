"""Dumps that a deployed opsloop knows: records by its API, bytes from its bucket with the person's AWS credentials."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from opsloop.backup.document import manifest_from_bytes, read_dump
from opsloop.backup.model import MANIFEST_SUFFIX, Dump, Manifest
from opsloop.errors import InvalidInputError
from opsloop_cli.backup_files import removed_on_failure
from opsloop_cli.failure import CommandError, ExitCode
from opsloop_cli.output import say

if TYPE_CHECKING:
    from opsloop_cli.backup_progress import Bars
    from opsloop_cli.client import Client
    from opsloop_cli.context import Session

FIRST = "2000-01-01T00:00:00Z"  # before any dump
PAGE = "1000"
CHUNK_BYTES = 1 << 20
LOCAL_CREDENTIALS = "test"  # id and secret of every local cloud


def remote_databases(client: "Client") -> list[dict[str, Any]]:
    """Return every database with its objectives, as the last audit found them."""
    return client.all_pages("/v1/backups", "backups", scope="read", query={"limit": PAGE})


def remote_dumps(client: "Client", database: str, *, limit: int | None = None) -> list[Dump]:
    """Return the dumps of a database, newest first, deleted ones too; ``limit`` of them, or all."""
    path = f"/v1/backups/{quote(database, safe='')}/dumps"
    query = {"from": FIRST, "limit": PAGE if limit is None else str(min(limit, int(PAGE)))}
    if limit is None:
        found = client.all_pages(path, "dumps", scope="read", query=query)
    else:
        found = client.call("GET", path, scope="read", query=query)["dumps"]
    try:
        return [read_dump(one) for one in found]
    except InvalidInputError as error:
        raise CommandError(f"the answer is not what this opsloop understands: {error.message}", ExitCode.NO) from None


def remote_history(client: "Client", database: str, limit: int) -> list[dict[str, Any]]:
    """Return what happened to the dumps of a database: taken, verified, deleted, asked for; in no order."""
    from opsloop_cli.backup_text import event, size, span

    events = []
    for dump in remote_dumps(client, database, limit=limit):
        rows = f", {dump.rows:,} rows" if dump.rows is not None else ", made elsewhere"
        events.append(event(dump.taken_at, "taken", dump.dump_id, f"{size(dump.bytes)}{rows}"))
        if dump.deleted_at is not None:
            events.append(event(dump.deleted_at, "deleted", dump.dump_id, dump.deleted_why))
        if dump.verified_at is not None and dump.verdict is not None:
            why = dump.reason.value if dump.reason else f"restored in {span(dump.restore_s)}"
            events.append(event(dump.verified_at, dump.verdict.value, dump.dump_id, why))
    whole = client.call("GET", f"/v1/backups/{quote(database, safe='')}", scope="read")
    for take in whole["takes"]:
        events.append(_asked(take))
    return events


def _asked(take: Mapping[str, Any]) -> dict[str, Any]:
    from opsloop_cli.backup_text import event

    tries = "1 attempt" if take["attempts"] == 1 else f"{take['attempts']} attempts"
    detail = tries + (f": {take['why']}" if take["why"] else "")
    return event(take["started_at"] or take["requested_at"], take["state"], take["dump_id"] or take["id"], detail)


class Remote:
    """The bucket of dumps. ``keep`` is the folder that downloads stay in; without it they go when they were used."""

    def __init__(self, bucket: str, keep: Path | None, s3: Any) -> None:
        self.bucket, self._keep, self._s3 = bucket, keep, s3

    @classmethod
    def of(cls, bucket: str | None, keep: Path | None, session: "Session") -> "Remote":
        """Return the bucket that the option names, or that of the local cloud in use; nothing is asked yet."""
        stack = _stack_of(session)
        name = bucket or stack.get("backup_bucket")
        if not name:
            raise CommandError(
                "dumps are fetched from their bucket with your AWS credentials: --bucket or OPSLOOP_BACKUP_BUCKET "
                "names it (output BackupBucket of the state stack); or download it, and name the file",
                ExitCode.USAGE,
            )
        return cls(str(name), keep, _client_of(stack))

    def manifest(self, dump: Dump) -> Manifest | None:
        """Return the manifest of a dump, None where it was made elsewhere."""
        if not dump.has_manifest:
            return None
        with _aws(self.bucket):
            answer = self._s3.get_object(Bucket=self.bucket, Key=dump.key + MANIFEST_SUFFIX)
            body: bytes = answer["Body"].read()
        try:
            return manifest_from_bytes(body)
        except InvalidInputError as error:
            raise CommandError(f"{dump.key}{MANIFEST_SUFFIX}: {error.message}", ExitCode.NO) from None

    @contextmanager
    def downloaded(self, dump: Dump, bars: "Bars") -> Iterator[Path]:
        """Download a dump, the very version that was verified; return its file while the block runs."""
        with ExitStack() as held:
            if self._keep is None:
                folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="opsloop-restore-")))
            else:
                folder = self._keep
                folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(folder).free
            if free < dump.bytes:
                raise CommandError(
                    f"{folder} has {free:,} bytes left and the dump has {dump.bytes:,}: --download-to another disk",
                    ExitCode.NO,
                )
            path = folder / dump.key.rpartition("/")[2]
            held.enter_context(removed_on_failure(path))
            self._fetch(dump, path, bars)
            if self._keep is not None:
                say(f"downloaded {path}")
            yield path

    def _fetch(self, dump: Dump, path: Path, bars: "Bars") -> None:
        version = {"VersionId": dump.version} if dump.version else {}
        digest, done = hashlib.sha256(), 0
        with _aws(self.bucket), path.open("wb") as stream:
            answer = self._s3.get_object(Bucket=self.bucket, Key=dump.key, **version)
            for chunk in answer["Body"].iter_chunks(CHUNK_BYTES):
                stream.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                bars.told("download", done, dump.bytes)
        if done != dump.bytes:
            raise CommandError(f"the download of {dump.key} has {done:,} bytes, not {dump.bytes:,}", ExitCode.NO)


@contextmanager
def _aws(bucket: str) -> Iterator[None]:
    """Turn what AWS refuses into one sentence and an exit code."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        is_forbidden = code in ("AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken")
        message = f"bucket {bucket}: {error.response['Error'].get('Message') or code} ({code})"
        raise CommandError(message, ExitCode.NOT_ALLOWED if is_forbidden else ExitCode.NO) from None
    except BotoCoreError as error:
        raise CommandError(f"AWS cannot be reached: {error}", ExitCode.UNREACHABLE) from None


def _stack_of(session: "Session") -> dict[str, Any]:
    """Return the file of the local cloud that the session talks to; nothing for any other."""
    origin = Path(session.client().target.origin)
    if origin.name != "stack.json" or not origin.is_file():
        return {}
    found: dict[str, Any] = json.loads(origin.read_text(encoding="utf-8"))
    return found


def _client_of(stack: Mapping[str, Any]) -> Any:
    import boto3

    if "aws_endpoint_url" not in stack:
        return boto3.client("s3")
    return boto3.client(
        "s3",
        endpoint_url=stack["aws_endpoint_url"],
        region_name=stack.get("region", "us-east-1"),
        aws_access_key_id=LOCAL_CREDENTIALS,
        aws_secret_access_key=LOCAL_CREDENTIALS,
    )

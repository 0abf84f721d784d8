"""Deletions of dumps: their records, the last plan of each database, and the objects that they hide."""

import json
import zlib
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from opsloop.adapters.aws_client import AwsError
from opsloop.adapters.aws_dynamodb import Table, is_version, place
from opsloop.adapters.aws_object_versions import LARGEST_COPY_BYTES, VersionedObjects
from opsloop.adapters.aws_record import body_of, record_of
from opsloop.backup.prune import Look
from opsloop.backup.retention_record import Deletion, DeletionState, database_of
from opsloop.backup.retention_source import MAX_REPORT_BYTES
from opsloop.dataclass import replace
from opsloop.errors import ConflictError, DependencyUnavailableError, InvalidInputError, NotFoundError

READ_TIMEOUT_S = 30.0  # a copy of 5 GB answers late
NO_LOCKS = "InvalidRequest"  # what S3 answers where a bucket was made without object lock
_PLANS = "prune_plans"


class DeletionTable:
    """Deletions in DynamoDB, for ever. Implements ``opsloop.backup.prune.Deletions``."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "backup table")

    def find(self, deletion_id: str) -> Deletion | None:
        """Return the deletion of that id as it is now; raise ``DependencyUnavailableError``."""
        item = self._table.get(_place(deletion_id), ConsistentRead=True)
        return None if item is None else _deletion(item)

    def of(self, database: str) -> Iterator[Deletion]:
        """Yield the deletions of a database, the newest first."""
        return map(_deletion, self._table.query(_pk(database), ScanIndexForward=False, ConsistentRead=True))

    def open(self, database: str) -> list[Deletion]:
        """Return those that are begun, the oldest first."""
        found = self._table.query(_open_pk(database), ConsistentRead=True)
        each = [self.find(item["sk"]["S"]) for item in found]
        return [one for one in each if one is not None and one.state is DeletionState.BEGUN]

    def begin(self, deletion: Deletion) -> Deletion:
        """Write a new one; return it as it is in the table, where the same run wrote it before."""
        name = self._table.name
        written = replace(deletion, revision=1)
        place_of_open = place(_open_pk(deletion.database), deletion.deletion_id)
        actions = [self._put(written, 0), {"Put": {"TableName": name, "Item": place_of_open}}]
        try:
            self._table.transact(actions, conflict="begun before")
        except ConflictError:
            known = self.find(deletion.deletion_id)
            if known is None:
                raise
            return known
        return written

    def end(self, deletion: Deletion, also: Sequence[Mapping[str, Any]] = ()) -> Deletion:
        """Write what became of one, with ``also`` in one transaction.

        Raises ``ConflictError`` if it, or what ``also`` writes, was written since it was read.
        """
        written = replace(deletion, revision=deletion.revision + 1)
        done = place(_open_pk(deletion.database), deletion.deletion_id)
        actions = [
            self._put(written, deletion.revision),
            {"Delete": {"TableName": self._table.name, "Key": done}},
            *also,
        ]
        self._table.transact(actions, conflict=f"deletion {deletion.deletion_id} or its dump was written meanwhile")
        return written

    def keep_plan(self, plan: Mapping[str, Any]) -> None:
        """Store the last plan of a database, in the place of the one before."""
        body = zlib.compress(json.dumps(plan, separators=(",", ":")).encode(), 6)
        self._table.call("PutItem", Item={**place(_PLANS, plan["database"]), "body": {"B": body}})

    def plans(self) -> list[dict[str, Any]]:
        """Return the last plan of each database, by name."""
        found = self._table.query(_PLANS, ConsistentRead=True)
        return [json.loads(zlib.decompress(b64decode(item["body"]["B"]))) for item in found]

    def _put(self, deletion: Deletion, after: int) -> dict[str, Any]:
        item = {
            **_place(deletion.deletion_id),
            "body": {"S": body_of(deletion)},
            "version": {"N": str(deletion.revision)},
        }
        return {"Put": {"TableName": self._table.name, "Item": item, **is_version(after)}}


class DumpObjects:
    """The objects of dumps. Implements ``opsloop.backup.prune.Bucket``; nothing here destroys a version."""

    def __init__(self, bucket: str) -> None:
        self._objects = VersionedObjects(bucket, read_timeout_s=READ_TIMEOUT_S)

    def there(self, database: str) -> Mapping[str, str]:
        """Return the version of every object of a database, by key; raise ``DependencyUnavailableError``."""
        try:
            return dict(self._objects.newest(f"dumps/{database}/"))
        except AwsError as error:
            raise _unavailable("list the dumps of", database, error) from error

    def look(self, key: str) -> Look:
        """Return what lies under a key now; raise ``DependencyUnavailableError``."""
        try:
            newest = next(iter(self._objects.versions(key)), None)
            if newest is None:
                return Look()
            if newest.is_marker:
                return Look(marker=newest.version)
            is_held, until = self._objects.locks(key, newest.version)
        except AwsError as error:
            raise _unavailable("look at", key, error) from error
        return Look(newest.version, "", is_held, datetime.fromisoformat(until) if until else None)

    def delete(self, key: str) -> str:
        """Hide the object under a key by a delete marker; return the marker's version."""
        try:
            return self._objects.mark_deleted(key)
        except AwsError as error:
            raise _unavailable("delete", key, error) from error

    def report(self, key: str) -> tuple[bytes, datetime | None]:
        """Return another tool's report and when it was stored; nothing and None where there is none."""
        from email.utils import parsedate_to_datetime  # 6 ms that only databases with such reports need

        try:
            answer = self._objects.get(key)
        except AwsError as error:
            if error.code == "NoSuchKey":
                return b"", None
            raise _unavailable("read", key, error) from error
        stored = answer.headers.get("last-modified", "")
        return answer.body[:MAX_REPORT_BYTES], parsedate_to_datetime(stored) if stored else None

    def bring_back(self, key: str, version: str) -> str:
        """Make a hidden version the newest again and return its new id.

        Raises ``NotFoundError`` where the bucket has let it go, ``InvalidInputError`` where it is larger than S3
        copies at one go.
        """
        try:
            found = next((one for one in self._objects.versions(key) if one.version == version), None)
            if found is None:
                raise NotFoundError(f"id: the bucket let go of {key}: what is deleted is kept for 30 days")
            if found.bytes > LARGEST_COPY_BYTES:
                raise InvalidInputError(
                    f"id: {key} is larger than the 5 GB that S3 copies at one go: let an administrator remove the "
                    "delete marker, as docs/runbooks/backup-prune.md says"
                )
            return self._objects.copy_back(key, version)
        except AwsError as error:
            raise _unavailable("bring back", key, error) from error

    def hold(self, key: str, version: str, *, is_on: bool) -> bool:
        """Put the object under S3's legal hold, or release it; return whether the bucket has such holds."""
        try:
            self._objects.hold(key, version, is_on=is_on)
        except AwsError as error:
            if error.code == NO_LOCKS:  # the local cloud's bucket has none; our own record holds all the same
                return False
            raise _unavailable("hold" if is_on else "release", key, error) from error
        return True


def _pk(database: str) -> str:
    return f"deletions#{database}"


def _open_pk(database: str) -> str:
    return f"deletions_open#{database}"


def _place(deletion_id: str) -> dict[str, Any]:
    return place(_pk(database_of(deletion_id)), deletion_id)


def _deletion(item: Mapping[str, Any]) -> Deletion:
    return record_of(Deletion, item["body"]["S"])


def _unavailable(what: str, name: str, error: AwsError) -> DependencyUnavailableError:
    return DependencyUnavailableError(f"backup bucket: cannot {what} {name}: {error}")

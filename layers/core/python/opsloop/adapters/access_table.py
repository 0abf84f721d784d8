"""The access table: one item per key, hashed."""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from pynamodb.attributes import UnicodeAttribute, UnicodeSetAttribute, UTCDateTimeAttribute
from pynamodb.exceptions import DoesNotExist, GetError, PutError, PynamoDBException, TransactWriteError
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from opsloop.access.issue import KEY_ID_BYTES, SECRET_BYTES, issue
from opsloop.access.model import ApiKey, Scope, parse_scopes
from opsloop.access.revoke import surviving_admin
from opsloop.errors import ConflictError, DependencyUnavailableError, NotFoundError

_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S, _RETRIES = 2, 3, 2


class KeyRecord(Model):
    """Stored shape of a key, one item each."""

    class Meta:
        table_name = "unbound"  # AccessTable sets it
        connect_timeout_seconds = _CONNECT_TIMEOUT_S
        read_timeout_seconds = _READ_TIMEOUT_S
        max_retry_attempts = _RETRIES

    key_id = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute()
    scopes: UnicodeSetAttribute = UnicodeSetAttribute()
    secret_sha256 = UnicodeAttribute()
    created_at = UTCDateTimeAttribute()
    expires_at = UTCDateTimeAttribute(null=True)  # kept after it passed: an expired key is still listed
    revoked_at = UTCDateTimeAttribute(null=True)


class AccessTable:
    """Keys in DynamoDB."""

    def __init__(self, table_name: str) -> None:
        KeyRecord.Meta.table_name = table_name
        KeyRecord._connection = None  # made at the first use, for this table

    def find(self, key_id: str) -> ApiKey | None:
        """Return the key of that id, revoked and expired ones too, or None."""
        try:
            return _key(KeyRecord.get(key_id))
        except DoesNotExist:
            return None
        except GetError as error:
            raise DependencyUnavailableError("access table does not answer") from error

    def list(self) -> list[ApiKey]:
        """Return every key, oldest first."""
        try:
            keys = [_key(record) for record in KeyRecord.scan(consistent_read=True)]
        except PynamoDBException as error:
            raise DependencyUnavailableError("access table does not answer") from error
        return sorted(keys, key=lambda key: (key.created_at, key.key_id))

    def create(
        self, name: str, scopes: Iterable[str], *, now: datetime | None = None, expires_at: datetime | None = None
    ) -> tuple[ApiKey, str]:
        """Store a new key of those scopes; return it and its token, which cannot be told again.

        ``now`` is the present unless given: operators make the first key of a deployment with this, by AWS credentials.
        """
        key, token = issue(
            name,
            parse_scopes(scopes),
            randomness=secrets.token_bytes(KEY_ID_BYTES + SECRET_BYTES),
            now=now or datetime.now(UTC),
            expires_at=expires_at,
        )
        self.add(key)
        return key, token

    def add(self, key: ApiKey) -> None:
        """Store a new key; raise ``ConflictError`` if its id is taken."""
        record = KeyRecord(
            key.key_id,
            name=key.name,
            scopes={scope.value for scope in key.scopes},
            secret_sha256=key.secret_sha256,
            created_at=key.created_at,
            expires_at=key.expires_at,
        )
        try:
            record.save(condition=KeyRecord.key_id.does_not_exist())
        except PutError as error:
            if error.cause_response_code == "ConditionalCheckFailedException":
                raise ConflictError(f"key {key.key_id} exists") from error
            raise DependencyUnavailableError("access table does not answer") from error

    def revoke(self, key_id: str, now: datetime) -> ApiKey:
        """Revoke a key at once and for good; a revoked one stays as it is. Return it.

        One transaction checks that another admin key is still valid, so two callers cannot revoke each other's.
        Raises ``NotFoundError``, and ``ConflictError`` for the last admin key or a lost race.
        """
        keys = self.list()
        key = next((key for key in keys if key.key_id == key_id), None)
        if key is None:
            raise NotFoundError(f"no key {key_id}")
        if key.revoked_at is not None:
            return key
        witness = surviving_admin(key, keys, now)
        connection = KeyRecord._get_connection().connection  # the model's own: its endpoint, timeouts, and open client
        try:
            with TransactWrite(connection=connection) as write:
                write.update(
                    KeyRecord(key_id),
                    actions=[KeyRecord.revoked_at.set(now)],
                    condition=KeyRecord.key_id.exists() & KeyRecord.revoked_at.does_not_exist(),
                )
                if witness is not None:
                    write.condition_check(
                        KeyRecord,
                        witness.key_id,
                        condition=KeyRecord.key_id.exists() & KeyRecord.revoked_at.does_not_exist(),
                    )
        except TransactWriteError as error:
            if error.cause_response_code in ("TransactionCanceledException", "TransactionConflictException"):
                raise ConflictError(f"keys changed while {key_id} was being revoked; try again") from error
            raise DependencyUnavailableError("access table does not answer") from error
        return ApiKey(**{**vars(key), "revoked_at": now})


def _key(record: KeyRecord) -> ApiKey:
    return ApiKey(
        key_id=record.key_id,
        name=record.name,
        scopes=frozenset(Scope(scope) for scope in record.scopes),
        secret_sha256=record.secret_sha256,
        created_at=record.created_at,
        expires_at=record.expires_at,
        revoked_at=record.revoked_at,
    )

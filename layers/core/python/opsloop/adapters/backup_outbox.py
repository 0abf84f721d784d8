"""Facts about backups that wait to be told: items of the backup table, until they were."""

from collections.abc import Mapping
from typing import Any

from opsloop.adapters.aws_dynamodb import Table, place
from opsloop.adapters.aws_record import body_of, record_of
from opsloop.backup.outbox import Letter

Action = Mapping[str, Any]  # one of a transaction
_PK = "outbox"


class LetterTable:
    """Implements ``opsloop.backup.outbox.Letters``."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "backup table")

    def all(self) -> list[Letter]:
        """Return those that were not noted as sent; raise ``DependencyUnavailableError``."""
        return [record_of(Letter, item["body"]["S"]) for item in self._table.query(_PK, ConsistentRead=True)]

    def remove(self, letter_id: str) -> None:
        """Note one as sent; raise ``DependencyUnavailableError``."""
        self._table.call("DeleteItem", Key=place(_PK, letter_id))

    def addition(self, letter: Letter) -> list[Action]:
        """Return what keeps ``letter``, as actions of a transaction."""
        item = {**place(_PK, letter.letter_id), "body": {"S": body_of(letter)}}
        return [{"Put": {"TableName": self._table.name, "Item": item}}]

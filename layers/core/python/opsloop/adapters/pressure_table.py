"""The latest measurement of how far ingest is behind: one item of the telemetry table per stream."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from opsloop.errors import DependencyUnavailableError
from opsloop.telemetry.pressure import Pressure

PARTITION = "pressure"
KEPT_S = 86_400
_PATIENCE = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})  # a sender waits for it


class PressureTable:
    """Reads and writes the measurement of ``stream``."""

    def __init__(self, table_name: str, stream: str) -> None:
        self._table, self._key = table_name, {"pk": {"S": PARTITION}, "sk": {"S": stream}}
        self._client: Any = boto3.client("dynamodb", config=_PATIENCE)

    def get(self) -> Pressure | None:
        """Return the latest measurement, None if there is none; raise ``DependencyUnavailableError``."""
        try:
            item = self._client.get_item(TableName=self._table, Key=self._key).get("Item")
        except (BotoCoreError, ClientError) as error:
            raise DependencyUnavailableError(f"telemetry table: pressure cannot be read: {error}") from error
        return Pressure(float(item["age_s"]["N"]), float(item["at"]["N"])) if item else None

    def put(self, pressure: Pressure) -> None:
        """Store a measurement in the place of the one before; raise ``DependencyUnavailableError``."""
        item = {
            **self._key,
            "age_s": {"N": repr(pressure.age_s)},
            "at": {"N": repr(pressure.at_s)},
            "expires_at": {"N": str(int(pressure.at_s) + KEPT_S)},
        }
        try:
            self._client.put_item(TableName=self._table, Item=item)
        except (BotoCoreError, ClientError) as error:
            raise DependencyUnavailableError(f"telemetry table: pressure cannot be stored: {error}") from error

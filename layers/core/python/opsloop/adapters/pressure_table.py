"""The latest measurement of how far ingest is behind: one item of the telemetry table per stream."""

from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient
from opsloop.errors import ConflictError, DependencyUnavailableError
from opsloop.telemetry.pressure import Pressure

PARTITION = "pressure"
KEPT_S = 86_400
PATIENCE_S = 1.0  # a sender waits for it
_NEWER = "attribute_not_exists(pk) OR measured_at < :at"


class PressureTable:
    """Reads and writes the measurement of ``stream``."""

    def __init__(self, table_name: str, stream: str) -> None:
        self._key = {"pk": {"S": PARTITION}, "sk": {"S": stream}}
        self._table = table_name
        self._client = JsonClient(DYNAMODB, connect_timeout_s=PATIENCE_S, read_timeout_s=PATIENCE_S, attempts=1)

    def get(self) -> Pressure | None:
        """Return the latest measurement, None if there is none; raise ``DependencyUnavailableError``."""
        try:
            item = self._client.call("GetItem", {"TableName": self._table, "Key": self._key}).get("Item")
        except AwsError as error:
            raise DependencyUnavailableError(f"telemetry table: pressure cannot be read: {error.code}") from error
        return Pressure(float(item["age_s"]["N"]), float(item["measured_at"]["N"])) if item else None

    def put(self, pressure: Pressure) -> None:
        """Store a measurement in the place of an older one.

        Raises ``ConflictError`` if the one that is there is as new, and ``DependencyUnavailableError``.
        """
        at = {"N": repr(pressure.at_s)}
        expires = {"N": str(int(pressure.at_s) + KEPT_S)}
        item = {**self._key, "age_s": {"N": repr(pressure.age_s)}, "measured_at": at, "expires_at": expires}
        request = {"TableName": self._table, "Item": item, "ConditionExpression": _NEWER}
        try:
            self._client.call("PutItem", {**request, "ExpressionAttributeValues": {":at": at}})
        except AwsError as error:
            if error.code == "ConditionalCheckFailedException":
                raise ConflictError("telemetry table: there is a newer measurement of pressure") from error
            raise DependencyUnavailableError(f"telemetry table: pressure cannot be stored: {error.code}") from error

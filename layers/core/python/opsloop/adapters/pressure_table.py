"""The latest measurement of how far ingest is behind: one item of the telemetry table per stream."""

from opsloop.adapters.aws_dynamodb import Table, place
from opsloop.telemetry.pressure import Pressure

PARTITION = "pressure"
KEPT_S = 86_400
PATIENCE_S = 1.0  # a sender waits for it
_NEWER = "attribute_not_exists(pk) OR measured_at < :at"


class PressureTable:
    """Reads and writes the measurement of ``stream``."""

    def __init__(self, table_name: str, stream: str) -> None:
        self._key = place(PARTITION, stream)
        self._table = Table(
            table_name,
            "telemetry table: pressure",
            connect_timeout_s=PATIENCE_S,
            read_timeout_s=PATIENCE_S,
            attempts=1,
        )

    def get(self) -> Pressure | None:
        """Return the latest measurement, None if there is none; raise ``DependencyUnavailableError``."""
        item = self._table.get(self._key)
        return Pressure(float(item["age_s"]["N"]), float(item["measured_at"]["N"])) if item else None

    def put(self, pressure: Pressure) -> None:
        """Store a measurement in the place of an older one.

        Raises ``ConflictError`` if the one that is there is as new, and ``DependencyUnavailableError``.
        """
        at = {"N": repr(pressure.at_s)}
        expires = {"N": str(int(pressure.at_s) + KEPT_S)}
        item = {**self._key, "age_s": {"N": repr(pressure.age_s)}, "measured_at": at, "expires_at": expires}
        self._table.call(
            "PutItem",
            conflict="telemetry table: there is a newer measurement of pressure",
            Item=item,
            ConditionExpression=_NEWER,
            ExpressionAttributeValues={":at": at},
        )

"""The health table: the latest result of the deep checks, one item."""

import json
from dataclasses import asdict
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import GetError, PutError
from pynamodb.models import Model

from opsloop.clock import format_time
from opsloop.errors import DependencyUnavailableError
from opsloop.health.model import Check, Probe, Status

KEY = "probe"


class ProbeRecord(Model):
    """Stored shape of a probe."""

    class Meta:
        table_name = "unbound"  # HealthTable sets it

    pk = UnicodeAttribute(hash_key=True)
    time = UnicodeAttribute()
    checks = UnicodeAttribute()
    since = UnicodeAttribute()


class HealthTable:
    """The last probe."""

    def __init__(self, table_name: str) -> None:
        ProbeRecord.Meta.table_name = table_name
        ProbeRecord._connection = None  # the model keeps the connection of the table that it was first bound to

    def save(self, probe: Probe) -> None:
        """Write ``probe``, unless a later one is there: a repeated or late schedule changes nothing."""
        record = ProbeRecord(
            KEY,
            time=format_time(probe.time),
            checks=json.dumps([asdict(check) for check in probe.checks]),
            since=format_time(probe.since),
        )
        try:
            record.save(ProbeRecord.pk.does_not_exist() | (ProbeRecord.time <= record.time))
        except PutError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise DependencyUnavailableError(f"health table: {error.cause_response_code}") from error

    def read(self) -> Probe | None:
        """Return the last probe; ``None`` before the first."""
        try:
            record = ProbeRecord.get(KEY)
        except ProbeRecord.DoesNotExist:
            return None
        except GetError as error:
            raise DependencyUnavailableError(f"health table: {error.cause_response_code}") from error
        checks = [Check(**{**check, "status": Status(check["status"])}) for check in json.loads(record.checks)]
        return Probe(datetime.fromisoformat(record.time), tuple(checks), datetime.fromisoformat(record.since))

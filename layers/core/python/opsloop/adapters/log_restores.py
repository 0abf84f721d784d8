"""Restores of cold logs that were asked for: an item each of the log table, until some time after they are over."""

from collections.abc import Mapping
from typing import Any

from opsloop.adapters.aws_dynamodb import Table, place
from opsloop.dataclass import replace
from opsloop.log.restore import DAY_S, Phase, Restore, Tier

SHOWN_DAYS = 60  # after the last change and the days for which it was wanted
_PK = "restores"
_TEXTS = ("restore_id", "service", "tier", "phase", "cursor")
_NUMBERS = tuple(name for name in Restore.__annotations__ if name not in _TEXTS)


class RestoreTable:
    """Implements ``opsloop.log.restore.Restores``."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "log table")

    def all(self) -> list[Restore]:
        """Return every restore, the newest first."""
        found = map(_restore, self._table.query(_PK, ConsistentRead=True))
        return sorted(found, key=lambda one: (-one.requested_s, one.restore_id))

    def find(self, restore_id: str) -> Restore | None:
        """Return the restore of that id, if there is one."""
        item = self._table.get(place(_PK, restore_id), ConsistentRead=True)
        return _restore(item) if item else None

    def save(self, restore: Restore) -> Restore:
        """Save ``restore`` as its next version and return that; raise ``ConflictError`` if somebody else did."""
        saved = replace(restore, version=restore.version + 1)
        expires = max(saved.requested_s, saved.back_s) + (saved.days + SHOWN_DAYS) * DAY_S
        item = {
            **place(_PK, saved.restore_id),
            **{name: {"S": str(getattr(saved, name))} for name in _TEXTS},
            **{name: {"N": str(getattr(saved, name))} for name in _NUMBERS},
            "expires_at": {"N": str(expires)},
        }
        self._table.save(item, after=restore.version, conflict="the restore is past that version")
        return saved


def _restore(item: Mapping[str, Any]) -> Restore:
    values: dict[str, Any] = {name: int(item[name]["N"]) for name in _NUMBERS}
    values |= {name: item[name]["S"] for name in _TEXTS}
    return Restore(**{**values, "tier": Tier(values["tier"]), "phase": Phase(values["phase"])})

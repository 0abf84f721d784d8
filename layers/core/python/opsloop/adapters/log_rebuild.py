"""The rebuild of the search index that was asked for last: one item of the log table."""

from opsloop.adapters.aws_dynamodb import Table, place
from opsloop.dataclass import replace
from opsloop.log.rebuild import Phase, Rebuild

_KEY = place("rebuild", "logs")


class RebuildTable:
    """Implements ``opsloop.log.rebuild.Rebuilds``."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "log table")

    def current(self) -> Rebuild | None:
        """Return the rebuild that was asked for last, if any."""
        item = self._table.get(_KEY, ConsistentRead=True)
        if item is None:
            return None
        cursor = item["cursor"]["L"]
        return Rebuild(
            item["first"]["S"],
            item["last"]["S"],
            item["is_whole"]["BOOL"],
            int(item["requested_s"]["N"]),
            Phase(item["phase"]["S"]),
            int(item["claimed_s"]["N"]),
            (cursor[0]["S"], cursor[1]["S"]),
            int(item["marked"]["N"]),
            int(item["version"]["N"]),
        )

    def save(self, rebuild: Rebuild) -> Rebuild:
        """Save ``rebuild`` as its next version and return that; raise ``ConflictError`` if somebody else did."""
        item = {
            **_KEY,
            "first": {"S": rebuild.first},
            "last": {"S": rebuild.last},
            "is_whole": {"BOOL": rebuild.is_whole},
            "requested_s": {"N": str(rebuild.requested_s)},
            "phase": {"S": rebuild.phase.value},
            "claimed_s": {"N": str(rebuild.claimed_s)},
            "cursor": {"L": [{"S": part} for part in rebuild.cursor]},
            "marked": {"N": str(rebuild.marked)},
        }
        self._table.save(item, after=rebuild.version, conflict="the rebuild is past that version")
        return replace(rebuild, version=rebuild.version + 1)

"""A replayed object's mark that it counted: written with its segment, in one transaction (docs/adr/0014-replays.md)."""

from opsloop.dataclass import dataclass

REPLAY_LOG = "log#replay"
"""The one log of all replays, folded as a shard's log is."""


@dataclass(frozen=True)
class Claim:
    """The object ``<group>/<name>`` of the quarantine bucket counted, in the log item that ends at ``position``.

    ``at_s``: when, in seconds since the epoch. ``items``: how many of it. ``by``: the id of the key that asked for it.
    """

    group: str
    name: str
    position: str
    at_s: float
    items: int
    by: str

    @property
    def key(self) -> str:
        """The key of the object."""
        return f"{self.group}/{self.name}"

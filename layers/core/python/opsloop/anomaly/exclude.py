"""Windows that stay out of baselines: what incidents, approved changes and people name is no measure of the usual."""

from collections.abc import Iterable
from hashlib import sha256

from opsloop.dataclass import dataclass


@dataclass(frozen=True)
class Window:
    """From ``first_minute`` to before ``end_minute`` nothing is learned of ``service``; an empty name means all."""

    service: str
    first_minute: int
    end_minute: int
    reason: str

    @property
    def key(self) -> str:
        """Return the name of the window: the same for the same window."""
        text = f"{self.service}\0{self.first_minute}\0{self.end_minute}"
        return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def is_excluded(services: Iterable[str], windows: Iterable[Window], first_minute: int, end_minute: int) -> list[bool]:
    """Return for each of ``services`` whether a window covers part of the time from first to before end."""
    touching = {one.service for one in windows if one.first_minute < end_minute and first_minute < one.end_minute}
    is_all = "" in touching
    return [is_all or name in touching for name in services]

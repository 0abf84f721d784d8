"""Samples of a log's segments -> one sample per ten minutes of the spans' own time, which the table keeps for a while.

As a block, a window says up to which position of its log it is merged in: folding the same segments again, or more of
them, or by two folds at once, adds to it what it does not have yet.
"""

from collections.abc import Sequence

from opsloop.dataclass import dataclass
from opsloop.telemetry.links import Links, joined, none, select, thin, unpack
from opsloop.telemetry.model import LOG_START
from opsloop.telemetry.segment import Committed

WINDOW_MINUTES = 10
MOST_SPANS = 4096
"""Of a window and log; some 80 KB."""


@dataclass(frozen=True)
class LinkWindow:
    """The sample of ``log`` of ten minutes from ``start`` on; ``folded_to``: the position that it is merged up to.

    ``floor`` is the level to which all of it was thinned so that it stays small, and so is what comes.
    """

    log: str
    start: int
    folded_to: str
    links: Links
    floor: int = 0


class LinkFolding:
    """Segments that follow one another in ``log``, to be folded into windows."""

    def __init__(self, log: str, segments: Sequence[Committed]) -> None:
        self._log = log
        self._segments = [(one.end, unpack(one.links), one.last_arrival_s) for one in segments if one.links]

    def windows(self) -> list[int]:
        """Return the start of each window that the segments hold something for, sorted."""
        found: set[int] = set()
        for _, links, arrival_s in self._segments:
            found.update((links.minute // WINDOW_MINUTES).tolist())
            if links.highest:
                found.add(int(arrival_s) // 60 // WINDOW_MINUTES)
        return [number * WINDOW_MINUTES for number in sorted(found)]

    def fold_into(self, window: LinkWindow | None, start: int) -> LinkWindow | None:
        """Return ``window``, or a new one from ``start`` on, with what it lacks of these segments; None: nothing.

        What was kept of a batch at a high level is noted in the window of its arrival as well, even if nothing is left
        of it: there it may have had the other end of a call.
        """
        folded_to = window.folded_to if window else LOG_START
        rest = [(links, arrival_s) for end, links, arrival_s in self._segments if end > folded_to]
        if not rest:
            return None
        parts = [window.links] if window else []
        for links, arrival_s in rest:
            part = select(links, links.minute // WINDOW_MINUTES * WINDOW_MINUTES == start)
            if len(part):
                parts.append(part)
            elif int(arrival_s) // 60 // WINDOW_MINUTES * WINDOW_MINUTES == start:
                parts.append(none(links.highest))
        links, floor = joined(parts), window.floor if window else 0
        links = thin(links, floor) if floor else links
        while len(links) > MOST_SPANS:
            floor += 1
            links = thin(links, floor)
        return LinkWindow(self._log, start, self._segments[-1][0], links, floor)

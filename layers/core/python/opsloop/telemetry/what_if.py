"""Files -> the series of a service as they would be if every attribute of its items were a dimension."""

from collections.abc import Sequence

from opsloop.catalog import Catalog, Service
from opsloop.dataclass import replace
from opsloop.telemetry.aggregate import Aggregate, merge
from opsloop.telemetry.cardinality import HourTally, tally
from opsloop.telemetry.census import take_census
from opsloop.telemetry.container import unwrap
from opsloop.telemetry.explain import newest_s, plan_file
from opsloop.telemetry.fold import split_by_hour
from opsloop.telemetry.payload import read_record

NO_LIMIT = 1 << 62


def tallies_of_files(
    contents: Sequence[bytes], service: Service, *, now_s: float, max_bytes: int
) -> tuple[list[HourTally], list[str]]:
    """Return the series of ``service`` per hour, and the names of all services in the files.

    ``now_s`` and ``max_bytes``: see ``explain.explain``.
    """
    parts: list[Aggregate] = []
    names: set[str] = set()
    for data in contents:
        container = unwrap(data, max_bytes=max_bytes)
        readings = [read_record(record, key, max_bytes=max_bytes) for record, key in container.records]
        census = take_census(payload for reading in readings for payload in reading.payloads)
        everything = replace(service, dimensions=tuple(census.keys(service.name)), series_limit=NO_LIMIT)
        others = replace(everything, name="", dimensions=())
        catalog = Catalog({service.name: everything}, others)
        segment = plan_file(container, newest_s(census, now_s), catalog, max_bytes=max_bytes)
        names |= {share.service for share in segment.shares}
        parts.append(segment.cells)
    by_hour = split_by_hour(merge(parts))
    tallies = [tally(hour, cells, name) for (name, hour), cells in by_hour.items() if name == service.name]
    return tallies, sorted(names)

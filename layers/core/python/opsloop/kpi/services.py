"""Who is known: the services that a team declared, and those that were heard from."""

from collections.abc import Iterable
from difflib import get_close_matches

from opsloop.catalog import Catalog, Service
from opsloop.dataclass import dataclass
from opsloop.errors import NotFoundError
from opsloop.kpi.model import State
from opsloop.telemetry.model import SeenService

SILENT_AFTER_MINUTES = 10


@dataclass(frozen=True)
class KnownService:
    """A service with the first and last minute (since the epoch) that it has data for, ``None`` if there are none."""

    service: Service
    state: State
    first_seen: int | None = None
    last_seen: int | None = None


def known_services(catalog: Catalog, seen: Iterable[SeenService], now_minute: int) -> list[KnownService]:
    """Return every service by name; one that is silent for over ten minutes, or was never heard from, is UNKNOWN."""
    heard = {one.service: one for one in seen}
    return [_known(catalog.service(name), heard.get(name), now_minute) for name in sorted({*heard, *catalog.services})]


def not_known(name: str, names: Iterable[str]) -> NotFoundError:
    """Return the error for a service that is none of ``names``; it says which of them look like it."""
    near = get_close_matches(name, sorted(set(names)), n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else "; GET /v1/services lists those known"
    return NotFoundError(f"service: {name!r} is not known{hint}")


def _known(service: Service, seen: SeenService | None, now_minute: int) -> KnownService:
    if seen is None:
        return KnownService(service, State.UNKNOWN)
    is_heard = now_minute - seen.last_seen <= SILENT_AFTER_MINUTES
    return KnownService(service, State.OK if is_heard else State.UNKNOWN, seen.first_seen, seen.last_seen)

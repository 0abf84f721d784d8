"""What a team decided about its services: tier, owner, dimensions, limits.

The text files under ``layers/catalog/`` are checked and compiled to one JSON document when the stacks are
synthesised, so what is read here is already right: defaults are filled in, and names are unique.
"""

import json
from collections.abc import Mapping
from typing import Any

from opsloop.dataclass import dataclass, field, replace
from opsloop.errors import InvalidInputError

FORMAT = 1


@dataclass(frozen=True)
class Service:
    """One service, by the ``service.name`` it sends.

    ``tier`` runs from 1 (users stop working without it) to 4 (nobody notices within a day). ``dimensions`` are the
    attributes that may tell series apart; at most ``series_limit`` series are kept per minute. A minute with an error
    ratio above ``availability_error_ratio`` counts as down. ``is_declared`` is false for a service that sends
    telemetry but is in no catalog file. ``counts_4xx_as_errors``: also the caller's mistakes are errors of this
    service. ``replica_attribute`` tells replicas of one sender apart, of which one counts. Telemetry since
    ``backfill_from`` (a day, UTC) keeps its own time however late it comes; empty: the usual limit holds. ``runbook``
    is the URL of the page that says what to do when the service misbehaves. ``anomaly`` says from when on something is
    unusual, where the defaults of ``opsloop.anomaly.policy`` do not fit.
    """

    name: str
    tier: int
    owner: str
    contact: str
    environment: str
    dimensions: tuple[str, ...]
    series_limit: int
    availability_error_ratio: float
    description: str = ""
    is_declared: bool = True
    counts_4xx_as_errors: bool = False
    replica_attribute: str = ""
    backfill_from: str = ""
    runbook: str = ""
    anomaly: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Channel:
    """Where people are told: ``kind`` ``mail`` has addresses in ``to``, ``slack`` the name of a ``secret``.

    What is less severe than ``min_severity`` is not told here, nor, where ``services`` are named, what is of others.
    """

    name: str
    kind: str
    to: tuple[str, ...] = ()
    secret: str = ""
    min_severity: str = "info"
    services: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """Every declared service, what holds for one that nobody declared, per stream its window for re-sends (s), and
    every channel on which people are told."""

    services: Mapping[str, Service]
    undeclared: Service
    streams: Mapping[str, int] = field(default_factory=dict)
    channels: tuple[Channel, ...] = ()

    @classmethod
    def from_json(cls, text: str | bytes) -> "Catalog":
        """Return the catalog of a compiled document; raise ``InvalidInputError`` for another format."""
        document = json.loads(text)
        if document.get("format") != FORMAT:
            raise InvalidInputError(f"catalog: format {document.get('format')!r} is not {FORMAT}; build the layer anew")
        return cls(
            services={item["name"]: _service(item) for item in document["services"]},
            undeclared=replace(_service({"name": "", **document["undeclared"]}), is_declared=False),
            streams=document.get("streams", {}),
            channels=tuple(_channel(item) for item in document.get("channels", ())),
        )

    def service(self, name: str) -> Service:
        """Return the service of that name, or one with the defaults for services that nobody declared."""
        return self.services.get(name) or replace(self.undeclared, name=name)


def _service(item: Mapping[str, Any]) -> Service:
    return Service(**{**item, "dimensions": tuple(item["dimensions"])})


def _channel(item: Mapping[str, Any]) -> Channel:
    return Channel(**{**item, "to": tuple(item.get("to", ())), "services": tuple(item.get("services", ()))})

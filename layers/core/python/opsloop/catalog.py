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
class Assertion:
    """What must be true of a restored copy: ``sql`` answers one boolean."""

    name: str
    sql: str


@dataclass(frozen=True)
class BackupSource:
    """What else backs a database up: ``kind`` ``pgbackrest``, ``barman``, ``walg`` (a ``report`` in the bucket)
    or ``rds`` (an ``instance``)."""

    kind: str
    report: str = ""
    instance: str = ""


@dataclass(frozen=True)
class Database:
    """One database that is backed up.

    ``service`` is the declared service it belongs to. ``secret`` names how to connect; without it dumps are made
    elsewhere. ``source_name`` is what the server calls it. A dump is due every ``every_h`` hours, counted from the
    epoch. ``rpo_s`` and ``rto_s`` are its objectives, by its tier unless it has its own.
    """

    name: str
    service: str
    tier: int
    description: str
    secret: str
    source_name: str
    schemas: tuple[str, ...]
    exclude_schemas: tuple[str, ...]
    every_h: float
    format: str
    retention: str
    legal_hold: bool
    object_lock_days: int
    rpo_s: float
    rto_s: float
    assertions: tuple[Assertion, ...] = ()
    sources: tuple[BackupSource, ...] = ()


@dataclass(frozen=True)
class RetentionClass:
    """How long dumps are kept. Which of the numbers count depends on ``policy``, see docs/catalog.md."""

    name: str
    policy: str
    mode: str = "suggest"
    keep: int = 0
    days: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    minimum: int = 3


@dataclass(frozen=True)
class DrillStep:
    """One thing to do in a drill; ``phase`` is ``assess``, ``fail_over``, ``validate`` or ``communicate``."""

    phase: str
    do: str
    target_minutes: float | None = None


@dataclass(frozen=True)
class Disaster:
    """What is drilled each quarter, for which databases, and its own steps, if it has any."""

    name: str
    databases: tuple[str, ...]
    description: str = ""
    steps: tuple[DrillStep, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """Every declared service, what holds for one that nobody declared, per stream its window for re-sends (s), every
    channel on which people are told, and every database with what is to become of its dumps."""

    services: Mapping[str, Service]
    undeclared: Service
    streams: Mapping[str, int] = field(default_factory=dict)
    channels: tuple[Channel, ...] = ()
    databases: Mapping[str, Database] = field(default_factory=dict)
    retention: Mapping[str, RetentionClass] = field(default_factory=dict)
    disasters: Mapping[str, Disaster] = field(default_factory=dict)

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
            databases={item["name"]: _database(item) for item in document.get("databases", ())},
            retention={item["name"]: RetentionClass(**item) for item in document.get("retention", ())},
            disasters={item["name"]: _disaster(item) for item in document.get("disasters", ())},
        )

    def service(self, name: str) -> Service:
        """Return the service of that name, or one with the defaults for services that nobody declared."""
        return self.services.get(name) or replace(self.undeclared, name=name)


def _service(item: Mapping[str, Any]) -> Service:
    return Service(**{**item, "dimensions": tuple(item["dimensions"])})


def _channel(item: Mapping[str, Any]) -> Channel:
    return Channel(**{**item, "to": tuple(item.get("to", ())), "services": tuple(item.get("services", ()))})


def _database(item: Mapping[str, Any]) -> Database:
    return Database(
        **{
            **item,
            "schemas": tuple(item["schemas"]),
            "exclude_schemas": tuple(item["exclude_schemas"]),
            "assertions": tuple(Assertion(**one) for one in item["assertions"]),
            "sources": tuple(BackupSource(**one) for one in item["sources"]),
        }
    )


def _disaster(item: Mapping[str, Any]) -> Disaster:
    steps = tuple(DrillStep(**one) for one in item["steps"])
    return Disaster(**{**item, "databases": tuple(item["databases"]), "steps": steps})

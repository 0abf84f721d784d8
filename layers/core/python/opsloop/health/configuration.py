"""The deployment as it is: stage, versions, settings of each function, the catalog in short. No secrets."""

from collections.abc import Mapping
from typing import Any

from opsloop.catalog import Catalog
from opsloop.dataclass import dataclass
from opsloop.health.facts import FunctionFact
from opsloop.health.snapshot import Snapshot

SEARCHER = "log_query"
OF_LAMBDA = "set by Lambda"
"""The meaning of a variable that no stack sets."""


@dataclass(frozen=True)
class About:
    """This deployment: its stage, region, version, and how long what is kept (days by what)."""

    stage: str
    region: str
    version: str
    retention_days: Mapping[str, int]


def configuration(seen: Snapshot, facts: Mapping[str, FunctionFact], catalog: Catalog, about: About) -> dict[str, Any]:
    """Return the configuration for people. Addresses and names of secrets of channels stay out."""
    runtimes = sorted({setup.runtime for setup in seen.setups.values() if setup.runtime})
    architectures = sorted({setup.architecture for setup in seen.setups.values()})
    return {
        "stage": about.stage,
        "region": about.region,
        "version": about.version,
        "runtimes": runtimes,
        "architectures": architectures,
        "search": _search(seen),
        "retention_days": dict(about.retention_days),
        "catalog": {
            "services": len(catalog.services),
            "owners": sorted({service.owner for service in catalog.services.values()}),
            "streams": dict(catalog.streams),
            "channels": [
                {
                    "name": one.name,
                    "kind": one.kind,
                    "min_severity": one.min_severity,
                    "services": list(one.services) or None,
                }
                for one in catalog.channels
            ],
        },
        "functions": [_settings(fact, seen) for fact in sorted(facts.values(), key=lambda one: one.name)],
    }


def _search(seen: Snapshot) -> dict[str, str | None]:
    setup = seen.setups.get(SEARCHER)
    if setup is None:
        return {"kind": None, "endpoint": None}
    endpoint = setup.settings.get("SEARCH_ENDPOINT", "")
    kind = "none"
    if endpoint:
        kind = "embedded" if endpoint.startswith("file:") else "OpenSearch"
    return {"kind": kind, "endpoint": endpoint or None}


def _settings(fact: FunctionFact, seen: Snapshot) -> dict[str, Any]:
    """Return every setting that the function reads, as deployed or, where the deployment is silent, its default."""
    setup = seen.setups.get(fact.name)
    given = setup.settings if setup else {}
    rows = [
        {
            "name": one.name,
            "value": given.get(one.name, _plain(one.default) if setup else None),
            "is_default": one.name not in given,
            "meaning": one.meaning,
        }
        for one in fact.settings
        if one.meaning != OF_LAMBDA
    ]
    return {"name": fact.name, "is_known": setup is not None, "settings": rows}


def _plain(default: str | None) -> str | None:
    """Return a default, which is Python text, as an environment variable would have it."""
    return default.strip("'\"") if default is not None else None

"""Grafana's builder library, imported in silence: it advises the dashboards' second schema in favour of the first.

Grafana before 13 cannot read the second one, and 13 reads both.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import common as common_builders
    from grafana_foundation_sdk.builders import dashboard as builders
    from grafana_foundation_sdk.builders import stat, table, timeseries
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import common
    from grafana_foundation_sdk.models import dashboard as models
    from grafana_foundation_sdk.models import table as table_models

__all__ = [
    "Builder",
    "Dataquery",
    "JSONEncoder",
    "builders",
    "common",
    "common_builders",
    "models",
    "stat",
    "table",
    "table_models",
    "timeseries",
]

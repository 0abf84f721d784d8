"""HTTP GET /v1/platform (scope read) -> how opsloop itself does, its configuration and what the month costs."""

import json

from aws_lambda_powertools import Logger, Metrics

import opsloop.cold_start
from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.catalog_layer import load_catalog, load_functions, load_openapi
from opsloop.adapters.health_table import HealthTable
from opsloop.adapters.platform_table import PlatformTable
from opsloop.dataclass import dataclass
from opsloop.health.configuration import About
from opsloop.health.facts import read_facts
from opsloop.health.platform import platform
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings


@dataclass(frozen=True)
class Settings:
    stage: str  # such as `prod`
    retention: str  # days that things are kept, as `raw_logs=3 quarantine=90`
    health_table: str
    access_table: str
    aws_region: str = ""  # set by Lambda


settings = read_settings(Settings)
facts, catalog = read_facts(load_functions()), load_catalog()
about = About(
    stage=settings.stage,
    region=settings.aws_region,
    version=str(json.loads(load_openapi())["info"]["version"]),
    retention_days={
        what.replace("_", " "): int(days)
        for what, is_told, days in (one.partition("=") for one in settings.retention.split())
        if is_told
    },
)
measured, probed = PlatformTable(settings.health_table), HealthTable(settings.health_table)
api = Api(Authenticator(AccessTable(settings.access_table).find), Logger(), Metrics())
lambda_handler = api.lambda_handler
opsloop.cold_start.finish()


@api.route("GET", "/v1/platform", scope=Scope.READ, query=())
def show(request: Request) -> Response:
    """Answer what was measured last, and when; nothing is asked of AWS for it but two items of one table."""
    return json_response(platform(measured.read(), probed.read(), facts, catalog, about, request.now))

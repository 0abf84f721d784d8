"""HTTP GET /console, /console/... (open) -> the console's page, script and style, from its layer."""

from aws_lambda_powertools import Logger, Metrics

from opsloop.access.cookie import is_encrypted
from opsloop.adapters.site_layer import file_names, read_compressed, read_file
from opsloop.dashboard.headers import security_headers
from opsloop.dashboard.site import accepts_gzip, cache_control, content_type, file_at
from opsloop.dataclass import dataclass, replace
from opsloop.errors import OpsloopError
from opsloop.runtime.http import Api
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, problem, tagged_response
from opsloop.runtime.settings import read_settings


@dataclass(frozen=True)
class Settings:
    pass


def refuse(error: OpsloopError, request: Request) -> Response:
    """Return the problem, with the headers of every answer here."""
    return _strict(problem(error, request), request)


settings = read_settings(Settings)
logger, metrics = Logger(), Metrics()
api = Api(None, logger, metrics, render_error=refuse)
lambda_handler = api.lambda_handler


@api.route("GET", "/console", scope=None)
@api.route("GET", "/console/", scope=None)
@api.route("GET", "/console/{proxy+}", scope=None)
def serve(request: Request) -> Response:
    """Answer the file of that path, or the page, which shows what the path says."""
    name = file_at(request.path_parameters.get("proxy", ""), file_names())
    packed = read_compressed(name) if accepts_gzip(request.headers.get("accept-encoding", "")) else None
    headers = {"content-type": content_type(name), "cache-control": cache_control(name), "vary": "accept-encoding"}
    if packed is not None:
        headers["content-encoding"] = "gzip"
    return _strict(tagged_response(request, read_file(name) if packed is None else packed, headers), request)


def _strict(response: Response, request: Request) -> Response:
    strict = security_headers(is_encrypted=is_encrypted(request.headers))
    return replace(response, headers={**strict, **response.headers})

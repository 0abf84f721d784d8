"""HTTP GET /openapi.json, GET /, whatever no route answers -> the description of the API, its links, or a refusal."""

import json
import re
from collections.abc import Iterable

from aws_lambda_powertools import Logger, Metrics

from opsloop.adapters.catalog_layer import load_openapi
from opsloop.dataclass import dataclass, replace
from opsloop.errors import NotFoundError
from opsloop.runtime.http import Api, MethodNotAllowedError
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, document_response, json_response
from opsloop.runtime.settings import read_settings

MAX_AGE_S = 300
CONSOLE = "/console"
METHODS = {"get", "put", "post", "delete", "patch"}


@dataclass(frozen=True)
class Settings:
    pass


def refuse(request: Request) -> Response:
    """Refuse what no function answers: 405 on a path that has other methods, else 404.

    API Gateway takes a path with a slash at its end for another one, and knows no route for that of the console.
    """
    if request.path == f"{CONSOLE}/" and request.method in ("GET", "HEAD"):
        return see(f"{CONSOLE}?{request.raw_query}" if request.raw_query else CONSOLE)
    for path, operations in json.loads(load_openapi())["paths"].items():
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)), request.path):
            raise MethodNotAllowedError(request.method, [name.upper() for name in METHODS & operations.keys()])
    raise NotFoundError(f"there is nothing at {request.path}; what there is, /openapi.json tells")


settings = read_settings(Settings)
logger, metrics = Logger(), Metrics()
api = Api(None, logger, metrics, fallback=refuse)
lambda_handler = api.lambda_handler


@api.route("GET", "/openapi.json", scope=None)
def describe(request: Request) -> Response:
    """Answer the OpenAPI 3.1 document of the whole API."""
    return document_response(request, load_openapi(), content_type="application/json", max_age_s=MAX_AGE_S)


@api.route("GET", "/", scope=None)
def welcome(request: Request) -> Response:
    """Answer name, version and links; send browsers to the console."""
    if "text/html" in request.headers.get("accept", ""):
        return see(CONSOLE)
    document = json.loads(load_openapi())
    about = document["info"]
    answer = json_response({"name": about["title"], "version": about["version"], "links": links(document["paths"])})
    return replace(answer, headers={**answer.headers, "vary": "accept"})


def see(place: str) -> Response:
    """Send the caller on to ``place``, a path of ours."""
    return Response(302, headers={"location": place.encode("ascii", "replace").decode(), "vary": "accept"})


def links(paths: Iterable[str]) -> dict[str, str]:
    """Return the paths of the API that need no name of a thing, each by its last word."""
    plain = sorted(path for path in paths if path != "/" and "{" not in path)
    return {path.rpartition("/")[2].removesuffix(".json"): path for path in plain}

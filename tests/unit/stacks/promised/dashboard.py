"""Dashboard: files are served to everybody, and nothing is touched."""

from tests.unit.stacks.promises import Promises

PROMISES = Promises(
    may={"dashboard_serve": {}},
    routes=frozenset({"GET /console", "HEAD /console", "GET /console/{proxy+}", "HEAD /console/{proxy+}"}),
)

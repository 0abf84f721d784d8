"""The boards Production health and Database health."""

from opsloop.dashboard.panels import (
    Board,
    Choice,
    Column,
    Kind,
    Level,
    Meaning,
    Panel,
    Place,
    Question,
    Shape,
    Share,
    Unit,
)

KPIS, SERVICES, ANOMALIES = "/v1/kpis", "/v1/services", "/v1/anomalies"
RANGE = (("from", "{from}"), ("to", "{to}"))
OF_SERVICE = (("service", "{service}"), ("resolution", "{resolution}"), *RANGE)
START = Column(("start",), "time", Kind.TIME)
DOWN_ABOVE_RATIO = 0.05
"""The catalog's default of ``availability_error_ratio``: above it a minute counts as down."""
NO_CALL = "(none)"
HTTP_METHODS = "GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|QUERY|HTTP|_OTHER"
"""What names of HTTP client spans begin with, as the semantic conventions have them."""
SERVICE_LINKS = (("Open in the console", "{console}/services/{value}"),)


def _kpis(*columns: Column, parameters: tuple[tuple[str, str], ...]) -> Question:
    names = ",".join(one.path[0] for one in columns)
    return Question(KPIS, (*OF_SERVICE, *parameters, ("kpi", names)), "rows", (START, *columns))


def _requests(*columns: Column) -> Question:
    return _kpis(*columns, parameters=(("operation", "{operation}"),))


def _calls(*columns: Column) -> Question:
    return _kpis(*columns, parameters=(("operation", "{call}"), ("kind", "client")))


def _metric(name: str, *columns: Column, only: tuple[str, ...] = ("kind",)) -> Question:
    """Ask for a metric; rows of silent periods have no kind, so they are left out."""
    return Question(KPIS, (*OF_SERVICE, ("kpi", f"metric:{name}")), "rows", (START, *columns), only=only)


def _operations(kind: str) -> Question:
    asked = (("service", "{service}"), ("operation", "*"), ("kind", kind), ("resolution", "day"), *RANGE)
    column = Column(("operation",), "operation", Kind.TEXT)
    return Question(KPIS, (*asked, ("kpi", "requests")), "rows", (column,), only=("operation",))


LATENCY = tuple(Column((f"{name}_ms",), name, unit=Unit.MILLISECONDS) for name in ("p50", "p95", "p99"))
ERROR_RATIO = Column(("error_ratio",), "error ratio", unit=Unit.RATIO, levels=(Level(DOWN_ABOVE_RATIO, Meaning.BAD),))
SEVERITY_WORDS = (("warning", Meaning.WARNING), ("critical", Meaning.BAD))
STATE_WORDS = (("OK", Meaning.WELL), ("UNKNOWN", Meaning.UNKNOWN))

SERVICE = Choice(
    name="service",
    label="Service",
    description="The services of the catalog and those heard from.",
    question=Question(
        SERVICES, (("limit", "1000"),), "services", (Column(("service",), "service", Kind.TEXT),), is_paged=False
    ),
)
OPERATION = Choice(
    name="operation",
    label="Operation",
    description="A span name, or the whole service.",
    options=(("whole service", ""),),
    question=_operations("request"),
)
CALL = Choice(
    name="call",
    label="Database call",
    description="Client spans of the service whose names are not those of HTTP calls.",
    options=((NO_CALL, NO_CALL),),
    question=_operations("client"),
    refused=rf"(?:HTTP\s+)?(?:{HTTP_METHODS})(?:\s+/|\s*$)",  # DELETE /orders is HTTP, DELETE orders is SQL
)
RESOLUTION = Choice(
    name="resolution",
    label="Resolution",
    description="Minutes reach over a day (of metrics 6 hours), hours over 31 days (of metrics 7).",
    options=tuple((name, name) for name in ("minute", "hour", "day")),
)

SERVICES_PANEL = Panel(
    title="Services",
    description="UNKNOWN: nothing was heard for over ten minutes. It is neither zero nor well.",
    shape=Shape.TABLE,
    place=Place(0, 0, 12, 8),
    questions=(
        Question(
            SERVICES,
            (("limit", "1000"),),
            "services",
            (
                Column(("service",), "service", Kind.TEXT, links=SERVICE_LINKS),
                Column(("state",), "state", Kind.TEXT, words=STATE_WORDS),
                Column(("last_seen",), "last seen", Kind.TIME),
                Column(("tier",), "tier"),
                Column(("owner",), "owner", Kind.TEXT),
            ),
            is_paged=False,
        ),
    ),
    sorted_by="state",
)
ANOMALIES_PANEL = Panel(
    title="Open anomalies",
    description="What is unusual now, of all services. None is no proof of health: the console tells what is judged.",
    shape=Shape.TABLE,
    place=Place(12, 0, 12, 8),
    questions=(
        Question(
            ANOMALIES,
            (("state", "open"), *RANGE, ("limit", "1000")),
            "anomalies",
            (
                Column(("first_minute",), "began", Kind.TIME),
                Column(("severity",), "severity", Kind.TEXT, words=SEVERITY_WORDS),
                Column(("service",), "service", Kind.TEXT, links=SERVICE_LINKS),
                Column(("reason",), "reason", Kind.TEXT),
                Column(
                    ("anomaly_id",),
                    "anomaly",
                    Kind.TEXT,
                    links=(("Open in the console", "{console}/anomalies/{value}"),),
                ),
            ),
            is_paged=False,
        ),
    ),
    nothing="No anomaly is open. That is no proof of health.",
)
AVAILABILITY_PANEL = Panel(
    title="Availability",
    description="Minutes available / (available + unavailable), counted over the range. Silent minutes are neither.",
    shape=Shape.TOTALS,
    place=Place(0, 16, 8, 8),
    questions=(
        _requests(
            Column(("available_minutes",), "available", unit=Unit.MINUTES),
            Column(("unavailable_minutes",), "unavailable", unit=Unit.MINUTES, levels=(Level(1, Meaning.BAD),)),
            Column(("unknown_minutes",), "unknown", unit=Unit.MINUTES, levels=(Level(1, Meaning.UNKNOWN),)),
        ),
    ),
    share=Share("availability", "available", ("available", "unavailable")),
)

PRODUCTION = Board(
    name="opsloop-production-health",
    title="Production health",
    description="One service at a time, as opsloop counts it, beside the state of all.",
    choices=(SERVICE, OPERATION, RESOLUTION),
    panels=(
        SERVICES_PANEL,
        ANOMALIES_PANEL,
        Panel(
            title="Request rate (per {resolution})",
            description="Server and consumer spans that started in each period.",
            shape=Shape.LINES,
            place=Place(0, 8, 8, 8),
            questions=(_requests(Column(("requests",), "requests")),),
        ),
        Panel(
            title="Error ratio",
            description="Requests in error / all. Above the line (5 %) a minute counts as down, by default.",
            shape=Shape.LINES,
            place=Place(8, 8, 8, 8),
            questions=(_requests(ERROR_RATIO),),
        ),
        Panel(
            title="Latency",
            description="Durations of requests, from merged histograms: within 0.55 % of the true percentile.",
            shape=Shape.LINES,
            place=Place(16, 8, 8, 8),
            questions=(_requests(*LATENCY),),
        ),
        AVAILABILITY_PANEL,
        Panel(
            title="Log errors",
            description="Log records of severity ERROR and above. No bar: none, or nothing was heard; see Services.",
            shape=Shape.BARS,
            place=Place(8, 16, 16, 8),
            questions=(
                _metric(
                    "log.records",
                    Column(("errors",), "errors"),
                    Column(("kind",), "severity", Kind.TEXT, is_label=True),
                ),
            ),
            quiet=("trace", "debug", "info", "warn", "unspecified"),
        ),
    ),
)

DATABASE = Board(
    name="opsloop-database-health",
    title="Database health",
    description="What a service sees of its databases: its calls, and its pools of connections.",
    choices=(SERVICE, CALL, RESOLUTION),
    panels=(
        Panel(
            title="Database call latency",
            description=(
                "Client spans named as chosen; and the metric db.client.operation.duration where it is sent "
                "(an operation each if db.operation.name is a dimension)."
            ),
            shape=Shape.LINES,
            place=Place(0, 0, 24, 9),
            questions=(
                _calls(*LATENCY),
                _metric(
                    "db.client.operation.duration",
                    Column(("p95",), "p95 of the metric", unit=Unit.SECONDS),
                    Column(("attributes", "db.operation.name"), "operation", Kind.TEXT, is_label=True),
                ),
            ),
        ),
        Panel(
            title="Database call errors",
            description="Client spans named as chosen: those in error / all, and how many.",
            shape=Shape.LINES,
            place=Place(0, 9, 12, 9),
            questions=(_calls(ERROR_RATIO, Column(("errors",), "errors", is_on_the_right=True)),),
        ),
        Panel(
            title="Connection pool",
            description=(
                "Connections by state, the mean of each {resolution}. "
                "Needs db.client.connection.state among the service's dimensions (catalog)."
            ),
            shape=Shape.BARS,
            place=Place(12, 9, 12, 9),
            questions=tuple(
                _metric(
                    name,
                    Column(("mean",), "connections"),
                    Column(("attributes", "db.client.connection.state"), "state", Kind.TEXT, is_label=True),
                    only=("attributes", "db.client.connection.state"),
                )
                for name in ("db.client.connection.count", "db.client.connections.usage")
            ),
        ),
    ),
)

BOARDS = (PRODUCTION, DATABASE)

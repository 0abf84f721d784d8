"""The usual band over HTTP: what the detector learnt of a shop in a quiet fortnight."""

from urllib.parse import urlencode

import pytest

from opsloop.adapters.anomaly_state import StateTable
from opsloop.adapters.segment_store import SegmentStore
from opsloop.anomaly.outbox import Outbox
from opsloop.anomaly.outbox import encode as encode_outbox
from opsloop.anomaly.saved import Saved, pack
from opsloop.catalog import Catalog
from opsloop.clock import format_time, time_of
from opsloop.telemetry.model import SeenService
from opsloop.telemetry.pressure import OWN_SERVICE
from tests.integration.described import as_described
from tests.unit.anomaly.quiet import START
from tests.unit.anomaly.test_quiet import CATALOG, END, fortnight

pytestmark = pytest.mark.xdist_group("fortnight")  # whoever has it first made it for all

PATH = "/v1/anomalies/bands"
DAY = 1440


class Known:
    """Blocks, of which only is asked who was heard."""

    def __init__(self, *names):
        self.names = names

    def services(self):
        return [SeenService(name, START, END) for name in self.names]


@pytest.fixture
def learnt(aws):
    """Store what the detector remembers of a quiet fortnight."""
    states = StateTable(aws.names["ANOMALY_TABLE"], SegmentStore(aws.names["SEGMENT_BUCKET"]))
    body, empty = fortnight(1)[1], encode_outbox(Outbox(END))
    states.save(Saved(1, body, empty, pack([]), pack({}), END), now=time_of(END))


@pytest.fixture
def ask(tokens, load_handler, http_event, context):
    """Return ``ask(service="web")``: the answer, which agrees with the API description."""
    handler = load_handler("anomaly_query")
    handler.blocks = Known("web", "orders", "payments")
    handler.catalog = CATALOG

    def send(status=200, key="read", **query):
        text = urlencode({name.rstrip("_"): value for name, value in query.items()})
        event = http_event("GET", PATH, query=text, token=tokens[key], now=time_of(END + 1))
        answer = handler.lambda_handler(event, context)
        assert answer["statusCode"] == status, answer["body"]
        return as_described("GET", PATH, answer)

    send.handler = handler
    return send


def by_series(answer):
    return {(one["service"], one["measure"], one["operation"]): one for one in answer["series"]}


def test_every_service_has_its_three_bands_over_the_last_day(learnt, ask):
    answer = ask(service="*", to=format_time(time_of(END)), step_s=300)
    assert (answer["from"], answer["to"]) == (format_time(time_of(END - DAY)), format_time(time_of(END)))
    assert (answer["step_s"], answer["points"], answer["judged_to"]) == (300, 288, format_time(time_of(END)))
    assert [(one["service"], one["measure"]) for one in answer["series"]] == [
        (service, measure) for service in ("orders", "payments", "web") for measure in ("rate", "error_ratio", "p95")
    ]
    for one in answer["series"]:
        assert {len(one[name]) for name in ("expected", "low", "high")} == {288}
    rate = by_series(answer)["web", "rate", ""]
    assert rate["unit"] == "requests/s"
    assert min(rate["expected"]) < 360 / 60 < max(rate["expected"])  # 360 a minute on average


def test_a_month_of_hours_is_one_answer(learnt, ask):
    answer = ask(service="*", from_=format_time(time_of(END - 31 * DAY)), to=format_time(time_of(END)), step_s=3600)
    assert answer["points"] == 744
    assert by_series(answer)["web", "rate", ""]["judged"]


def test_one_service_has_every_series_and_what_has_no_band_says_why(learnt, ask):
    found = by_series(ask(service="payments", from_=format_time(time_of(END - 60)), step_s=300))
    assert set(found) == {
        ("payments", measure, operation)
        for measure in ("rate", "error_ratio", "p95")
        for operation in ("", "POST /charges", "GET /charges/{id}")
    } | {("payments", "silence", "")}
    for one in found.values():
        assert (None in one["high"]) == bool(one["reason"]), one


def test_measures_select(learnt, ask):
    found = ask(service="web", measure="p95,error_ratio")["series"]
    assert {one["measure"] for one in found} == {"p95", "error_ratio"}
    assert {one["measure"] for one in ask(service="*", measure="p95")["series"]} == {"p95"}
    nothing = ask(service="web", measure="saturation")["series"]
    assert [(one["judged"], one["reason"]) for one in nothing] == [(False, "nothing of this was ever measured")]


def test_points_end_with_the_one_that_holds_now(learnt, ask):
    answer = ask(service="web", from_=format_time(time_of(END - 60)), to=format_time(time_of(END + DAY)), step_s=300)
    assert answer["points"] == 13  # the thirteenth began a minute ago


def test_services_of_which_nothing_is_known_stand_in_the_answer(learnt, ask):
    ask.handler.blocks = Known("web", "young", OWN_SERVICE)
    ask.handler.catalog = Catalog({"billing": CATALOG.service("billing")}, CATALOG.undeclared)
    said = {one["service"]: one["reason"] for one in ask(service="*", measure="rate")["series"] if not one["judged"]}
    assert said == {
        "young": "nothing of this was ever measured",
        "billing": "no telemetry was ever heard of it",
        OWN_SERVICE: "its own telemetry is left to its health: GET /v1/health",
    }


def test_before_anything_was_judged_the_answer_says_so(ask):
    answer = ask(service="*")
    assert answer["judged_to"] is None
    assert {one["reason"] for one in answer["series"]} == {"nothing was ever judged"}
    assert {one["judged"] for one in answer["series"]} == {False}
    assert len(answer["series"]) == 9


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({}, "service"),
        ({"service": "*", "measure": "saturation"}, "measure"),
        ({"service": "web", "measure": "speed"}, "measure"),
        ({"service": "web", "measure": ""}, "measure"),
        ({"service": "web", "step_s": 61}, "step_s"),
        ({"service": "web", "step_s": "five"}, "step_s"),
        ({"service": "web", "from_": "2026-11-01T00:00:00Z", "to": "2026-11-12T00:00:00Z", "step_s": 300}, "step_s"),
        ({"service": "web", "from_": "2026-10-01T00:00:00Z", "to": "2026-11-12T00:00:00Z", "step_s": 3600}, "from"),
        ({"service": "web", "from_": "2026-11-12T00:00:00Z", "to": "2026-11-12T00:00:00Z"}, "from"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_named(learnt, ask, query, named):
    assert ask(status=400, **query)["detail"].startswith(f"{named}:")


def test_a_service_that_is_not_known_is_404_and_without_a_key_nothing_is_told(learnt, ask):
    assert "'bank'" in ask(status=404, service="bank")["detail"]
    ask(status=403, key="ingest", service="web")

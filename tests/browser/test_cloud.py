"""The deployed console over the local cloud: real sessions, real telemetry, from the overview to a log line."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from opsloop.adapters import aws_environment
from opsloop.adapters.anomaly_table import AnomalyTable
from opsloop.anomaly.model import Anomaly, Direction, Severity, State
from opsloop.anomaly.record import anomaly_id
from opsloop.anomaly.series import Key
from opsloop.clock import minute_of
from tests.browser.opened import DESKTOP, address, settled
from tests.browser.watch import Watch, problems_of
from tests.e2e.deployment import RUN, Deployment, wait_until
from tests.e2e.sender import Truth, bodies_of, make_spans

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

SERVICE = f"console-{RUN}"
HOSTILE = f"<img src=x onerror=alert(1)>-{RUN}"
LINES = 20
LINE = "no connection from the pool within 2000 ms: 8 of 8 in use"
REASON = f"{SERVICE}: 29 % of 275 requests in 5 minutes failed, usual is 0.7 %, at most 3.7 %."
REFUSED = r"^console: Failed to load resource: the server responded with a status of 401"
CLOUD_PATIENCE_MS = 30_000
Open = Callable[..., Page]


def log_request(service: str, at: datetime, bodies: list[str]) -> bytes:
    """Return OTLP log lines of ``service`` as JSON, a second apart."""
    records = [
        {
            "timeUnixNano": str(int((at + timedelta(seconds=number)).timestamp()) * 1_000_000_000),
            "severityNumber": 17,
            "severityText": "ERROR",
            "body": {"stringValue": body},
            "attributes": [{"key": "order.id", "value": {"stringValue": f"ord-{number}"}}],
        }
        for number, body in enumerate(bodies)
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}).encode()


@pytest.fixture(scope="module")
def began() -> datetime:
    """When the fault began: half an hour ago, at a whole minute."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=30)


@pytest.fixture(scope="module")
def told(deployment: Deployment, began: datetime) -> None:
    """Spans and lines of two services, and an anomaly of one of them, in the stores of the cloud."""
    for service in (SERVICE, HOSTILE):
        spans = make_spans(service, count=400, start_s=int(began.timestamp()), spread_s=1_200, seed=11, truth=Truth())
        for body in bodies_of(spans, per_body=400):
            assert deployment.post("traces", body).status == 200
        lines = log_request(service, began, [f"{LINE} {HOSTILE}"] * LINES)
        assert deployment.post("logs", lines, content_type="application/json").status == 200
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_REGION", deployment.stack["region"])
        patch.setattr(aws_environment, "overridden", lambda _: deployment.stack["aws_endpoint_url"])
        table = AnomalyTable(deployment.stack["anomaly_table"])
        table.put(anomaly(minute_of(began)), judged_to=minute_of(began) + 20)

    question = urlencode({"service": SERVICE, "from": began.isoformat(), "to": datetime.now(UTC).isoformat()})

    def is_there() -> bool:
        deployment.invoke("telemetry_fold")
        lines = deployment.request("GET", f"/v1/logs?{question}", key=deployment.stack["read_key"])  # 404 at first
        has_lines = lines.status == 200 and lines.json()["total"] >= LINES
        return has_lines and deployment.is_known(SERVICE) and deployment.is_known(HOSTILE)

    wait_until("what was sent", is_there)


def anomaly(first_minute: int) -> Anomaly:
    """Return what the detector would have called, over by now."""
    return Anomaly(
        anomaly_id=anomaly_id(Key(SERVICE, "error_ratio"), first_minute),
        service=SERVICE,
        measure="error_ratio",
        direction=Direction.HIGH,
        state=State.ENDED,
        severity=Severity.CRITICAL,
        score=0.9,
        value=0.29,
        expected=0.007,
        low=0.0,
        high=0.037,
        unit="ratio",
        reason=REASON,
        first_minute=first_minute,
        last_minute=first_minute + 14,
        votes={"zscore": 0.9, "shift": 0.4, "drift": 0.0},
    )


@pytest.fixture
def visitor(browser: Browser, deployment: Deployment) -> Iterator[tuple[Page, Watch]]:
    """A page that nobody is signed in on, and its watch; problems fail the test."""
    context = browser.new_context(viewport=DESKTOP, locale="en-GB", timezone_id="UTC")
    context.set_default_timeout(CLOUD_PATIENCE_MS)
    watch = Watch(context, deployment.stack["api_url"])
    watch.allow(REFUSED)  # before anybody is signed in
    page = context.new_page()
    yield page, watch
    problems = problems_of(watch, page)
    context.close()
    assert problems == []


@pytest.fixture
def open_as(visitor: tuple[Page, Watch], deployment: Deployment) -> Open:
    """Return ``open_as(key, path)``: the console at ``path``, signed in with ``key`` by the form."""

    def opened(key: str, path: str = "/") -> Page:
        page, _ = visitor
        page.goto(f"{deployment.stack['api_url']}/console{path}")
        page.get_by_label("Key").fill(key)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.locator("nav[aria-label=Pages]")).to_be_visible(timeout=CLOUD_PATIENCE_MS)
        return settled(page)

    return opened


def cookie(page: Page) -> dict[str, Any]:
    """Return the session's cookie; there is no other."""
    (found,) = page.context.cookies()
    return dict(found)


def wait_until_refused(deployment: Deployment, kept: dict[str, Any], *paths: str) -> None:
    """Wait until the session of a cookie is refused at ``paths``: each process may remember it for a minute."""
    sent = f"{kept['name']}={kept['value']}"
    wait_until(
        "the end of the session",
        lambda: all(deployment.request("GET", path, cookie=sent).status == 401 for path in paths),
    )


def test_a_wrong_key_opens_nothing(visitor: tuple[Page, Watch], deployment: Deployment):
    page, _ = visitor
    page.goto(f"{deployment.stack['api_url']}/console/")
    page.get_by_label("Key").fill(f"opsloop_{'0' * 12}_{'0' * 64}")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    expect(page.locator("nav[aria-label=Pages]")).to_have_count(0)
    assert page.context.cookies() == []


def test_a_session_is_a_cookie_that_scripts_cannot_read_and_ends_with_signing_out(
    open_as: Open, deployment: Deployment
):
    page = open_as(deployment.stack["read_key"])
    kept = cookie(page)
    assert (kept["httpOnly"], kept["sameSite"], kept["path"]) == (True, "Strict", "/")
    assert time.time() < kept["expires"] < time.time() + 13 * 3_600
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Key")).to_be_visible()
    assert page.context.cookies() == []
    wait_until_refused(deployment, kept, "/v1/session")  # the process that ended it knows at once


def test_a_revoked_key_ends_its_sessions(open_as: Open, deployment: Deployment):
    admin = deployment.stack["admin_key"]
    wish = json.dumps({"name": f"console-{RUN}", "scopes": ["read"]}).encode()
    made = deployment.request("POST", "/v1/keys", key=admin, body=wish, content_type="application/json").json()
    page = open_as(made["token"])
    assert deployment.request("DELETE", f"/v1/keys/{made['key_id']}", key=admin).status == 200

    wait_until_refused(deployment, cookie(page), "/v1/session", "/v1/services")
    page.get_by_role("button", name="Refresh now").dispatch_event("click")  # the page may have noticed by itself
    expect(page.get_by_label("Key")).to_be_visible()


def test_from_the_overview_to_the_line_that_tells_why(told: None, open_as: Open, deployment: Deployment):
    page = open_as(deployment.stack["read_key"])
    page.locator("main").get_by_text(SERVICE, exact=True).first.click()
    expect(settled(page).get_by_role("heading", level=1)).to_contain_text(SERVICE)
    page.locator("nav[aria-label=Pages] a", has_text="Anomalies").click()
    settled(page).get_by_text(REASON).first.click()
    expect(settled(page).locator("main")).to_contain_text(REASON)
    page.get_by_role("link", name="Logs of that time").click()
    line = settled(page).locator("main").get_by_text(LINE).first
    line.click()
    expect(page.get_by_role("region", name="Attributes")).to_be_visible()
    for _ in range(8):
        if not address(page).partition("?")[0].rstrip("/").endswith("/console"):
            page.go_back()
            settled(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_names_and_lines_of_hostile_senders_are_text(told: None, open_as: Open, deployment: Deployment):
    page = open_as(deployment.stack["read_key"], "/services")
    expect(page.locator("main").get_by_text(HOSTILE).first).to_be_visible()
    page.locator("main").get_by_text(HOSTILE).first.click()
    expect(settled(page).get_by_role("heading", level=1)).to_contain_text(HOSTILE)
    assert page.locator("main img").count() == 0


def test_every_page_of_the_navigation_opens(told: None, open_as: Open, deployment: Deployment):
    page = open_as(deployment.stack["admin_key"])
    links = page.locator("nav[aria-label=Pages] a").evaluate_all("(links) => links.map((link) => link.href)")
    assert len(links) >= 5
    for link in links:
        page.goto(link)
        settled(page)
        assert page.locator("main h1").count() == 1, link
        assert page.locator("main [role=alert]").all_text_contents() == [], link

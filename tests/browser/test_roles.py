"""What each role is offered, and what a request that changes something carries."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.answers import CSRF_TOKEN, session_of
from tests.browser.answers_anomaly import ORIGIN_ID
from tests.browser.opened import open_page
from tests.browser.stub import Stub

ANOMALY = f"/anomalies/{ORIGIN_ID}"


def as_role(role: str, stub: Stub, page: Page, path: str) -> Page:
    stub.answer("GET /v1/session", lambda _: session_of(role))
    return open_page(page, path)


def test_a_viewer_is_not_offered_what_a_viewer_may_not(stub: Stub, page: Page):
    as_role("viewer", stub, page, ANOMALY)
    expect(page.get_by_role("button", name="Useful")).to_have_count(0)
    open_page(page, "/platform?tab=keys")
    assert not [asked for asked in stub.asked if asked.path == "/v1/keys"]  # it would be refused


@pytest.mark.parametrize("role", ["operator", "admin"])
def test_an_operator_says_whether_an_anomaly_was_worth_it(role: str, stub: Stub, page: Page):
    as_role(role, stub, page, ANOMALY)
    page.get_by_label("Note, if you like").fill("the pool was too small")
    page.get_by_role("button", name="Useful").click()
    expect(page.locator("main [role=alert]")).to_have_count(0)
    (told,) = (asked for asked in stub.asked if asked.method == "POST")
    assert told.path == f"/v1{ANOMALY}/feedback"
    assert told.body == {"verdict": "useful", "note": "the pool was too small"}
    assert told.headers["x-csrf-token"] == CSRF_TOKEN


def test_only_an_admin_sees_keys(stub: Stub, page: Page):
    as_role("admin", stub, page, "/platform?tab=keys")
    expect(page.locator("main")).to_contain_text("the on-call phone")

"""Signing in: refused, allowed, ended; and what the roles are offered."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.answers import CSRF_TOKEN, KEY, nobody, session_of
from tests.browser.looks import findings
from tests.browser.opened import address, open_page, settled, watch_of
from tests.browser.stub import ORIGIN, Stub

REFUSED = r"^console: Failed to load resource: the server responded with a status of 401"


@pytest.fixture
def signed_out(stub: Stub, page: Page) -> Page:
    """A page of one who is not signed in."""
    stub.answer("GET /v1/session", nobody)
    watch_of(page).allow(REFUSED)
    page.goto(f"{ORIGIN}/console/services?from=now-3h")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    return page


def sign_in(page: Page, key: str) -> None:
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_nothing_is_asked_before_somebody_is_signed_in(signed_out: Page, stub: Stub):
    assert {asked.path for asked in stub.asked} == {"/v1/session"}


def test_a_key_that_opens_nothing_is_refused_in_words(signed_out: Page):
    sign_in(signed_out, "opsloop_wrong")
    expect(signed_out.get_by_role("alert")).to_contain_text("this key opens nothing")
    expect(signed_out.get_by_label("Key")).to_be_visible()
    assert signed_out.locator("nav[aria-label=Pages]").count() == 0


def test_a_key_opens_the_page_that_was_asked_for(signed_out: Page, stub: Stub):
    sign_in(signed_out, f"  {KEY}\n")
    expect(signed_out.get_by_role("heading", name="Services", level=1)).to_be_visible()
    assert address(signed_out) == f"{ORIGIN}/console/services?from=now-3h"
    kept = signed_out.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert KEY not in kept


def test_signing_in_is_usable_by_everybody(signed_out: Page):
    assert findings(signed_out) == []


def test_signing_out_ends_the_session_and_shows_nothing_more(stub: Stub, page: Page):
    open_page(page)
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    (told,) = (asked for asked in stub.asked if asked.method == "DELETE")
    assert told.path == "/v1/session"
    assert told.headers["x-csrf-token"] == CSRF_TOKEN


def test_a_session_that_ends_meanwhile_leads_to_signing_in(stub: Stub, page: Page):
    open_page(page)
    watch_of(page).allow(REFUSED)
    for route in list(stub.answers):
        stub.answer(route, nobody)
    page.get_by_role("button", name="Refresh now").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_everybody_sees_who_they_are(role: str, stub: Stub, page: Page):
    stub.answer("GET /v1/session", lambda _: session_of(role))
    open_page(page)
    page.get_by_role("button", name="Account").click()
    expect(page.locator(".menu-list")).to_contain_text(role)


def test_an_api_that_does_not_answer_is_not_taken_for_signed_out(
    stub: Stub, new_context: Callable[..., BrowserContext]
):
    page = new_context().new_page()
    watch_of(page).allow(r"^console: Failed to load resource")
    stub.answer("GET /v1/session", lambda _: 1 / 0)
    page.context.route(f"{ORIGIN}/v1/session", lambda route: route.abort())
    page.goto(f"{ORIGIN}/console/")
    expect(page.get_by_role("alert")).to_contain_text("opsloop does not answer")
    page.context.unroute(f"{ORIGIN}/v1/session")
    stub.answer("GET /v1/session", lambda _: session_of("viewer"))
    page.get_by_role("button", name="Try again").click()
    expect(settled(page).locator("main h1")).to_be_visible()

"""What a page shows while it waits, where the API fails, where there is nothing, and where nothing is known."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.opened import open_page, settled, watch_of
from tests.browser.places import PLACES
from tests.browser.shop import HEARD, NEVER_HEARD
from tests.browser.stub import ORIGIN, Asked, Stub

FAILED = r"^console: Failed to load resource: the server responded with a status of 503"
WHERE = """
() => Object.fromEntries([...document.querySelectorAll('main section.panel')]
  .map((panel) => [panel.getAttribute('aria-label'), Math.round(panel.getBoundingClientRect().top)]))
"""
TRY_AGAIN = """
() => [...document.querySelectorAll('main button')]
  .filter((button) => button.textContent.includes('Try again'))
  .forEach((button) => button.click())
"""


@pytest.mark.parametrize("place", PLACES)
def test_a_page_whose_answers_are_slow_has_its_frame_and_places_for_them(place: str, stub: Stub, page: Page):
    stub.hold(r"^/v1/(?!session)")
    page.goto(f"{ORIGIN}/console{PLACES[place]}")
    expect(page.locator("nav[aria-label=Pages] a").first).to_be_visible()
    expect(page.locator("main .skeleton").first).to_be_visible()
    assert page.locator("main [role=alert]").count() == 0
    stub.release()
    settled(page)


@pytest.mark.parametrize("place", PLACES)
def test_a_page_whose_answers_fail_says_so_and_tries_again(place: str, stub: Stub, page: Page):
    watch_of(page).allow(FAILED)
    working = dict(stub.answers)
    stub.fail(r" /v1/")
    open_page(page, PLACES[place])
    expect(page.locator("main")).to_contain_text("the KPI table does not answer")
    expect(page.locator("main").get_by_role("button", name="Try again").first).to_be_visible()
    stub.answers.update(working)
    for _ in range(8):  # what comes back may need something that failed, too
        page.evaluate(TRY_AGAIN)
        settled(page)
    expect(page.locator("main")).not_to_contain_text("the KPI table does not answer")
    expect(page.locator("main [role=alert]")).to_have_count(0)


def test_one_answer_that_fails_takes_nothing_else_with_it(stub: Stub, page: Page):
    watch_of(page).allow(FAILED)
    stub.fail(r"/v1/kpis/series")
    open_page(page)
    for service in HEARD:
        expect(page.locator("main").get_by_text(service, exact=True).first).to_be_visible()


def test_nobody_is_told_that_what_is_not_known_is_healthy(page: Page):
    open_page(page)
    row = page.locator("a", has=page.get_by_text(NEVER_HEARD, exact=True))
    expect(row.locator(".state")).to_have_text("UNKNOWN")
    assert row.locator(".state.is-healthy").count() == 0
    assert "0 %" not in row.inner_text()


def test_where_the_detector_cannot_be_asked_nothing_is_healthy(stub: Stub, page: Page):
    watch_of(page).allow(FAILED)
    stub.fail(r"GET /v1/anomalies$")
    open_page(page)
    assert page.locator("main .state.is-healthy").count() == 0
    assert page.locator("main .state.is-unknown").count() >= len(HEARD)


def test_where_there_is_no_service_it_says_how_to_begin(stub: Stub, page: Page):
    stub.answer("GET /v1/services", lambda _: {"services": [], "next": None})
    open_page(page)
    expect(page.locator("main")).to_contain_text("No service has been heard yet")


def test_what_is_drawn_stays_where_it_is_when_slower_answers_come(stub: Stub, page: Page):
    stub.hold(r"^/v1/(kpis|anomalies/bands)")
    page.goto(f"{ORIGIN}/console/")
    expect(page.locator("main").get_by_text(NEVER_HEARD, exact=True)).to_be_visible()
    before = page.evaluate(WHERE)
    assert stub.waiting
    stub.release()
    expect(page.locator("main svg.sparkline").first).to_be_visible()
    assert page.evaluate(WHERE) == before


def test_a_refresh_shows_the_old_until_the_new_is_there(stub: Stub, page: Page):
    open_page(page)
    stub.hold(r"^/v1/")
    page.get_by_role("button", name="Refresh now").click()
    page.wait_for_function("() => document.querySelector('.panel-busy.is-on')")
    assert page.locator("main .skeleton").count() == 0
    expect(page.locator("main svg.sparkline").first).to_be_visible()
    stub.release()


def test_a_refresh_that_fails_leaves_the_old_and_says_so(stub: Stub, page: Page):
    watch_of(page).allow(FAILED)
    open_page(page)
    stub.fail(r"/v1/services")
    page.get_by_role("button", name="Refresh now").click()
    expect(page.locator("main .stale").first).to_contain_text("Not up to date")
    expect(page.locator("main").get_by_text(HEARD[0], exact=True).first).to_be_visible()


def test_an_address_that_is_no_page_says_so(page: Page):
    open_page(page, "/no/such/page")
    expect(page.locator("main")).to_contain_text("There is no such page")


def test_an_answer_that_cannot_be_drawn_fails_one_page_not_the_console(stub: Stub, page: Page):
    watch_of(page).allow("^console: ")

    def nonsense(_: Asked) -> Any:
        return {"services": [None], "next": None}

    stub.answer("GET /v1/services", nonsense)
    page.goto(f"{ORIGIN}/console/services")
    expect(page.locator("main [role=alert]")).to_contain_text("page failed")
    page.locator("nav[aria-label=Pages] a").nth(0).click()
    expect(page.locator("nav[aria-label=Pages] a[aria-current=page]")).to_have_count(1)

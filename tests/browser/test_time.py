"""The page's time: chosen once, in the address, followed by everything on the page."""

from datetime import timedelta

from playwright.sync_api import Page, expect

from tests.browser.opened import address, open_page, settled
from tests.browser.shop import NOW, iso, moment_of
from tests.browser.stub import Stub


def picker(page: Page) -> None:
    page.locator(".time-menu > button").click()


def last_span(stub: Stub) -> tuple[float, int]:
    """Return the hours and the step of the series asked for last."""
    asked = [one for one in stub.asked if one.path == "/v1/kpis/series"][-1]
    length = moment_of(asked.query["to"], NOW) - moment_of(asked.query["from"], NOW)
    return length / timedelta(hours=1), int(asked.query["step_s"])


def test_a_preset_is_in_the_address_and_back_undoes_it(page: Page, stub: Stub):
    open_page(page)
    assert last_span(stub)[0] > 23
    picker(page)
    page.get_by_role("button", name="Last 3 hours").click()
    page.wait_for_url("**/console/?from=now-3h&to=now")
    settled(page)
    assert last_span(stub) == (3.0, 60)
    page.go_back()
    expect(page.locator(".time-menu > button")).to_have_text("Last 24 hours")
    page.go_forward()
    expect(page.locator(".time-menu > button")).to_have_text("Last 3 hours")


def test_an_address_alone_brings_the_same_view_back(page: Page, stub: Stub):
    open_page(page, "/?from=now-7d&to=now")
    expect(page.locator(".time-menu > button")).to_have_text("Last 7 days")
    assert last_span(stub) == (168.5, 3_600)  # from the whole hour before half past eight


def test_an_absolute_range_is_taken_in_the_chosen_zone(page: Page, stub: Stub):
    open_page(page, "/?tz=Asia/Tokyo")
    picker(page)
    page.get_by_label("From").fill("2026-11-21T09:00")
    page.get_by_label("To (not included)").fill("2026-11-21T12:00")
    page.get_by_role("button", name="Show this range").click()
    page.wait_for_url("**from=2026-11-21T00%3A00%3A00Z&to=2026-11-21T03%3A00%3A00Z*")
    settled(page)
    expect(page.locator(".time-menu > button")).to_contain_text("09:00")
    assert last_span(stub) == (3.0, 60)


def test_a_range_that_ends_before_it_begins_is_explained_and_not_taken(page: Page):
    open_page(page)
    picker(page)
    page.get_by_label("From").fill("2026-11-21T08:00")
    page.get_by_label("To (not included)").fill("2026-11-21T07:00")
    page.get_by_role("button", name="Show this range").click()
    expect(page.get_by_role("alert")).to_contain_text("before")
    assert address(page).endswith("/console/")


def test_a_zone_changes_what_times_are_called_not_what_is_asked(page: Page, stub: Stub):
    began = page.locator("main ol time").first
    open_page(page)
    in_utc, before = began.inner_text(), last_span(stub)
    picker(page)
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.wait_for_url("**tz=Asia*")
    expect(began).not_to_have_text(in_utc)
    assert last_span(stub) == before


def test_links_carry_the_time_along(page: Page):
    open_page(page, "/?from=now-3h&to=now&tz=UTC")
    page.locator("nav[aria-label=Pages] a", has_text="Services").click()
    page.wait_for_url("**/console/services?from=now-3h&to=now&tz=UTC")


def test_nonsense_in_the_address_is_the_usual_range(page: Page):
    open_page(page, "/?from=<b>&to=yesterday&tz=Mars/Olympus")
    expect(page.locator(".time-menu > button")).to_have_text("Last 24 hours")


def test_a_live_page_asks_again_after_half_a_minute_and_a_past_one_does_not(page: Page, stub: Stub):
    past = f"/?from={iso(NOW - timedelta(hours=4))}&to={iso(NOW - timedelta(hours=1))}"
    page.clock.install(time=NOW)
    open_page(page)
    with page.expect_request("**/v1/**"):
        page.clock.run_for(31_000)
    open_page(page, past)
    before = len(stub.asked)
    page.clock.run_for(31_000)
    settled(page)
    assert len(stub.asked) == before

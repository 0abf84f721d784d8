"""Charts: one cursor for all, what people take with them, zooming, and what is drawn where nothing is known."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.opened import open_page, watch_of
from tests.browser.shop import NOW, SILENT_FROM, SILENT_TO, Grid, error_ratio, iso, moment_of
from tests.browser.stub import ORIGIN

SERVICE = "/services/web"
SHARING = ("Rate", "Errors", "Latency")
PNG = b"\x89PNG\r\n\x1a\n"
# How many elements take their time to change.
MOVING = """
() => [...document.querySelectorAll('*')]
  .map((one) => getComputedStyle(one))
  .filter((style) => parseFloat(style.animationDuration) > 0.01 || parseFloat(style.transitionDuration) > 0.01)
  .length
"""


@pytest.fixture
def shown(new_context: Callable[..., BrowserContext]) -> Page:
    """The page of a service, in a browser whose clipboard may be read."""
    context = new_context()
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=ORIGIN)
    return open_page(context.new_page(), SERVICE)


def chart(page: Page, title: str) -> Locator:
    """Return the plotting area of the chart in the panel of that title."""
    return page.get_by_role("region", name=title, exact=True).locator(".u-over")


def menu(page: Page, title: str) -> Locator:
    """Open the menu of a chart's panel, and return the panel."""
    panel = page.get_by_role("region", name=title, exact=True)
    panel.get_by_role("button", name="Copy or save").click()
    return panel


def hover(area: Locator, share: float) -> None:
    """Move the pointer to that share of the width of ``area``."""
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box
    area.page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)


def times(page: Page) -> set[str]:
    """Return the times that the legends of charts on one grid say; none where nobody points at them."""
    legends = [page.get_by_role("region", name=title, exact=True).locator(".chart-time") for title in SHARING]
    return {text for legend in legends for text in legend.all_inner_texts() if text}


def test_pointing_at_one_chart_moves_the_cursor_of_all(shown: Page):
    assert times(shown) == set()
    hover(chart(shown, "Rate"), 0.25)
    legend = shown.get_by_role("region", name="Errors", exact=True).locator(".chart-time")
    expect(legend).not_to_be_empty()
    (first,) = times(shown)
    hover(chart(shown, "Errors"), 0.75)
    expect(legend).not_to_have_text(first)
    (second,) = times(shown)
    assert second != first


def test_dragging_over_a_chart_is_another_time_for_the_whole_page(shown: Page):
    area = chart(shown, "Rate")
    hover(area, 0.5)
    shown.mouse.down()
    hover(area, 0.75)
    shown.mouse.up()
    shown.wait_for_url("**from=2026-11-2*")
    shown.go_back()
    expect(shown.locator(".time-menu > button")).to_have_text("Last 24 hours")


def test_a_chart_is_copied_as_csv_with_every_point(shown: Page):
    menu(shown, "Errors").get_by_role("button", name="Copy as CSV").click()
    shown.wait_for_function("async () => (await navigator.clipboard.readText()).includes('error ratio')")
    text = shown.evaluate("navigator.clipboard.readText()")
    head, *rows = csv.reader(io.StringIO(text))
    *starts, _ = Grid(
        {"from": iso(NOW - timedelta(days=1)), "to": iso(NOW), "step_s": "300"}
    ).starts  # the last is open
    assert [moment_of(row[0], NOW) for row in rows] == starts
    column = head.index("error ratio")
    assert [float(row[column]) if row[column] else None for row in rows] == [error_ratio("web", at) for at in starts]
    assert any(SILENT_FROM <= at < SILENT_TO for at in starts)  # of which nothing is known: empty, never 0


def test_a_chart_is_saved_as_a_picture(shown: Page):
    panel = menu(shown, "Rate")
    with shown.expect_download() as download:
        panel.get_by_role("button", name="Save as PNG").click()
    assert download.value.suggested_filename.endswith(".png")
    assert download.value.path().read_bytes().startswith(PNG)


def test_a_chart_is_copied_as_a_picture(shown: Page):
    menu(shown, "Rate").get_by_role("button", name="Copy as PNG").click()
    shown.wait_for_function(
        "async () => (await navigator.clipboard.read()).some((item) => item.types.includes('image/png'))"
    )


def test_a_chart_says_in_words_what_it_draws(shown: Page):
    said = shown.get_by_role("region", name="Errors", exact=True).get_by_role("img").get_attribute("aria-label") or ""
    assert "error ratio: last 0." in said


def test_a_series_can_be_put_aside_and_brought_back(shown: Page):
    entry = shown.get_by_role("region", name="Latency", exact=True).get_by_role("button", name="p99")
    entry.click()
    expect(entry).to_have_attribute("aria-pressed", "false")
    entry.click()
    expect(entry).to_have_attribute("aria-pressed", "true")


def test_what_nobody_heard_of_is_drawn_as_unknown_and_not_as_zero(page: Page):
    watch_of(page).allow("^console: Failed to load resource: the server responded with a status of 404")  # no calls
    open_page(page, "/services/ledger")
    main = page.locator("main")
    expect(main.get_by_text("UNKNOWN").first).to_be_visible()
    assert "0 %" not in main.inner_text()
    assert "0/s" not in main.inner_text()


def test_nothing_moves_for_those_who_want_it_so(new_context: Callable[..., BrowserContext]):
    moving = {
        wish: open_page(new_context(reduced_motion=wish).new_page(), SERVICE).evaluate(MOVING)
        for wish in ("reduce", "no-preference")
    }
    assert moving["reduce"] == 0
    assert moving["no-preference"] > 0  # otherwise this shows nothing

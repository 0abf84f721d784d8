"""The keys, and the way of the focus."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.opened import address, open_page
from tests.browser.places import PLACES

FOCUSED = "() => document.activeElement?.getAttribute('aria-label') || document.activeElement?.textContent?.trim()"
# Whatever has the focus shows it.
SHOWS_FOCUS = """
() => {
  const holders = [document.activeElement, document.activeElement.parentElement];  // of a field, its frame
  return holders.map((one) => getComputedStyle(one))
    .some((style) => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1);
}
"""
# What looks as if it could be pressed and is neither reached by Tab, nor a part of what is, nor a place around it.
UNREACHABLE = """
() => {
  const reached = 'a[href], button, input, select, textarea, summary, label, [tabindex="0"]';
  const isPointed = (one) => getComputedStyle(one).cursor === 'pointer';
  return [...document.querySelectorAll('main *')]
    .filter((one) => isPointed(one) && !isPointed(one.parentElement) && one.getClientRects().length)
    .filter((one) => !one.closest(reached) && !one.querySelector(reached))
    .map((one) => one.outerHTML.slice(0, 200));
}
"""


def test_a_slash_leads_to_the_search_and_escape_out_of_it(page: Page):
    open_page(page)
    page.keyboard.press("/")
    expect(page.get_by_label("Search the logs")).to_be_focused()
    page.keyboard.type("a/b?g s")
    expect(page.get_by_label("Search the logs")).to_have_value("a/b?g s")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Search the logs")).not_to_be_focused()


def test_g_and_a_letter_lead_to_a_page(page: Page):
    open_page(page, "/?from=now-3h")
    page.keyboard.type("gs")
    page.wait_for_url("**/console/services?from=now-3h")
    page.keyboard.type("go")
    page.wait_for_url("**/console?from=now-3h")


def test_a_letter_alone_leads_nowhere(page: Page):
    open_page(page)
    page.keyboard.press("s")
    page.keyboard.press("o")
    assert address(page).endswith("/console/")


def test_a_question_mark_shows_every_key_and_escape_closes_it(page: Page):
    open_page(page)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    for name in page.locator("nav[aria-label=Pages] a").all_inner_texts():
        assert name.split("\n")[0].strip() in dialog.inner_text()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_t_opens_the_time_and_escape_gives_the_focus_back(page: Page):
    open_page(page)
    page.keyboard.press("t")
    expect(page.get_by_role("group", name="Presets")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("group", name="Presets")).to_have_count(0)
    expect(page.get_by_role("button", name="Last 24 hours")).to_be_focused()


def test_the_first_key_press_offers_to_skip_to_the_content(page: Page):
    open_page(page)
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "Skip to the content"
    expect(page.get_by_text("Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_the_focus_goes_through_the_navigation_then_the_tools_then_the_page(page: Page):
    open_page(page)
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        place = page.evaluate("() => document.activeElement?.closest('.side, .top, main')?.className ?? ''")
        assert page.evaluate(SHOWS_FOCUS) or not place, page.evaluate(FOCUSED)
        if place and (not seen or seen[-1] != place):
            seen.append(place)
    assert [one.split()[0] for one in seen[:3]] == ["side", "top", "main"]


@pytest.mark.parametrize("place", PLACES)
def test_nothing_that_can_be_pressed_is_beyond_the_keyboard(place: str, page: Page):
    open_page(page, PLACES[place])
    assert page.evaluate(UNREACHABLE) == []


def test_what_only_a_mouse_can_press_is_found(page: Page):
    open_page(page)
    page.evaluate("document.querySelector('h1').style.cursor = 'pointer'")
    (found,) = page.evaluate(UNREACHABLE)
    assert found.startswith("<h1")

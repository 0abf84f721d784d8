"""Every page, in both themes and at both widths: it opens, nothing sticks out, and everybody can use it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from local.site import SOURCES
from tests.browser.looks import findings, sticking_out
from tests.browser.opened import DESKTOP, PHONE, open_page
from tests.browser.places import PLACES

PATTERN = re.compile(r'^\s*pattern: "([^"]+)"', re.MULTILINE)
IMPORTED = re.compile(r'from "\./([^"]+)"')
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "has_touch": True},
}


def patterns() -> set[str]:
    """Return the patterns of all pages that the console has, as their sources say them."""
    pages = SOURCES / "src" / "pages"
    files = [pages / name for name in IMPORTED.findall((pages / "index.ts").read_text(encoding="utf-8"))]
    return {pattern for file in files for pattern in PATTERN.findall(file.read_text(encoding="utf-8"))}


def is_visited(pattern: str) -> bool:
    fits = re.compile(re.sub(r":\w+", "[^/?]+", pattern) + r"(\?.*)?")
    return any(fits.fullmatch(path) for path in PLACES.values())


def test_every_page_is_visited_here():
    assert "/" in patterns()
    assert not is_visited("/no/such/page")
    missing = {pattern for pattern in patterns() if not is_visited(pattern)}
    assert missing == set(), "add them to PLACES in tests/browser/places.py"


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("place", PLACES)
def test_a_page_fits_and_everybody_can_use_it(place: str, look: str, new_context: Callable[..., BrowserContext]):
    page = open_page(new_context(**LOOKS[look]).new_page(), PLACES[place])
    assert page.locator("main h1").count() == 1
    assert page.locator("main [role=alert]").all_text_contents() == []
    assert sticking_out(page) == []
    if look != "phone":
        assert findings(page) == []


def test_the_theme_follows_the_system(new_context: Callable[..., BrowserContext]):
    grounds = set()
    for scheme in ("light", "dark"):
        page = open_page(new_context(color_scheme=scheme).new_page())
        assert page.locator("html").get_attribute("data-theme") == scheme
        grounds.add(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
    assert len(grounds) == 2


def test_a_page_that_is_too_wide_is_found(page: Page):
    open_page(page)
    page.evaluate("document.querySelector('h1').style.minWidth = '2000px'")
    assert any("H1" in one for one in sticking_out(page))


def test_what_nobody_can_use_is_found(page: Page):
    open_page(page)
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert any("critical button-name" in one for one in findings(page))


def test_faint_text_is_found(page: Page):
    open_page(page)
    page.evaluate("document.querySelector('h1').style.color = '#d0d0d0'")
    assert any("serious color-contrast" in one for one in findings(page))

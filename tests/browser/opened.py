"""Bringing a page somewhere, and waiting until it is there."""

from playwright.sync_api import Page

from tests.browser.stub import ORIGIN
from tests.browser.watch import Watch

DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
IS_SETTLED = "() => document.querySelector('#app')?.firstChild && !document.querySelector('.skeleton')"


def open_page(page: Page, path: str = "/", *, origin: str = ORIGIN) -> Page:
    """Bring ``page`` to a path below /console, and wait until it shows what was answered."""
    page.goto(f"{origin}/console{path}")
    return settled(page)


def settled(page: Page) -> Page:
    """Wait until no skeleton is left, and what was answered is drawn."""
    page.wait_for_function(IS_SETTLED)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page


def address(page: Page) -> str:
    """Return the address that the page itself holds at this moment; ``page.url`` hears of a change a little later."""
    held: str = page.evaluate("location.href")
    return held


def watch_of(page: Page) -> Watch:
    """Return what watches ``page``."""
    watch: Watch = page.context.watch  # type: ignore[attr-defined]
    return watch

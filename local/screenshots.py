"""`make screenshots`: every page of the running local cloud as a picture, in light and dark colours and on a phone.

`python -m local.screenshots [--state-dir DIR] [--sources] [--out DIR] [NAME ...]` signs in with the admin key of
`stack.json`, goes to every page of the navigation and to the first thing that each of them lists, and writes
`<page>-<look>.png`. With `--sources` the console is built from its sources; without it, it is the deployed one.
"""

import argparse
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from local.browser import launch
from local.console import StepFailedError, step
from local.site import ensure_packages, server
from local.state import ROOT, TOOLS, StateDir

SHOTS = TOOLS / "screenshots"
CHOSEN = {"overview-light": "overview", "services-item-dark": "service"}  # those of the docs, and what they are called
PICTURES = ROOT / "docs" / "pictures"
SCALE = 2  # as sharp as on a good display
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "has_touch": True},
}
TALLEST = 6_000
PATIENCE_MS = 30_000
NAVIGATION = "nav[aria-label=Pages] a"
IS_SETTLED = "() => document.querySelector('main h1') && !document.querySelector('.skeleton, .panel-busy.is-on')"
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@contextmanager
def console_at(stack: dict[str, Any], *, is_of_sources: bool, folder: Path) -> Iterator[str]:
    """Give the origin of the console: that of the deployed API, or of a server of the sources before it."""
    if not is_of_sources:
        yield stack["api_url"]
        return
    ensure_packages(StateDir(TOOLS))
    with server(api=stack["api_url"], key=stack["admin_key"], folder=folder) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{serving.server_port}"
        finally:
            serving.shutdown()
            thread.join()


def sign_in(context: BrowserContext, origin: str, key: str) -> Page:
    """Return a page on the overview, signed in by the form if it asks."""
    page = context.new_page()
    page.goto(f"{origin}/console/")
    page.wait_for_selector(f"{NAVIGATION}, input[name=key]")
    if page.locator("input[name=key]").count():
        page.locator("input[name=key]").fill(key)
        page.locator("button[type=submit]").click()
        page.wait_for_selector(NAVIGATION)
    return settled(page)


def settled(page: Page) -> Page:
    """Wait until everything that was asked is answered and drawn."""
    page.wait_for_function(IS_SETTLED)
    page.wait_for_load_state("networkidle")
    page.evaluate(FRAMES)
    return page


def places(page: Page) -> dict[str, str]:
    """Return the addresses of the pages by name: those of the navigation, and the first item that each lists."""
    found = {}
    for href in page.locator(NAVIGATION).evaluate_all("(links) => links.map((link) => link.href)"):
        path = urlsplit(href).path.rstrip("/")
        name = path.removeprefix("/console").strip("/").replace("/", "-") or "overview"
        found[name] = href
        page.goto(href)
        settled(page)
        if name == "overview":
            continue
        items = page.locator(f"main a[href^='{path}/']")
        if items.count():
            found[f"{name}-item"] = str(items.first.evaluate("(link) => link.href"))
    return found


def picture(page: Page, href: str, file: Path, *, is_whole: bool) -> None:
    """Write what ``href`` shows: the whole page, as if the window were as tall, or one window of it."""
    size = page.viewport_size or DESKTOP
    page.goto(href)
    settled(page)
    if is_whole:
        height = int(page.evaluate("document.documentElement.scrollHeight"))
        page.set_viewport_size({"width": size["width"], "height": min(max(height, size["height"]), TALLEST)})
        settled(page)
    page.screenshot(path=file)
    page.set_viewport_size(size)  # type: ignore[arg-type]


def shoot(browser: Browser, origin: str, key: str, out: Path, wanted: list[str]) -> list[Path]:
    """Write the pictures of every page, or of those that are ``wanted``, in every look; return their files."""
    written = []
    for look, options in LOOKS.items():
        context = browser.new_context(device_scale_factor=SCALE, locale="en-GB", timezone_id="UTC", **options)
        context.set_default_timeout(PATIENCE_MS)
        page = sign_in(context, origin, key)
        for name, href in places(page).items():
            file = out / f"{name}-{look}.png"
            if not wanted or name in wanted:
                picture(page, href, file, is_whole=file.stem not in CHOSEN)
                written.append(file)
        context.close()
    return written


def main() -> None:
    """Take the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description="Pictures of the console over the running local cloud")
    parser.add_argument("--state-dir", type=Path, default=TOOLS, help="of the local cloud (%(default)s)")
    parser.add_argument("--sources", action="store_true", help="build the console from its sources")
    parser.add_argument("--out", type=Path, default=SHOTS, help="where they are written (%(default)s)")
    parser.add_argument("pages", nargs="*", help="names of pages (all of them)")
    options = parser.parse_args()
    try:
        stack = StateDir(options.state_dir.resolve()).read("stack")
        if not stack:
            raise StepFailedError("no local cloud is known", advice="start one with `make run`, then run this again")
        options.out.mkdir(parents=True, exist_ok=True)
        with (
            step("Taking pictures of the console") as say,
            console_at(stack, is_of_sources=options.sources, folder=options.out / ".site") as origin,
            sync_playwright() as playwright,
            launch(playwright) as browser,
        ):
            written = shoot(browser, origin, stack["admin_key"], options.out, options.pages)
            say(f"{len(written)} in {options.out}")
        for file in written:
            if file.stem in CHOSEN and options.out == SHOTS:
                PICTURES.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, PICTURES / f"{CHOSEN[file.stem]}.png")
    except StepFailedError as failure:
        failure.show()
        sys.exit(1)


if __name__ == "__main__":
    main()

"""A browser for all tests here, a context for each, and the console either over a stub or over the local cloud."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from local.browser import console_packages, launch
from local.site import build
from tests.browser.answers import answers
from tests.browser.opened import DESKTOP
from tests.browser.shop import NOW
from tests.browser.stub import ORIGIN, Stub
from tests.browser.watch import Watch, problems_of

PATIENCE_MS = 10_000


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep what needs no cloud together in one process, so that one browser starts."""
    is_ours = Path(__file__).parent in item.path.parents
    if is_ours and not item.get_closest_marker("e2e"):
        item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The test browser. It ends with the package: while it runs, nothing else may start an event loop."""
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console, built from its sources as it is shipped."""
    console_packages()
    folder = tmp_path_factory.mktemp("site")
    build(folder)
    return folder


@pytest.fixture
def stub(site: Path) -> Stub:
    """Answers of the API; a test changes them before it opens a page."""
    return Stub(site, answers())


@pytest.fixture
def new_context(browser: Browser, stub: Stub) -> Iterator[Callable[..., BrowserContext]]:
    """Return ``new_context(**options)``: one in light colours and UTC, with the stub behind it, and watched.

    When the test is over, every context is checked for what must never happen.
    """
    made: list[tuple[BrowserContext, Watch]] = []

    def new(**options: object) -> BrowserContext:
        chosen = {"viewport": DESKTOP, "color_scheme": "light", "timezone_id": "UTC", "locale": "en-GB"} | options
        context = browser.new_context(**chosen)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        watch = Watch(context, ORIGIN)
        stub.install(context)
        context.clock.set_fixed_time(NOW)
        context.watch = watch  # type: ignore[attr-defined]
        made.append((context, watch))
        return context

    yield new
    found = [problem for context, watch in made for page in context.pages for problem in problems_of(watch, page)]
    for context, _ in made:
        context.close()
    assert found == []


@pytest.fixture
def page(new_context: Callable[..., BrowserContext]) -> Page:
    """One page, 1440 by 900, in light colours."""
    return new_context().new_page()

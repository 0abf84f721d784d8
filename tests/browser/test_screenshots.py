"""Pictures of the console: every page by itself, whole, and signed in like a person."""

import struct
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from local import screenshots
from tests.browser.answers import KEY, nobody, session_of
from tests.browser.shop import NOW
from tests.browser.stub import ORIGIN, Stub


class Stubbed:
    """A browser whose contexts get their answers from the stub."""

    def __init__(self, browser: Browser, stub: Stub) -> None:
        self.browser, self.stub = browser, stub

    def new_context(self, **options: Any) -> BrowserContext:
        context = self.browser.new_context(**options)
        self.stub.install(context)
        context.clock.set_fixed_time(NOW)
        return context


def size_of(file: Path) -> tuple[int, int]:
    """Return width and height of a PNG: the first two numbers of its first chunk."""
    head = file.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", head[16:24])
    return width, height


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one look, to be quick."""
    monkeypatch.setattr(screenshots, "LOOKS", {"phone": screenshots.LOOKS["phone"]})


def test_every_page_and_the_first_thing_it_lists_is_found_by_itself(
    phone: None, browser: Browser, stub: Stub, tmp_path: Path
):
    browser_of_stub: Any = Stubbed(browser, stub)
    written = screenshots.shoot(browser_of_stub, ORIGIN, KEY, tmp_path, ["overview", "services-item", "anomalies-item"])
    assert sorted(file.name for file in written) == [
        "anomalies-item-phone.png",
        "overview-phone.png",
        "services-item-phone.png",
    ]
    for file in written:
        width, height = size_of(file)
        assert width == 390 * screenshots.SCALE
        assert 844 * screenshots.SCALE < height <= screenshots.TALLEST * screenshots.SCALE


def test_who_is_not_signed_in_signs_in_first(browser: Browser, stub: Stub):
    stub.answer("GET /v1/session", nobody)
    stub.answer("POST /v1/session", lambda asked: session_of("admin") if asked.body["key"] == KEY else nobody(asked))
    context = Stubbed(browser, stub).new_context()
    page = screenshots.sign_in(context, ORIGIN, KEY)
    assert page.locator("main h1").inner_text() == "Overview"
    context.close()

"""What senders say is text: shown as it is, never an element, never code, never an address that leads elsewhere."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page

from tests.browser.answers import answers
from tests.browser.hostile import LONG, MARKUP, SURPRISE, harmless, hostile
from tests.browser.looks import sticking_out
from tests.browser.opened import PHONE, open_page, settled
from tests.browser.places import PLACES
from tests.browser.stub import Asked, Stub

OF_SENDERS = """
() => {
  const made = document.querySelectorAll('#planted, iframe, object, embed, base, main img, body script, [onerror]');
  const links = [...document.querySelectorAll('a[href]')].filter((link) => link.protocol !== location.protocol);
  return [...[...made].map((one) => one.outerHTML), ...links.map((link) => `leads to ${link.protocol}`)];
}
"""


def said_by(stub: Stub, surprise: str) -> None:
    """Let every text of a sender end in ``surprise``; pages find what they ask for by these names."""

    def changed(answer: Callable[[Asked], Any]) -> Callable[[Asked], Any]:
        def said(asked: Asked) -> Any:
            parameters = harmless(surprise, asked.parameters)
            return hostile(
                surprise, answer(replace(asked, query=harmless(surprise, asked.query), parameters=parameters))
            )

        return said

    for route, answer in answers().items():
        if not route.endswith("/v1/session"):
            stub.answer(route, changed(answer))


def made_of_text(page: Page) -> list[str]:
    """Return the elements and addresses that could only be there if a text had become one."""
    found: list[str] = page.evaluate(OF_SENDERS)
    return found


def path_of(place: str, surprise: str) -> str:
    """Return the path of a place, of the service that is called so where it is one of a service."""
    path = PLACES[place]
    return path + quote(surprise, safe="") if path.startswith("/services/") else path


@pytest.mark.parametrize("place", PLACES)
def test_what_senders_say_is_text(place: str, stub: Stub, page: Page):
    said_by(stub, SURPRISE)
    open_page(page, path_of(place, SURPRISE))
    assert made_of_text(page) == []
    assert page.locator("main [role=alert]").all_text_contents() == []
    assert MARKUP in page.locator("main").inner_text()


@pytest.mark.parametrize("place", PLACES)
def test_very_long_words_do_not_widen_a_page(place: str, stub: Stub, page: Page):
    said_by(stub, LONG)
    open_page(page, path_of(place, LONG))
    assert sticking_out(page) == []
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    settled(page)
    assert sticking_out(page) == []


def test_text_that_did_become_an_element_is_found(page: Page):
    open_page(page)
    page.evaluate("document.querySelector('h1').append(Object.assign(document.createElement('b'), { id: 'planted' }))")
    page.evaluate("document.querySelector('a').href = 'javascript:alert(3)'")
    element, link = made_of_text(page)
    assert 'id="planted"' in element
    assert link == "leads to javascript:"

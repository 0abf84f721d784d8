"""Signing in, looked at closely: what is said, what is kept, and a session that ends while the page is open."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.answers import KEY, nobody, session_of
from tests.browser.looks import findings
from tests.browser.opened import address, open_page, watch_of
from tests.browser.stub import ORIGIN, RefusedError, Stub

REFUSED = r"^console: Failed to load resource: the server responded with a status of 4[0-9]{2}"
FAILED = r"^console: Failed to load resource"
VIEW = f"{ORIGIN}/console/services?from=now-3h&tz=UTC"


def nobody_but_organisation(_: object) -> None:
    raise RefusedError(401, "Unauthenticated", "no key", sign_in={"key": True, "oidc": True})


def refusing(status: int, detail: str):
    def refuse(_: object) -> None:
        raise RefusedError(status, "Refused", detail)

    return refuse


@pytest.fixture
def signed_out(stub: Stub, page: Page) -> Page:
    """The page of one who is not signed in, and may do so with the organisation's provider."""
    stub.answer("GET /v1/session", nobody_but_organisation)
    watch_of(page).allow(REFUSED)
    page.goto(VIEW)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    return page


@pytest.fixture
def ended(stub: Stub, page: Page) -> Page:
    """A page whose session ended while it was open."""
    watch_of(page).allow(REFUSED)
    open_page(page, "/services?from=now-3h&tz=UTC")
    before = dict(stub.answers)
    for route in before:
        stub.answer(route, nobody)
    page.get_by_role("button", name="Refresh now").click()
    expect(page.get_by_role("dialog", name="Sign in again")).to_be_visible()
    stub.answers.update({route: answer for route, answer in before.items() if route != "GET /v1/session"})
    return page


def test_typing_begins_in_the_field_and_enter_signs_in(signed_out: Page, stub: Stub):
    signed_out.keyboard.type(KEY)
    signed_out.keyboard.press("Enter")
    expect(signed_out.get_by_role("heading", name="Services", level=1)).to_be_visible()
    assert address(signed_out) == VIEW
    (asked,) = (one for one in stub.asked if one.method == "POST")
    assert asked.body == {"key": KEY}


def test_what_is_typed_is_hidden_until_it_shall_be_seen(signed_out: Page):
    field = signed_out.get_by_label("Key")
    field.fill("opsloop_typed")
    assert field.get_attribute("type") == "password"
    signed_out.get_by_role("button", name="Show").click()
    expect(field).to_have_attribute("type", "text")
    expect(field).to_have_value("opsloop_typed")
    signed_out.get_by_role("button", name="Hide").click()
    expect(field).to_have_attribute("type", "password")


def test_password_managers_find_a_name_and_a_password(signed_out: Page):
    fields = signed_out.locator("form input")
    assert [one.get_attribute("autocomplete") for one in fields.all()] == ["username", "current-password"]


@pytest.mark.parametrize(
    ("status", "detail", "said"),
    [
        (401, "key 5a0bd8e46a0e expired", "Refused: key 5a0bd8e46a0e expired."),
        (403, "key 5a0bd8e46a0e only sends telemetry", "Refused: key 5a0bd8e46a0e only sends telemetry."),
        (429, "10 wrong keys within a minute; try again in 38 s", "try again in 38 s."),
        (503, "access table does not answer", "It says nothing of the key; try again."),
    ],
)
def test_why_a_key_opened_nothing_is_said_beside_it(signed_out: Page, stub: Stub, status: int, detail: str, said: str):
    watch_of(signed_out).allow(FAILED)
    stub.answer("POST /v1/session", refusing(status, detail))
    field = signed_out.get_by_label("Key")
    field.fill("opsloop_x")
    signed_out.get_by_role("button", name="Sign in", exact=True).click()
    expect(signed_out.get_by_role("alert")).to_contain_text(said)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("opsloop_y")  # another try: what was said of the last one goes
    expect(signed_out.get_by_text(said)).to_have_count(0)


def test_an_api_that_cannot_be_reached_is_not_blamed_on_the_key(signed_out: Page):
    watch_of(signed_out).allow(FAILED)
    signed_out.context.route(f"{ORIGIN}/v1/session", lambda route: route.abort())
    signed_out.get_by_label("Key").fill(KEY)
    signed_out.get_by_role("button", name="Sign in", exact=True).click()
    expect(signed_out.get_by_role("alert")).to_contain_text("could not be reached")


def test_the_organisations_way_comes_back_to_the_view(signed_out: Page):
    link = signed_out.get_by_role("link", name="Sign in with your organisation")
    assert link.get_attribute("href") == "/v1/session/oidc?to=%2Fconsole%2Fservices%3Ffrom%3Dnow-3h%26tz%3DUTC"
    assert findings(signed_out) == []


def test_why_the_organisations_way_ended_is_said_once(stub: Stub, page: Page):
    stub.answer("GET /v1/session", nobody_but_organisation)
    watch_of(page).allow(REFUSED)
    page.goto(f"{VIEW}&sign_in=no_role")
    expect(page.get_by_role("alert").first).to_contain_text("gives you no role in opsloop")
    expect(page).to_have_url(VIEW)
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.get_by_text("gives you no role").count() == 0


def test_a_session_that_ends_leaves_the_view_and_its_address_as_they_are(ended: Page):
    assert address(ended) == VIEW
    expect(ended.locator("main h1")).to_have_text("Services")
    expect(ended.get_by_text("Not up to date: your session has ended")).to_be_visible()
    expect(ended.get_by_label("Key")).to_be_focused()
    ended.keyboard.press("Escape")
    expect(ended.get_by_role("dialog")).to_be_visible()
    assert findings(ended) == []


def test_after_signing_in_again_the_page_goes_on_with_fresh_figures(ended: Page, stub: Stub):
    asked = len([one for one in stub.asked if one.path == "/v1/services"])
    stub.answer("POST /v1/session", lambda _: session_of("viewer"))
    ended.get_by_label("Key").fill(KEY)
    with ended.expect_response("**/v1/services?*"):
        ended.get_by_role("button", name="Sign in", exact=True).click()
    expect(ended.get_by_role("dialog")).to_have_count(0)
    expect(ended.get_by_text("Not up to date")).to_have_count(0)
    assert address(ended) == VIEW
    assert len([one for one in stub.asked if one.path == "/v1/services"]) > asked


def test_who_leaves_instead_sees_nothing_more_of_it(ended: Page):
    ended.get_by_role("button", name="Leave this page").click()
    expect(ended.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    assert ended.get_by_text("payments").count() == 0


def test_signing_in_elsewhere_in_the_browser_is_noticed(ended: Page, stub: Stub):
    stub.answer("GET /v1/session", lambda _: session_of("operator"))
    ended.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    expect(ended.get_by_role("dialog")).to_have_count(0)


def test_signing_out_that_fails_says_so_and_stays(stub: Stub, page: Page):
    watch_of(page).allow(FAILED)
    open_page(page)
    stub.answer("DELETE /v1/session", refusing(503, "access table does not answer"))
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("alert").filter(has_text="Not signed out")).to_be_visible()

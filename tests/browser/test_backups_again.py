"""Having a dump proven again in the console: operators ask, everybody sees what became of it, nobody asks twice."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.answers import session_of
from tests.browser.answers_backup import PROOF, listed, verification
from tests.browser.opened import PHONE, address, open_page, watch_of
from tests.browser.shop import NOW
from tests.browser.stub import Asked, RefusedError, Stub

ROUTE = "POST /v1/backups/{database}/verify"
NEWEST = "orders/2026/11/orders-20261121T060000Z.dump"
NEXT = "verification-asked-for"


@pytest.fixture
def proving(stub: Stub) -> Stub:
    """Let proofs be asked for."""
    stub.answer(ROUTE, lambda asked: {"verification_id": NEXT, "dump_id": asked.body["dump_id"], "state": "requested"})
    return stub


def button(page: Page) -> Locator:
    return page.get_by_role("button", name="Prove it again: 21 Nov, 06:00")


def sent(stub: Stub) -> list[Any]:
    return [(one.path, one.body) for one in stub.asked if one.method == "POST"]


def proven_again(stub: Stub, verdict: str) -> None:
    """Let the newest dump have the verdict that was asked for."""

    def answer(asked: Asked) -> Any:
        found = listed(asked)
        newest = next(one for one in found["dumps"] if one["dump_id"] == NEWEST)
        newest |= {"verification_id": NEXT, "verdict": verdict}
        return found

    stub.answer("GET /v1/backups/{database}/dumps", answer)
    first = verification(Asked("GET", "", {}, parameters={"id": PROOF}))
    stub.answer("GET /v1/backups/verifications/{id}", lambda _: {**first, "verification_id": NEXT})


def test_an_operator_has_a_dump_of_the_list_proven_again_and_is_led_to_the_verdict(proving: Stub, page: Page):
    open_page(page, "/backups/orders")
    button(page).click()
    told = page.get_by_role("status").filter(has_text="The dump of 21 Nov, 06:00")
    expect(told).to_contain_text("is being proven again. Its verdict comes here; the one before stays.")
    expect(button(page)).to_be_disabled()
    assert sent(proving) == [("/v1/backups/orders/verify", {"dump_id": NEWEST})]
    proven_again(proving, "proven")
    page.get_by_role("button", name="Refresh now").click()
    expect(told).to_contain_text("was restored again: proven.")
    expect(button(page)).to_be_enabled()
    told.get_by_role("link", name="Show the verdict").click()
    expect(page.get_by_role("dialog", name="Verification")).to_contain_text("Restored whole and equal")
    assert f"proof={NEXT}" in address(page)


def test_a_dump_that_nobody_has_verified_yet_is_proven_now(proving: Stub, page: Page):
    open_page(page, "/backups/orders")
    page.get_by_role("button", name="Prove it now: 21 Nov, 08:29").click()
    expect(page.get_by_role("status").filter(has_text="The dump of 21 Nov, 08:29")).to_contain_text("being proven")


def test_a_dump_that_fails_this_time_is_not_called_proven(proving: Stub, page: Page):
    open_page(page, "/backups/orders")
    button(page).click()
    proven_again(proving, "failed")
    page.get_by_role("button", name="Refresh now").click()
    told = page.get_by_role("status").filter(has_text="The dump of 21 Nov, 06:00")
    expect(told).to_contain_text("was restored again: failed.")
    expect(told).not_to_contain_text("proven")


def test_it_is_asked_for_in_a_verification_as_well(proving: Stub, page: Page):
    open_page(page, f"/backups/orders?proof={PROOF}")
    dialog = page.get_by_role("dialog", name="Verification")
    dialog.get_by_role("button", name="Prove it again").click()
    expect(dialog.get_by_role("status")).to_contain_text("is being proven again")
    expect(dialog.get_by_role("button", name="Prove it again")).to_be_disabled()
    assert f"proof={PROOF}" in address(page)


def test_a_refusal_says_why_and_can_be_tried_again(stub: Stub, page: Page):
    def refuse(_: Asked) -> Any:
        raise RefusedError(409, "Conflict", "dump_id: it was deleted: older than 30 days")

    watch_of(page).allow("status of 409")
    stub.answer(ROUTE, refuse)
    open_page(page, "/backups/orders")
    button(page).click()
    expect(page.locator("main")).to_contain_text("is not proven again: dump_id: it was deleted: older than 30 days")
    expect(button(page)).to_be_enabled()


def test_a_viewer_is_offered_none(stub: Stub, page: Page):
    stub.answer("GET /v1/session", lambda _: session_of("viewer"))
    open_page(page, f"/backups/orders?proof={PROOF}")
    expect(page.get_by_role("dialog", name="Verification")).to_contain_text("Evidence for auditors")
    expect(page.get_by_role("button", name="Prove it again")).to_have_count(0)
    expect(page.get_by_role("columnheader", name="Proof")).to_have_count(0)


def test_a_dump_that_was_deleted_is_offered_none(stub: Stub, page: Page):
    def gone(asked: Asked) -> Any:
        found = listed(asked)
        for one in found["dumps"]:
            one["deleted_at"] = NOW.isoformat()
        return found

    stub.answer("GET /v1/backups/{database}/dumps", gone)
    open_page(page, "/backups/orders")
    expect(page.get_by_role("region", name="Dumps", exact=True)).to_contain_text("deleted")
    expect(page.get_by_role("button", name="Prove it again")).to_have_count(0)


def test_on_a_phone_what_became_of_it_is_seen_without_scrolling_sideways(proving: Stub, new_context: Any):
    page = new_context(viewport=PHONE).new_page()
    open_page(page, "/backups/orders")
    button(page).click()
    told = page.get_by_role("status").filter(has_text="The dump of 21 Nov, 06:00")
    box = told.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

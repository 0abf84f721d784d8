"""Backups in the console: what could be had back is said first, nothing unknown looks good, and operators act."""

import copy
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.answers import session_of
from tests.browser.answers_backup import ENGINE, FAILED_PROOF, NEVER_TAKEN, PROOF, database, drills
from tests.browser.answers_exercise import RUNNING, whole
from tests.browser.opened import address, open_page, watch_of
from tests.browser.stub import Asked, RefusedError, Stub

STEP = "/v1/backups/exercises/{id}/steps/{n}"


def row(page: Page, name: str) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name))


def test_each_database_stands_beside_its_objectives_the_worst_first(stub: Stub, page: Page):
    open_page(page, "/backups")
    names = page.get_by_role("region", name="Databases").get_by_role("link").all_inner_texts()
    assert [name.split("\n")[0] for name in names] == ["orders", NEVER_TAKEN, "payments"]
    expect(row(page, "orders")).to_contain_text("2 h 30 min now, up to 2 h 40 min of 15 min")
    expect(row(page, "orders").locator(".state.is-anomalous")).to_have_text("missed")
    expect(row(page, "payments").locator(".state").first).to_have_text("met")


def test_a_database_of_which_nothing_is_known_never_looks_well(stub: Stub, page: Page):
    open_page(page, "/backups")
    expect(row(page, NEVER_TAKEN)).to_contain_text("UNKNOWN")
    expect(row(page, NEVER_TAKEN).locator(".is-healthy")).to_have_count(0)
    open_page(page, f"/backups/{NEVER_TAKEN}")
    expect(page.locator("main")).to_contain_text("Nothing is known to be recoverable")
    expect(page.locator("main .is-healthy")).to_have_count(0)


def test_a_failure_older_than_the_newest_proof_is_no_news(stub: Stub, page: Page):
    one = database("payments")
    old = {**one, "last_failure": {**one["last_failure"], "at": "2026-11-20T00:00:00Z"}}
    stub.answer("GET /v1/backups", lambda _: {"backups": [old], "next": None})
    open_page(page, "/backups")
    expect(page.get_by_role("heading", name="What failed last")).to_have_count(0)
    stub.answer("GET /v1/backups", lambda _: {"backups": [one], "next": None})
    open_page(page, "/backups")
    expect(page.get_by_role("region", name="What failed last")).to_contain_text("has no table public.orders_2026_10")


def test_what_could_be_had_back_is_said_before_everything_else(stub: Stub, page: Page):
    open_page(page, "/backups/orders")
    first = page.locator("main section.panel").first
    expect(first).to_contain_text("As of 21 Nov, 06:00: what came after that, 2 h 30 min, would be lost")
    expect(first).to_contain_text("Restoring it took 12 s")
    expect(page.get_by_role("region", name="Audit")).to_contain_text("Archive the write-ahead log continuously.")


def test_a_dump_leads_to_its_verification_and_back(stub: Stub, page: Page):
    open_page(page, "/backups/payments")
    page.get_by_role("region", name="Dumps", exact=True).get_by_role("link", name="failed").click()
    dialog = page.get_by_role("dialog", name="Verification")
    expect(dialog).to_contain_text(ENGINE)
    expect(dialog).to_contain_text("missing table public.orders_2026_10")
    expect(dialog).to_contain_text("expected 24100 rows; found no such table")
    link = dialog.get_by_role("link", name="Evidence for auditors")
    expect(link).to_have_attribute("href", f"/v1/backups/verifications/{FAILED_PROOF}/evidence")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile("proof="))  # the dialog goes first
    page.get_by_role("region", name="Dumps", exact=True).get_by_role("link", name="proven").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("14 tables")
    assert f"proof={PROOF}" in address(page)


def test_an_operator_asks_for_a_dump_a_viewer_cannot(stub: Stub, page: Page):
    stub.answer("POST /v1/backups/{database}/take", lambda asked: {"id": "x", "database": asked.parameters["database"]})
    open_page(page, "/backups/orders")
    page.get_by_role("button", name="Take a dump now").click()
    expect(page.locator("main")).to_contain_text("A dump was asked for.")
    assert [asked.path for asked in stub.asked if asked.method == "POST"] == ["/v1/backups/orders/take"]
    stub.answer("GET /v1/session", lambda _: session_of("viewer"))
    open_page(page, "/backups/orders")
    expect(page.get_by_role("button", name="Take a dump now")).to_have_count(0)


def test_a_refused_dump_says_why(stub: Stub, page: Page):
    def refuse(_: Asked) -> Any:
        raise RefusedError(503, "Unavailable", "the bus does not answer")

    watch_of(page).allow("status of 503")
    stub.answer("POST /v1/backups/{database}/take", refuse)
    open_page(page, "/backups/orders")
    page.get_by_role("button", name="Take a dump now").click()
    expect(page.locator("main")).to_contain_text("It was not asked for: the bus does not answer")


def test_a_verifier_that_lets_a_damaged_dump_pass_is_called_broken(stub: Stub, page: Page):
    night = copy.deepcopy(drills(Asked("GET", "", {})))
    night["drills"][0] |= {"passed": False}
    night["drills"][0]["controls"][1] |= {"passed": False, "got": "proven"}
    stub.answer("GET /v1/backups/drills", lambda _: night)
    open_page(page, "/backups")
    panel = page.get_by_role("region", name="Is the verifier to be trusted?")
    expect(panel).to_contain_text("The verifier is broken")
    expect(panel).to_contain_text("1 of 4 controls came out wrong")
    stub.answer("GET /v1/backups/drills", lambda _: {"drills": [], "next": None})
    open_page(page, "/backups")
    expect(panel).to_contain_text("It was not drilled yet")
    expect(panel.locator(".is-healthy")).to_have_count(0)


def test_a_step_of_an_exercise_is_said_with_its_note(stub: Stub, page: Page):
    said: list[Asked] = []

    def tick(asked: Asked) -> Any:
        said.append(asked)
        return whole(Asked("GET", "", {}, parameters={"id": asked.parameters["id"]}))

    stub.answer(f"POST {STEP}", tick)
    open_page(page, f"/backups/exercises/{RUNNING}")
    page.get_by_label("Note on step 2").fill("restored into orders_new")
    page.get_by_role("button", name="Done: step 2").click()
    expect(page.get_by_label("Note on step 2")).to_have_value("")
    assert [(one.parameters, one.body) for one in said] == [
        ({"id": RUNNING, "n": "2"}, {"state": "done", "note": "restored into orders_new"})
    ]
    expect(page.get_by_role("button", name="Done: step 1")).to_have_count(0)  # it is done


@pytest.mark.parametrize(("button", "body"), [("Finish", {}), ("Abandon", {"abandon": True})])
def test_an_exercise_is_ended(stub: Stub, page: Page, button: str, body: dict[str, Any]):
    ended: list[Any] = []
    stub.answer("POST /v1/backups/exercises/{id}/finish", lambda asked: ended.append(asked.body) or {})
    open_page(page, f"/backups/exercises/{RUNNING}")
    with page.expect_response("**/finish"):
        page.get_by_role("button", name=button).click()
    expect(page.locator("main [role=alert]")).to_have_count(0)
    assert ended == [body]


def test_a_viewer_watches_an_exercise(stub: Stub, page: Page):
    stub.answer("GET /v1/session", lambda _: session_of("viewer"))
    open_page(page, f"/backups/exercises/{RUNNING}")
    expect(page.locator("main")).to_contain_text("Confirm that the primary does not answer.")
    expect(page.locator("main").get_by_role("button")).to_have_count(0)


def test_beginning_an_exercise_leads_to_it(stub: Stub, page: Page):
    stub.answer("POST /v1/backups/exercises", lambda asked: {"id": RUNNING, "disaster": asked.body["disaster"]})
    open_page(page, "/backups")
    page.get_by_role("button", name="Begin data-deleted").click()
    expect(page.get_by_role("heading", name="Exercise: database-lost")).to_be_visible()
    (asked,) = (one for one in stub.asked if one.method == "POST")
    assert asked.body == {"disaster": "data-deleted"}

"""The watch sees what must never happen: each kind of it is planted in a page of its own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.browser.stub import HEADERS, ORIGIN
from tests.browser.watch import Watch, problems_of

SCRIPT = "/console/assets/console.js"


class Planted:
    """A page of ours with a script of its own, under the policy of the console."""

    def __init__(self, page: Page, watch: Watch) -> None:
        self.page, self.watch = page, watch

    def problems(self, *, body: str = "", script: str = "") -> list[str]:
        """Return what the watch notes when the page has this body and this script."""
        whole = f'<!doctype html><title>t</title><body>{body}<script src="{SCRIPT}"></script></body>'

        def answer(route: Route) -> None:
            is_script = route.request.url.endswith(SCRIPT)
            kind = "text/javascript" if is_script else "text/html"
            route.fulfill(body=script if is_script else whole, headers=HEADERS | {"content-type": kind})

        self.page.context.route(f"{ORIGIN}/**", answer)
        self.page.goto(f"{ORIGIN}/console/")
        return problems_of(self.watch, self.page)


@pytest.fixture
def planted(browser: Browser) -> Iterator[Planted]:
    context = browser.new_context()
    yield Planted(context.new_page(), Watch(context, ORIGIN))
    context.close()


def test_a_page_that_does_nothing_has_no_problem(planted: Planted):
    assert planted.problems(script="console.warn('only a warning')") == []


def test_an_error_on_the_console_is_noted(planted: Planted):
    (problem,) = planted.problems(script="console.error('broken')")
    assert "broken" in problem


@pytest.mark.parametrize("script", ["throw new Error('late')", "Promise.reject(new Error('late'))"])
def test_an_error_that_nobody_caught_is_noted(planted: Planted, script: str):
    assert planted.problems(script=script) == ["error: late"]


@pytest.mark.parametrize(
    ("body", "directive"),
    [
        ("<script>window.x = 1</script>", "script-src-elem"),
        ('<p style="color: red">red</p>', "style-src-attr"),
        ('<img src="x" onerror="window.x = 1">', "script-src-attr"),
        ('<img src="https://elsewhere.example/x.png">', "img-src"),
        ('<iframe src="/console/"></iframe>', "frame-src"),
    ],
)
def test_markup_that_the_policy_forbids_is_noted(planted: Planted, body: str, directive: str):
    assert any(f"CSP violation: {directive}" in problem for problem in planted.problems(body=body))


def test_a_text_that_is_made_markup_is_refused(planted: Planted):
    problems = planted.problems(script="document.body.innerHTML = '<b>bold</b>'")
    assert any("TrustedHTML" in problem for problem in problems)


def test_a_request_to_elsewhere_is_noted(planted: Planted):
    problems = planted.problems(script="window.open('https://elsewhere.example/')")
    assert "request to elsewhere: https://elsewhere.example/" in problems


def test_a_dialog_is_noted(planted: Planted):
    assert planted.problems(script="alert('hello')") == ["dialog: hello"]


def test_what_a_test_provokes_is_allowed_by_its_words_alone(planted: Planted):
    planted.watch.allow("^console: wanted")
    (problem,) = planted.problems(script="console.error('wanted'); console.error('unwanted')")
    assert "unwanted" in problem


def test_no_name_leads_out_of_this_machine(planted: Planted):
    failed: list[str] = []
    planted.page.on("requestfailed", lambda request: failed.append(str(request.failure)))
    planted.watch.allow(".")
    planted.page.goto("about:blank")
    planted.page.evaluate("fetch('https://example.com/', {mode: 'no-cors'}).catch(() => 0)")
    assert failed == ["net::ERR_NAME_NOT_RESOLVED"]

"""What must never happen on a page, whatever else a test looks at: errors, refused code, requests to elsewhere."""

import re
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Page, Request, WebError

HARMLESS = ("data", "blob", "about")  # schemes that lead nowhere
# Each element that is refused something says so itself, before the console does, and whatever the console's wording.
TELL_VIOLATIONS = """
document.addEventListener('securitypolicyviolation', (event) => {
  console.error(`CSP violation: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
});
"""


class Watch:
    """Follows every page of one browser context and notes what is wrong; ``allow`` what a test provokes."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.origin = origin
        self.noted: list[str] = []
        self.requests: list[str] = []
        self._allowed: list[re.Pattern[str]] = []
        context.add_init_script(TELL_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)
        context.on("dialog", self._dialog)
        context.on("page", self._page)

    def allow(self, pattern: str) -> None:
        """Expect problems that match ``pattern``: the console's line about a failed answer that a test asked for."""
        self._allowed.append(re.compile(pattern))

    @property
    def problems(self) -> list[str]:
        """What was noted and not allowed, in order."""
        return [one for one in self.noted if not any(pattern.search(one) for pattern in self._allowed)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "assert"):
            self.noted.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _error(self, error: WebError) -> None:
        self.noted.append(f"error: {error.error}")

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
        parts = urlsplit(request.url)
        if parts.scheme not in HARMLESS and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.noted.append(f"request to elsewhere: {request.url}")

    def _dialog(self, dialog: Dialog) -> None:
        self.noted.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _page(self, page: Page) -> None:
        page.on("crash", lambda _: self.noted.append(f"crash: {page.url}"))


def problems_of(watch: Watch, page: Page) -> list[str]:
    """Return the problems of a page once everything that it has begun to say has arrived."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")
    return watch.problems


def located(page: Page, script: str, *arguments: Any) -> Any:
    """Return what ``script`` finds in the page."""
    return page.evaluate(script, *arguments)

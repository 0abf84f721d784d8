"""What is measured on a page that is open: what sticks out, what is hard to use, what moves."""

from functools import cache
from typing import Any

from playwright.sync_api import Page

from local.browser import console_packages

SERIOUS = ("serious", "critical")
# What is wider than the window makes it scroll sideways; what scrolls within itself (a wide table) may be wider.
STICKING_OUT = """
() => {
  const root = document.documentElement;
  const width = root.clientWidth;
  const told = root.scrollWidth > width ? [`the page is ${root.scrollWidth} wide`] : [];
  const scrolls = (element) => {
    for (let at = element.parentElement; at; at = at.parentElement) {
      if (getComputedStyle(at).overflowX !== 'visible') return true;
    }
    return false;
  };
  for (const element of document.body.querySelectorAll('*')) {
    const { right, width: own } = element.getBoundingClientRect();
    if (own > 0 && right > width + 1 && !scrolls(element)) {
      told.push(`${element.tagName}.${element.getAttribute('class')} to ${right}`);
    }
  }
  return told;
}
"""
AXE = """
async () => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'] });
  const told = (node) => `${node.target} ${node.failureSummary}`;
  return violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(told) }));
}
"""


def sticking_out(page: Page) -> list[str]:
    """Return what is wider than the window."""
    found: list[str] = page.evaluate(STICKING_OUT)
    return found


@cache
def _axe() -> str:
    return (console_packages() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def findings(page: Page) -> list[str]:
    """Return what axe-core calls serious or critical on the page, with the elements at fault."""
    page.evaluate(_axe())  # by the driver: the page's policy would not let a page load it
    found: list[dict[str, Any]] = page.evaluate(AXE)
    return [
        f"{one['impact']} {one['id']}: {node}" for one in found if one["impact"] in SERIOUS for node in one["nodes"]
    ]

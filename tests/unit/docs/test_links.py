"""Every relative link in our documents leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "functions" / "README.md"]
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


def broken_links(page: Path, text: str) -> list[str]:
    """Return the relative links of ``text`` that name no file beside ``page``."""
    targets = [target.partition("#")[0] for target in LINK.findall(text) if "://" not in target]
    return [target for target in targets if target and not (page.parent / target).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path):
    assert broken_links(page, page.read_text()) == []


def test_a_broken_link_is_found():
    assert broken_links(ROOT / "README.md", "[gone](docs/no-such-page.md)") == ["docs/no-such-page.md"]

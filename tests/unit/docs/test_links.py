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


def pages_reached(start: Path) -> set[Path]:
    """Return the pages that one comes to by following links from ``start``."""
    reached, ahead = set(), {start.resolve()}
    while ahead:
        page = ahead.pop()
        reached.add(page)
        targets = {(page.parent / link.partition("#")[0]).resolve() for link in LINK.findall(page.read_text())}
        ahead |= {target for target in targets if target.suffix == ".md" and target.is_file()} - reached
    return reached


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path):
    assert broken_links(page, page.read_text()) == []


def test_every_decision_is_named_by_the_code_that_it_explains():
    folders = ("layers/core", "functions", "stacks", "local", "cli")
    code = "".join(path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py"))
    decisions = {f"docs/adr/{path.name}" for path in (ROOT / "docs" / "adr").glob("[0-9]*.md")}
    assert [decision for decision in sorted(decisions) if decision not in code] == []
    assert "docs/adr/0001-write-once-log.md" in decisions


def test_every_page_is_reached_from_the_index():
    assert {page.resolve() for page in PAGES} - pages_reached(ROOT / "docs" / "index.md") == {ROOT / "README.md"}


def test_a_page_that_nobody_links_is_not_reached(tmp_path: Path):
    (tmp_path / "index.md").write_text("[one](one.md#here)")
    (tmp_path / "one.md").write_text("[index](index.md) [away](https://example.com/two.md)")
    (tmp_path / "two.md").write_text("")
    assert {page.name for page in pages_reached(tmp_path / "index.md")} == {"index.md", "one.md"}


def test_a_broken_link_is_found():
    assert broken_links(ROOT / "README.md", "[gone](docs/no-such-page.md)") == ["docs/no-such-page.md"]

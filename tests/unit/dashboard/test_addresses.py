"""The addresses of the console's pages: those that its page lists, and those that mails lead to."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "layers" / "dashboard" / "src" / "pages"


def patterns_of_the_pages() -> set[str]:
    """Return the patterns of all pages as the documentation writes them: ``/services/{service}``."""
    sources = (path.read_text(encoding="utf-8") for path in PAGES.rglob("*page.tsx"))
    found = {match for source in sources for match in re.findall(r'^  pattern: "(/[^"]*)",$', source, re.MULTILINE)}
    return {re.sub(r":(\w+)", r"{\1}", pattern) for pattern in found}


def test_every_page_is_listed_with_its_address_and_no_other():
    text = (ROOT / "docs" / "domains" / "dashboard.md").read_text(encoding="utf-8")
    listed = {address or "/" for address in re.findall(r"^\| `/console([^`]*)` \|", text, re.MULTILINE)}
    assert listed == patterns_of_the_pages()


def test_what_mails_lead_to_is_a_page():
    story = (ROOT / "layers" / "core" / "python" / "opsloop" / "alert" / "story.py").read_text(encoding="utf-8")
    led_to = set(re.findall(r"\{places\.console\}(/[a-z]+)/\{path\}", story))
    assert led_to == {"/anomalies"}
    assert "/anomalies/{id}" in patterns_of_the_pages()

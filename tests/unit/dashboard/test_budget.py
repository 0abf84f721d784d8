"""What the console costs whoever opens it: one page, one script, one style, small enough for a phone in a lift."""

import gzip
import random
import re
from pathlib import Path

import pytest

from local.browser import console_packages
from local.site import build

BUDGET_BYTES = 200_000  # script and style together, compressed
FETCHED = re.compile(r'(?:src|href)="([^"]+)"')
OTHERS = re.compile(r"""url\(["']?(?!data:)(\w+)""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console as `make site` builds it."""
    console_packages()
    folder = tmp_path_factory.mktemp("site")
    build(folder)
    return folder


def compressed(files: list[Path]) -> int:
    """Return the bytes of ``files`` as they are sent."""
    return sum(len(gzip.compress(file.read_bytes())) for file in files)


def test_script_and_style_are_within_the_budget(site: Path):
    files = [file for file in site.rglob("*") if file.suffix in (".js", ".css")]
    assert len(files) == 2
    assert 10_000 < compressed(files) < BUDGET_BYTES


def test_a_script_beyond_the_budget_is_found(tmp_path: Path):
    large = tmp_path / "large.js"
    large.write_bytes(random.Random(7).randbytes(BUDGET_BYTES))  # cannot be compressed
    assert compressed([large]) > BUDGET_BYTES


def test_a_page_fetches_nothing_but_its_own_files(site: Path):
    fetched = FETCHED.findall((site / "index.html").read_text(encoding="utf-8"))
    assert len(fetched) == 3
    for address in fetched:
        assert (site / address.removeprefix("/console/")).is_file(), address
    (style,) = site.rglob("*.css")
    assert "@import" not in style.read_text(encoding="utf-8")
    assert OTHERS.findall(style.read_text(encoding="utf-8")) == []
    assert OTHERS.findall("a { background: url('data:x') } b { background: url(https://x.example/y) }") == ["https"]

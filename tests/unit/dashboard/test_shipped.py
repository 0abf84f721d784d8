"""What is shipped is what the sources make."""

import shutil
from pathlib import Path

import pytest

from local.site import SITE, SOURCES, build, ensure_packages
from local.state import TOOLS, StateDir

HOW = "run `make site` and commit layers/dashboard/site with the change"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the console as its sources make it now."""
    ensure_packages(StateDir(TOOLS))
    folder = tmp_path_factory.mktemp("site")
    build(folder)
    return folder


def differing(shipped: Path, built: Path) -> list[str]:
    """Return the names of the files that are in one folder alone, or not the same in both."""
    both = [{str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} for root in (shipped, built)]
    alike = {name for name in both[0] & both[1] if (shipped / name).read_bytes() == (built / name).read_bytes()}
    return sorted((both[0] | both[1]) - alike)


def test_the_shipped_console_is_what_its_sources_make(built: Path) -> None:
    assert differing(SITE, built) == [], HOW


def test_a_change_of_one_letter_is_found(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "site")
    page = tmp_path / "site" / "index.html"
    page.write_text(page.read_text().replace("opsloop", "opsloup"))
    assert differing(tmp_path / "site", built) == ["index.html"]


def test_what_is_bundled_is_named_with_its_licence() -> None:
    told = (SITE / "LICENSES.txt").read_text()
    bundled = {"preact", "uplot"}
    assert all(f"{name} " in told for name in bundled)
    assert told.count("MIT") >= len(bundled)
    imported = {line.split('"')[-2] for path in (SOURCES / "src").rglob("*.ts*") for line in _imports(path)}
    packages = {name.split("/")[0] for name in imported if not name.startswith(".")}
    assert packages == bundled


def _imports(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith(("import ", "} from ")) and '"' in line]

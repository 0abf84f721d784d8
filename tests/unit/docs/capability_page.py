"""Do what docs/adding-a-capability.md says: ``python -m tests.unit.docs.capability_page FOLDER``.

Each block of code under a line ``**`path`**`` is a whole file; under ``**`path`**, below `line` `` it is inserted.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "adding-a-capability.md"
PLACE = r"^\*\*`(?P<path>[^`]+)`\*\*(?:, below `(?P<anchor>[^`]+)`)?\n\n"
BLOCK = re.compile(PLACE + r"```\w+\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Step:
    """One file to write, or lines to insert below the line ``anchor``."""

    path: str
    anchor: str
    text: str

    def do(self, folder: Path) -> None:
        """Do it in ``folder``; refuse to overwrite a file, or to insert where there is no such line, or two."""
        file = folder / self.path
        if not self.anchor:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as new:
                new.write(self.text)
            return
        content = file.read_text(encoding="utf-8")
        line = f"{self.anchor}\n"
        if content.count(line) != 1:
            raise ValueError(f"{self.path} has the line {self.anchor!r} {content.count(line)} times")
        file.write_text(content.replace(line, line + self.text), encoding="utf-8")

    def undo(self, folder: Path) -> None:
        """Take it back where it was done: whoever has followed the page in this tree has it already."""
        file = folder / self.path
        if not self.anchor:
            file.unlink(missing_ok=True)
            return
        content = file.read_text(encoding="utf-8")
        file.write_text(content.replace(f"{self.anchor}\n{self.text}", f"{self.anchor}\n"), encoding="utf-8")


def steps(page: str) -> list[Step]:
    """Return what ``page`` tells to do, in its order."""
    return [Step(found["path"], found["anchor"] or "", found["text"]) for found in BLOCK.finditer(page)]


def main() -> None:
    """Do it in the folder named on the command line."""
    for step in steps(PAGE.read_text(encoding="utf-8")):
        step.do(Path(sys.argv[1]))
        sys.stdout.write(f"{step.path}\n")


if __name__ == "__main__":
    main()

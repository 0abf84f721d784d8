"""YAML is read alike by libyaml's loader and by PyYAML's own, which stands in where that is not built."""

from pathlib import Path

import pytest
import yaml

from stacks.constructs import yaml_source
from stacks.constructs.yaml_source import SourceError, YamlSource, read_yaml

LOADERS = {yaml_source.LOADER, yaml.SafeLoader}
WHOLE = """\
common: &common {tier: 1, at: 2026-11-22, ratio: .5}
services:
  - name: web
    <<: *common
    text: >
      folded
      lines
  -
    name: "é\\n"   # a comment
    on: [yes, ~, 0o17, 1_000, '1']
"""
BROKEN = ("a: [1, 2\nb: 3\n", "a: 'open\n", "a: 1\n\tb: 2\n", "a: *nothing\n", "a: !!python/none ''\n", "- ]\n")


def read(text: str, folder: Path) -> YamlSource:
    file = folder / "some.yaml"
    file.write_text(text, encoding="utf-8")
    return read_yaml(file, folder)


def by_each(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[YamlSource | str]:
    found: list[YamlSource | str] = []
    for loader in LOADERS:
        monkeypatch.setattr(yaml_source, "LOADER", loader)
        try:
            found.append(read(text, folder))
        except SourceError as error:
            found.append(str(error))
    return found


def test_values_and_their_places_are_those_of_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for found in by_each(WHOLE, tmp_path, monkeypatch):
        assert isinstance(found, YamlSource)
        assert found.data == yaml.safe_load(WHOLE)
        assert found.places["services", 1, "on", 3] == (10, 24)
        assert found.places["services", 0, "text"] == (5, 5)
        assert ("services", 0, "tier") not in found.places  # merged: it is written elsewhere


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_broken_is_said_in_the_same_words(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len({str(found) for found in by_each(text, tmp_path, monkeypatch)}) == 1
    with pytest.raises(SourceError, match=r"^some\.yaml:\d+:\d+: not YAML: "):
        read(text, tmp_path)


def test_a_file_without_a_document_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for found in by_each("# nothing yet\n", tmp_path, monkeypatch):
        assert isinstance(found, YamlSource)
        assert found.data is None

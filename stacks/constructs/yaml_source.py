"""YAML that remembers where each value stood, so that a mistake can be named by file, line and column."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Path_ = tuple[str | int, ...]
LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is several times as quick


class SourceError(Exception):
    """Mistakes in text files that people write; one line each: file, place, field, what would be right."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class YamlSource:
    """One YAML file: its plain ``data``, and the (line, column) of each key or item, both counted from 1."""

    file: str
    data: Any
    places: Mapping[Path_, tuple[int, int]]

    def fault(self, path: Path_, message: str) -> str:
        """Return ``message`` with the place of ``path``, or of its nearest enclosing value."""
        at = path
        while at not in self.places and at:
            at = at[:-1]
        line, column = self.places.get(at, (1, 1))
        return f"{self.file}:{line}:{column}: {field_name(path)}: {message}"


def field_name(path: Path_) -> str:
    """Return ``path`` as people write it: ``services[2].tier``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.lstrip(".") or "the document"


def read_yaml(file: Path, root: Path) -> YamlSource:
    """Read ``file``; raise ``SourceError`` for broken syntax, two equal keys, or keys that are not text."""
    name = file.relative_to(root).as_posix()
    text = file.read_text(encoding="utf-8")
    try:
        return _source(name, text, LOADER)
    except yaml.MarkedYAMLError:
        pass  # the other loader says better what is wrong
    try:
        return _source(name, text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise SourceError([f"{name}:{line}:{column}: not YAML: {error.problem or error.context}"]) from None


def _source(name: str, text: str, loader_class: type[yaml.SafeLoader]) -> YamlSource:
    loader = loader_class(text)
    try:
        node = loader.get_single_node()
        places: dict[Path_, tuple[int, int]] = {}
        faults: list[str] = []
        if node is not None:
            _walk(node, (), places, faults, name)
        if faults:
            raise SourceError(faults)
        data = None if node is None else loader.construct_document(node)  # after the walk: it resolves merged keys
    finally:
        loader.dispose()
    return YamlSource(name, data, places)


def _walk(node: yaml.Node, path: Path_, places: dict[Path_, tuple[int, int]], faults: list[str], file: str) -> None:
    places.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), places, faults, file)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line, column = key.start_mark.line + 1, key.start_mark.column + 1
            here = (*path, str(key.value))
            if here in places:
                first = places[here][0]
                faults.append(f"{file}:{line}:{column}: {field_name(here)}: written twice, first in line {first}")
                continue
            places[here] = (line, column)
            _walk(value, here, places, faults, file)

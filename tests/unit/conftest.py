"""Which unit tests stay on one worker when tests run in parallel: those that share what is costly to make."""

from pathlib import Path

import pytest

SHARED = {"stacks": "templates", "architecture": "layers"}


def pytest_itemcollected(item: pytest.Item) -> None:
    here = Path(__file__).parent
    if here in item.path.parents and (group := SHARED.get(item.path.relative_to(here).parts[0])):
        item.add_marker(pytest.mark.xdist_group(group))

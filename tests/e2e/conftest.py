"""The end-to-end tests: marked as such, and kept in one process, so that they share one cloud (``cloud.py``)."""

from pathlib import Path

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    if Path(__file__).parent in item.path.parents:
        item.add_marker(pytest.mark.e2e)
        item.add_marker(pytest.mark.xdist_group("e2e"))

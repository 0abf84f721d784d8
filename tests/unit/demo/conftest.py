"""The shop's PostgreSQL, small, one per worker."""

from collections.abc import Iterator

import pytest

from local.database.server import Server, running
from local.state import StateDir
from tests.unit.demo.shop_database import ShopDatabase, filled


@pytest.fixture(scope="session")
def shop_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, ShopDatabase]]:
    """Return a running server and its databases, filled."""
    state = StateDir(tmp_path_factory.mktemp("shop"))
    with running(state) as (server, facts):
        yield server, filled(state, facts)


@pytest.fixture
def shop_database(shop_server: tuple[Server, ShopDatabase]) -> ShopDatabase:
    """Return the filled databases."""
    return shop_server[1]

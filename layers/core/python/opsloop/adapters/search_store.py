"""Which search store a stage has, by its endpoint. The client of OpenSearch is imported only where one is named."""

from pathlib import Path

from opsloop.errors import InvalidInputError
from opsloop.search import SearchStore


def open_search(endpoint: str, *, prefix: str) -> SearchStore:
    """Return the store at ``endpoint``; nothing is opened or asked before its first use.

    ``https://host`` is OpenSearch, asked with signed requests; ``http://127.0.0.1:port`` one on this machine, without;
    ``file:///path`` the embedded store; empty no store at all. Indexes are named ``<prefix>-<name>``, so that stages
    can share a store. Raises ``InvalidInputError`` for anything else.
    """
    if not endpoint:
        from opsloop.adapters.search_none import NoSearchStore

        return NoSearchStore()
    scheme, _, rest = endpoint.partition("://")
    if scheme == "file" and rest.startswith("/"):
        from opsloop.adapters.search_embedded import EmbeddedSearchStore

        return EmbeddedSearchStore(Path(rest), prefix=prefix)
    if scheme in ("http", "https") and rest:
        from opsloop.adapters.search_opensearch import OpenSearchStore

        return OpenSearchStore(endpoint, prefix=prefix)
    raise InvalidInputError(f"SEARCH_ENDPOINT={endpoint!r} is not https://host, http://127.0.0.1:port or file:///path")

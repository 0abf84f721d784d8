"""Putting documents into OpenSearch in bulk: what failed for a while is tried again, alone and within bounds."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from opensearchpy import OpenSearch
from opensearchpy.exceptions import TransportError

from opsloop.adapters.aws_client import chance
from opsloop.adapters.search_documents import Ready
from opsloop.adapters.search_opensearch_client import asking
from opsloop.adapters.search_opensearch_query import action
from opsloop.errors import DependencyUnavailableError
from opsloop.search import Refused

MAX_BYTES, MAX_DOCUMENTS = 4 << 20, 1_000  # of one request; the smallest domains take 10 MiB
ATTEMPTS = 5
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 2.0
TIMEOUT_S = 30
ANSWER = "items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason"
OF_THE_STORE = frozenset({"validation_exception", "cluster_block_exception"})  # 400 or 403, and no document's fault


def put_all(
    client: OpenSearch, index: str, documents: Sequence[Ready], *, sleep: Callable[[float], None] = time.sleep
) -> list[Refused]:
    """Put documents and return those that OpenSearch will never take.

    Raises ``DependencyUnavailableError`` if some still fail for a while after the last attempt.
    """
    refused: list[Refused] = []
    for chunk in _chunks(index, documents):
        _put(client, chunk, refused, sleep)
    return refused


def _chunks(index: str, documents: Sequence[Ready]) -> Iterator[dict[str, str]]:
    """Yield actions by id, as many as one request may have."""
    chunk: dict[str, str] = {}
    size = 0
    for document in documents:
        text = action(index, document)
        length = len(text.encode())
        if chunk and (size + length > MAX_BYTES or len(chunk) == MAX_DOCUMENTS):
            yield chunk
            chunk, size = {}, 0
        chunk[document.doc_id] = text
        size += length
    if chunk:
        yield chunk


def _put(client: OpenSearch, chunk: dict[str, str], refused: list[Refused], sleep: Callable[[float], None]) -> None:
    why = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(chance() * min(FIRST_WAIT_S * 2 ** (attempt - 1), LONGEST_WAIT_S))
        failed: dict[str, str] = {}
        with asking(f"put {len(chunk)} documents"):
            for (doc_id, text), item in zip(chunk.items(), _send(client, chunk), strict=True):
                status, kind, why_not = _outcome(item)
                if status < 300:
                    continue
                if status == 400 and kind not in OF_THE_STORE:
                    refused.append(Refused(doc_id, why_not))
                else:
                    failed[doc_id] = text
                    why = f"status {status}, {why_not}"
        if not failed:
            return
        chunk = failed
    raise DependencyUnavailableError(f"search store: {len(chunk)} documents were not put; the last: {why}")


def _send(client: OpenSearch, chunk: dict[str, str]) -> list[dict[str, Any]]:
    """Return one outcome per document; an answer of 429 to the whole request is one of each document."""
    try:
        answer = client.bulk(body="".join(chunk.values()), filter_path=ANSWER, request_timeout=TIMEOUT_S)
    except TransportError as error:
        if error.status_code != 429:
            raise
        return [{"index": {"status": 429, "error": {"type": "429", "reason": "too many requests"}}}] * len(chunk)
    items: list[dict[str, Any]] = answer["items"]
    if len(items) != len(chunk):
        raise KeyError("items")
    return items


def _outcome(item: dict[str, Any]) -> tuple[int, str, str]:
    """Return the status of a document, the type of its error, and what OpenSearch says."""
    one = item["index"]
    error = one.get("error") or {}
    reasons = [error.get("reason"), (error.get("caused_by") or {}).get("reason")]
    return int(one["status"]), str(error.get("type", "")), ": ".join(str(reason) for reason in reasons if reason)[:300]

"""The search store of OpenSearch: one index per UTC day and spec, behind one alias. Needs the layer ``search``.

What is found by what, and why days: docs/search.md and docs/adr/0015-search-store.md.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

from opensearchpy import OpenSearch
from opensearchpy.exceptions import NotFoundError

from opsloop.adapters import search_documents as documents_of
from opsloop.adapters import search_opensearch_query as dsl
from opsloop.adapters.search_documents import NS_PER_MS, checked, cursor_of
from opsloop.adapters.search_highlight import highlights
from opsloop.adapters.search_kinds import changed_field, described
from opsloop.adapters.search_opensearch_bulk import put_all
from opsloop.adapters.search_opensearch_client import asking, open_client
from opsloop.adapters.search_words import Clause
from opsloop.errors import DependencyUnavailableError, InvalidInputError
from opsloop.search import (
    MAX_BUCKETS,
    TOTAL_LIMIT,
    Bucket,
    Document,
    Found,
    Hit,
    IndexSpec,
    Kind,
    Query,
    Refused,
    Standing,
)

PER_READ = 1_000  # documents read at once by ``scan``
PER_DELETE = 5_000  # documents deleted by one request
PER_AGGREGATION = 5_000  # buckets read at once
PER_DROP = 50  # indexes named in one request
SLOW_TIMEOUT_S = 60
STANDING_TIMEOUT_S = 3
# A second source even where nobody asks for groups: with a histogram alone, OpenSearch 2.19 takes a shortcut that fails
# on the second page, for segments whose documents all lie before it ("Index 0 out of bounds for length 0").
NO_FIELD = "@none"
READING = {"ignore_unavailable": True}  # an index that was never made finds nothing
SORTS = {"newest": ("desc", "desc"), "oldest": ("asc", "asc"), "relevance": ("desc", "asc")}


class OpenSearchStore:
    """Implements ``opsloop.search.SearchStore``. Threads may share it. A path in the URL is the prefix of indexes."""

    def __init__(self, url: str, *, prefix: str) -> None:
        self._url = url
        self._prefix = urlsplit(url).path.strip("/") or prefix
        self._prepared: set[tuple[str, ...]] = set()

    @cached_property
    def _client(self) -> OpenSearch:
        return open_client(self._url)

    def prepare(self, spec: IndexSpec) -> None:
        """Put the template of the index, and new fields into the days that are there."""
        name, wanted = self._name(spec), described(spec)
        with asking(f"prepare {name}"):
            known = self._known(name)
            if known is not None and wanted.items() <= known.items():
                return
            if known is not None and (changed := changed_field(known, wanted)):
                if self.count(spec, Query()):
                    raise InvalidInputError(f"index {name}: {changed}; drop it, then rebuild it")
                self.drop(spec)
                known = None
            body = dsl.template(spec, self._prefix, (known or {}) | wanted)
            self._client.indices.put_index_template(name=name, body=body)
            if days := self._days(name):
                properties = {"properties": dsl.mappings(spec)["properties"]}
                self._client.indices.put_mapping(index=",".join(f"{name}-{day}" for day in days), body=properties)

    def put(self, spec: IndexSpec, documents: Sequence[Document]) -> tuple[Refused, ...]:
        """Put documents in bulk, each into the index of its day."""
        fit, refused = documents_of.ready(spec, documents)
        self._ensure(spec)
        return (*refused, *put_all(self._client, self._name(spec), fit))

    def search(
        self, spec: IndexSpec, query: Query, *, order: str = "newest", size: int = 100, cursor: str = ""
    ) -> Found:
        """Return one page of hits."""
        clauses = checked(spec, query)
        page = documents_of.page(spec, order, size, cursor)
        is_scored = order == "relevance"
        first, then = SORTS[order]
        key = "_score" if is_scored else spec.time_field
        body: dict[str, Any] = {
            "query": dsl.condition(spec, query, clauses, is_scored=is_scored),
            "sort": [{key: {"order": first}}, {"@id": {"order": then}}],
            "size": size + 1,
            "track_total_hits": TOTAL_LIMIT,
        }
        if page.after:
            body["search_after"] = list(page.after)
        with asking("search"):
            answer = self._search(spec, body)
            rows = answer["hits"]["hits"]
            total = min(answer["hits"]["total"]["value"], TOTAL_LIMIT)
            hits = tuple(_hit(spec, row, clauses, is_scored=is_scored) for row in rows[:size])
            if len(rows) <= size:
                return Found(hits, total, "")
            sort_key, doc_id = rows[size - 1]["sort"]
            return Found(hits, total, cursor_of(spec, order, sort_key, doc_id))

    def nearest(self, spec: IndexSpec, field: str, vector: Sequence[float], query: Query, *, size: int) -> Found:
        """Return the nearest documents that the graph of each segment finds."""
        clauses = checked(spec, query)
        documents_of.check_vector(spec, field, vector)
        documents_of.check_size(size)
        fitting = dsl.condition(spec, query, clauses)
        fitting["bool"]["filter"].append({"exists": {"field": field}})
        near = {"vector": [float(one) for one in vector], "k": max(4 * size, 100), "filter": fitting}
        body = {"query": {"knn": {field: near}}, "sort": ["_score", "@id"], "size": size}
        with asking("search by nearness"):
            rows = self._search(spec, body)["hits"]["hits"]
            hits = tuple(_hit(spec, row, clauses, is_scored=True) for row in rows)
            return Found(hits, min(self._count(spec, fitting), TOTAL_LIMIT), "")

    def count(self, spec: IndexSpec, query: Query) -> int:
        """Return how many documents fit."""
        condition = dsl.condition(spec, query, checked(spec, query))
        with asking("count"):
            return self._count(spec, condition)

    def counts(self, spec: IndexSpec, query: Query, *, interval_ns: int, group_by: str = "") -> tuple[Bucket, ...]:
        """Return counts over time."""
        documents_of.check_interval(interval_ns)
        if group_by:
            documents_of.check_field(spec, group_by, Kind.KEYWORD)
        step = {"field": "@time", "fixed_interval": f"{interval_ns // NS_PER_MS}ms"}
        group = {"field": group_by or NO_FIELD, "missing_bucket": True}
        sources: list[dict[str, Any]] = [{"start": {"date_histogram": step}}, {"group": {"terms": group}}]
        rows = []
        for row in self._composite(spec, query, sources):
            rows.append((row["key"]["start"] * NS_PER_MS, row["key"]["group"], row["doc_count"]))
            if len(rows) > MAX_BUCKETS:
                raise InvalidInputError(
                    f"more than {MAX_BUCKETS:,} counts; ask for a longer interval or a shorter time"
                )
        return tuple(
            Bucket(start, sum(row[2] for row in of), {row[1]: row[2] for row in of if row[1] is not None})
            for start, of in ((start, list(of)) for start, of in groupby(rows, key=lambda row: int(row[0])))
        )

    def top(self, spec: IndexSpec, query: Query, *, field: str, size: int) -> tuple[tuple[str, int], ...]:
        """Return the most frequent values: asked at once, and value by value if the days cut their lists too short."""
        documents_of.check_field(spec, field, Kind.KEYWORD)
        documents_of.check_size(size)
        terms = {"field": field, "size": size, "shard_size": PER_AGGREGATION}
        body = {"query": dsl.condition(spec, query, checked(spec, query)), "size": 0, "aggs": {"top": {"terms": terms}}}
        with asking("count values"):
            answer = self._search(spec, body)
            found = answer.get("aggregations", {}).get("top", {"buckets": [], "doc_count_error_upper_bound": 0})
            counted = [(row["key"], row["doc_count"]) for row in found["buckets"]]
            is_exact = found["doc_count_error_upper_bound"] == 0
        if not is_exact:
            rows = self._composite(spec, query, [{"value": {"terms": {"field": field}}}])
            counted = [(row["key"]["value"], row["doc_count"]) for row in rows]
        return tuple(sorted(counted, key=lambda one: (-one[1], one[0]))[:size])

    def scan(self, spec: IndexSpec, query: Query) -> Iterator[Document]:
        """Yield documents by id."""
        body: dict[str, Any] = {
            "query": dsl.condition(spec, query, checked(spec, query)),
            "sort": ["@id"],
            "size": PER_READ,
            "track_total_hits": False,
        }
        while True:
            with asking("scan"):
                rows = self._search(spec, body)["hits"]["hits"]
                found = [Document(row["_id"], dsl.content_of(row["_source"])) for row in rows]
            yield from found
            if len(found) < PER_READ:
                return
            body["search_after"] = [found[-1].doc_id]

    def delete(self, spec: IndexSpec, query: Query) -> int:
        """Delete documents: whole days as indexes, others one by one."""
        condition, name, deleted = dsl.condition(spec, query, checked(spec, query)), self._name(spec), 0
        with asking("delete"):
            self._client.indices.refresh(index=name, **READING)
            if days := dsl.whole_days(spec, query, self._days(name)):
                deleted = self._count(spec, condition)
                self._drop([f"{name}-{day}" for day in days])
                deleted -= self._count(spec, condition)
            while self._count(spec, condition):
                answer = self._client.delete_by_query(
                    index=name,
                    body={"query": condition},
                    max_docs=PER_DELETE,
                    conflicts="proceed",
                    refresh=True,
                    request_timeout=SLOW_TIMEOUT_S,
                    **READING,
                )
                deleted += answer["deleted"]
        return deleted

    def drop(self, spec: IndexSpec) -> None:
        """Delete every day of the index; its template stays, so that no document can make an index without one."""
        name = self._name(spec)
        with asking(f"drop {name}"):
            self._drop([f"{name}-{day}" for day in self._days(name)])

    def standing(self) -> Standing:
        """Return whether the cluster has all its documents."""
        try:
            with asking("say how it is"):
                status = self._client.cluster.health(request_timeout=STANDING_TIMEOUT_S)["status"]
        except DependencyUnavailableError as error:
            return Standing(False, str(error))
        return Standing(status in ("green", "yellow"), f"OpenSearch at {urlsplit(self._url).netloc} is {status}")

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        self._client.close()
        del self._client

    def _name(self, spec: IndexSpec) -> str:
        return f"{self._prefix}-{spec.name}"

    def _ensure(self, spec: IndexSpec) -> None:
        """Prepare an index once per process: a template outlives the days that are dropped."""
        key = (self._name(spec), *(f"{name}:{kind}" for name, kind in described(spec).items()))
        if key not in self._prepared:
            self.prepare(spec)
            self._prepared.add(key)

    def _known(self, name: str) -> dict[str, str] | None:
        """Return what the template says of the fields, ``None`` without one or of another format."""
        try:
            found = self._client.indices.get_index_template(name=name)["index_templates"][0]["index_template"]
        except NotFoundError:
            return None
        meta = found.get("_meta", {})
        return meta.get("fields", {}) if meta.get("format") == dsl.FORMAT else None

    def _days(self, name: str) -> list[str]:
        """Return the days for which there is an index, oldest first."""
        answer = self._client.indices.get_alias(index=f"{name}-*")
        return sorted(index.removeprefix(f"{name}-") for index in answer)

    def _drop(self, indexes: Sequence[str]) -> None:
        for start in range(0, len(indexes), PER_DROP):
            self._client.indices.delete(index=",".join(indexes[start : start + PER_DROP]), **READING)

    def _search(self, spec: IndexSpec, body: dict[str, Any]) -> Any:
        return self._client.search(index=self._name(spec), body=body, **READING)

    def _count(self, spec: IndexSpec, condition: dict[str, Any]) -> int:
        return int(self._client.count(index=self._name(spec), body={"query": condition}, **READING)["count"])

    def _composite(self, spec: IndexSpec, query: Query, sources: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield every bucket, in the order of ``sources``, exactly counted over all days."""
        composite: dict[str, Any] = {"size": PER_AGGREGATION, "sources": sources}
        condition = dsl.condition(spec, query, checked(spec, query))
        body = {"query": condition, "size": 0, "aggs": {"all": {"composite": composite}}}
        while True:
            with asking("count groups"):
                found = self._search(spec, body).get("aggregations", {}).get("all", {"buckets": []})
                rows = list(found["buckets"])
            yield from rows
            if len(rows) < PER_AGGREGATION:
                return
            composite["after"] = found["after_key"]


def _hit(spec: IndexSpec, row: Any, clauses: Sequence[Clause], *, is_scored: bool) -> Hit:
    content = dsl.content_of(row["_source"])
    score = float(row["sort"][0]) if is_scored else 0.0
    return Hit(row["_id"], content, score, highlights(spec, content, clauses))

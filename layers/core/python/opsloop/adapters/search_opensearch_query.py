"""Questions and descriptions in OpenSearch's language. Pure.

Beside its fields a document has some of ours, whose names begin with @: ``@id`` to sort by, ``@time`` in milliseconds
for histograms, ``@words`` and ``@pairs``, by which it is found and which are not stored. Other fields are kept and not
mapped, so that no sender can make a mapping grow.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from json import dumps
from typing import Any

from opsloop.adapters.search_documents import MAX_KEYWORD, MAX_TIME, NS_PER_MS, Ready
from opsloop.adapters.search_words import Clause, as_phrase
from opsloop.search import IndexSpec, Kind, Query

Dsl = dict[str, Any]
FORMAT = 1  # raise it when the mapping changes
OWN: Dsl = {
    "@id": {"type": "keyword"},
    "@time": {"type": "date", "format": "epoch_millis"},
    "@words": {"type": "text", "analyzer": "whitespace"},
    "@pairs": {"type": "keyword", "norms": False},
}
NS_PER_DAY = 86_400_000 * NS_PER_MS


def template(spec: IndexSpec, prefix: str, fields: Mapping[str, str]) -> Dsl:
    """Return the index template for every day of an index; ``fields`` is what it says of itself in ``_meta``."""
    index: Dsl = {
        "number_of_shards": 1,
        "auto_expand_replicas": "0-1",  # a copy where there is a second node to hold it
        "refresh_interval": "1s",
    }
    if Kind.VECTOR in spec.fields.values():
        index["knn"] = True
    return {
        "index_patterns": [f"{prefix}-{spec.name}-*"],
        "priority": 100,
        "_meta": {"fields": dict(fields), "format": FORMAT},
        "template": {
            "settings": {"index": index},
            "aliases": {f"{prefix}-{spec.name}": {}},
            "mappings": mappings(spec),
        },
    }


def mappings(spec: IndexSpec) -> Dsl:
    """Return how the fields are indexed; words of TEXT and OBJECT fields are in ``@words``."""
    fields = {name: mapped for name, kind in spec.fields.items() if (mapped := _mapped(kind, spec.dimensions))}
    return {"dynamic": False, "_source": {"excludes": ["@words", "@pairs"]}, "properties": {**OWN, **fields}}


def _mapped(kind: Kind, dimensions: int) -> Dsl | None:
    if kind == Kind.VECTOR:  # the engine is named, since the default one is a native library
        method = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"}
        return {"type": "knn_vector", "dimension": dimensions, "method": method}
    types: dict[Kind, Dsl] = {
        Kind.KEYWORD: {"type": "keyword", "ignore_above": MAX_KEYWORD},
        Kind.TIME: {"type": "long"},
        Kind.NUMBER: {"type": "double"},
        Kind.OBJECT: {"type": "object", "enabled": False},
    }
    return types.get(kind)


def day_of(time_ns: int) -> str:
    """Return the UTC day of a time as ``yyyy.mm.dd``."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).strftime("%Y.%m.%d")


def start_of(day: str) -> int:
    """Return when a day that ``day_of`` named begins, in ns since the epoch; raise ``ValueError`` for another text."""
    return int(datetime.strptime(day, "%Y.%m.%d").replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def action(index: str, document: Ready) -> str:
    """Return the two lines of a bulk request that put ``document``."""
    own = {
        "@id": document.doc_id,
        "@time": document.time // NS_PER_MS,
        "@words": document.found_by.words,
        "@pairs": document.found_by.pairs,
    }
    head = dumps({"index": {"_index": f"{index}-{day_of(document.time)}", "_id": document.doc_id}})
    return f"{head}\n{dumps(own)[:-1]},{document.json[1:]}\n"


def condition(spec: IndexSpec, query: Query, clauses: Sequence[Clause], *, is_scored: bool = False) -> Dsl:
    """Return the query; where relevance does not matter, nothing is scored."""
    fitting: list[Dsl] = [{"terms": {field: list(values)}} for field, values in query.terms.items()]
    for field, (first, last) in query.ranges.items():
        limits = {"gte": _limit(spec, field, first), "lte": _limit(spec, field, last)}
        if given := {name: limit for name, limit in limits.items() if limit is not None}:
            fitting.append({"range": {field: given}})
    present = [_words(one) for one in clauses if not one.is_absent]
    absent = [_words(one) for one in clauses if one.is_absent]
    if not is_scored:
        fitting, present = fitting + present, []
    return {"bool": {"filter": fitting, "must": present, "must_not": absent}}


def _limit(spec: IndexSpec, field: str, limit: int | None) -> float | None:
    if limit is None:
        return None
    return max(-1, min(limit, MAX_TIME + 1)) if spec.fields[field] == Kind.TIME else float(limit)


def _words(clause: Clause) -> Dsl:
    ways: list[Dsl] = []
    if len(clause.words) == 1:
        ways.append({"term": {"@words": clause.words[0]}})
    elif clause.words:
        ways.append({"match_phrase": {"@words": as_phrase(clause.words)}})
    if clause.pair:
        ways.append({"constant_score": {"filter": {"term": {"@pairs": clause.pair}}, "boost": 0.0}})
    return ways[0] if len(ways) == 1 else {"bool": {"should": ways, "minimum_should_match": 1}}


def whole_days(spec: IndexSpec, query: Query, days: Sequence[str]) -> list[str]:
    """Return those of ``days`` of which a query by time alone has every document; none for any other query."""
    if query.terms or query.text.strip() or set(query.ranges) - {spec.time_field}:
        return []
    first, last = query.ranges.get(spec.time_field, (None, None))
    return [
        day
        for day in days
        if (first is None or first <= start_of(day)) and (last is None or start_of(day) + NS_PER_DAY - 1 <= last)
    ]


def content_of(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document as it was put, without our own fields."""
    return {name: value for name, value in source.items() if not name.startswith("@")}

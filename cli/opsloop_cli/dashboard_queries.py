"""Questions to the API as queries of Grafana's data sources for JSON: Infinity, and the JSON API plugin.

Both send GET requests through Grafana's server and pick values out of the answer. Infinity picks with GJSON paths
(a dot within a key is escaped) and follows cursors; the JSON API plugin, in maintenance mode, picks with JSONPath and
JSONata, and reads no further than the first page.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from opsloop.dashboard.panels import Column, Kind, Path, Question

PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
GRAFANA_NAMES = {
    "from": "${__from:date:iso}",
    "to": "${__to:date:iso}",
    "value": "${__value.raw:percentencode}",
}
PAGES_AT_MOST = 5  # Infinity's own limit: 6,000 rows, counting the first page


class Source(StrEnum):
    """Which data source a dashboard is made for."""

    infinity = "infinity"
    json = "json"


class Dialect(Protocol):
    """How one data source wants to be asked."""

    @property
    def plugin(self) -> str:
        """The id under which Grafana knows the plugin."""

    def query(self, question: Question, *, is_series: bool) -> dict[str, Any]:
        """Return the query of a panel, without reference and data source; ``is_series`` makes labels tell series."""

    def variable(self, question: Question) -> dict[str, Any]:
        """Return the query of a variable: the values of the question's one column."""


def filled(text: str) -> str:
    """Return ``text`` with Grafana's variables in the place of names in braces."""
    return PLACEHOLDER.sub(lambda found: GRAFANA_NAMES.get(found[1], f"${{{found[1]}}}"), text)


def label_of(question: Question) -> Column | None:
    """Return the column that tells the question's series apart, if there is one."""
    return next((column for column in question.columns if column.is_label), None)


@dataclass(frozen=True)
class Infinity:
    """yesoreyeram-infinity-datasource: parsed by its backend, so alerts and shared dashboards work, too."""

    plugin: str = "yesoreyeram-infinity-datasource"

    def query(self, question: Question, *, is_series: bool) -> dict[str, Any]:
        """Return the query of a panel."""
        return {
            "type": "json",
            "parser": "backend",
            "source": "url",
            "format": "timeseries" if is_series else "table",
            "url": question.path,
            "url_options": {
                "method": "GET",
                "data": "",
                "params": [{"key": key, "value": filled(value)} for key, value in question.parameters],
            },
            "root_selector": _gjson_rows(question),
            "columns": [
                {"selector": _gjson_path(one.path), "text": one.title, "type": INFINITY_TYPES[one.kind]}
                for one in question.columns
            ],
            "filters": [],
            **(CURSOR if question.is_paged else {"pagination_mode": "none"}),
        }

    def variable(self, question: Question) -> dict[str, Any]:
        """Return the query of a variable."""
        asked = {"refId": "variable", **self.query(question, is_series=False)}
        return {"refId": "variable", "queryType": "infinity", "query": "", "infinityQuery": asked}


INFINITY_TYPES: Mapping[Kind, str] = {Kind.TIME: "timestamp", Kind.NUMBER: "number", Kind.TEXT: "string"}
CURSOR = {
    "pagination_mode": "cursor",
    "pagination_max_pages": PAGES_AT_MOST,
    "pagination_param_cursor_field_name": "cursor",
    "pagination_param_cursor_field_type": "query",
    "pagination_param_cursor_extraction_path": "next",
}


def _gjson_path(path: Path) -> str:
    return ".".join(re.sub(r"([.*?|#@!{}\[\]()=<>%\\\"])", r"\\\1", key) for key in path)


def _gjson_rows(question: Question) -> str:
    return f'{question.rows}.#({_gjson_path(question.only)}!="")#' if question.only else question.rows


@dataclass(frozen=True)
class JsonApi:
    """marcusolsson-json-datasource."""

    plugin: str = "marcusolsson-json-datasource"

    def query(self, question: Question, *, is_series: bool) -> dict[str, Any]:
        """Return the query of a panel."""
        label = label_of(question) if is_series else None
        numbers = [column.title for column in question.columns if column.kind is Kind.NUMBER]
        grouped = {"experimentalGroupByField": label.title, "experimentalMetricField": numbers[0]} if label else {}
        return {
            "method": "GET",
            "urlPath": question.path,
            "queryParams": "",
            "params": [[key, filled(value)] for key, value in question.parameters],
            "headers": [],
            "body": "",
            "cacheDurationSeconds": 0,
            "fields": [_json_field(question, column) for column in question.columns],
            **grouped,
        }

    def variable(self, question: Question) -> dict[str, Any]:
        """Return the query of a variable."""
        return {"refId": "variable", **self.query(question, is_series=False)}


JSON_TYPES: Mapping[Kind, str] = {Kind.TIME: "time", Kind.NUMBER: "number", Kind.TEXT: "string"}


def _json_field(question: Question, column: Column) -> dict[str, str]:
    """Return a field: by JSONPath where every row has the value, else by JSONata, which can leave rows out."""
    about = {"name": column.title, "type": JSON_TYPES[column.kind]}
    if not question.only:
        return {**about, "jsonPath": f"$.{question.rows}[*].{'.'.join(column.path)}", "language": "jsonpath"}
    value = _jsonata_path(column.path)
    if column.kind is Kind.TIME:
        value = f"$toMillis({value})"
    elif len(column.path) > 1:  # an attribute may be missing, and all fields must be of one length
        value = f'({value} ? {value} : "")'
    rows = f"{question.rows}[{_jsonata_path(question.only)}]"
    return {**about, "jsonPath": f"[{rows}.{value}]", "language": "jsonata"}  # brackets: an array, also of no row


def _jsonata_path(path: Path) -> str:
    return ".".join(key if key.isidentifier() else f"`{key}`" for key in path)


DIALECTS: Mapping[Source, Dialect] = {Source.infinity: Infinity(), Source.json: JsonApi()}

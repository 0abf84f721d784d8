"""Telemetry as somebody with bad intentions would send it, in every text that a sender has a say in."""

from typing import Any

MARKUP = '<img src=x onerror="alert(1)"><script>alert(2)</script><b id="planted">bold</b>'
SCRIPT_URL = "javascript:alert(3)"
RIGHT_TO_LEFT = "\u202eyadot enif"  # an override that would turn round what follows it
LONG = "x" * 400
TRICKS = ("{{7*7}}${7*7}", "%3Cscript%3E", "../../v1/keys?x=", "'--", "\u0000\u0007", "\t")
SURPRISE = f"{MARKUP} {SCRIPT_URL} {' '.join(TRICKS)} {RIGHT_TO_LEFT}"
# Texts that come from senders, people or the catalog, wherever they stand in an answer.
TOLD = frozenset(
    {
        "service",
        "name",
        "operation",
        "caller",
        "callee",
        "caller_operation",
        "callee_operation",
        "origin_service",
        "metric",
        "owner",
        "contact",
        "description",
        "environment",
        "reason",
        "body",
        "text",
        "scope",
        "event_name",
        "severity_text",
        "subject",
        "user_agent",
        "note",
        "trigger",
        "effect",
        "what",
        "output",
        "resource",
        "meaning",
    }
)
MAPS = frozenset({"attributes", "resource"})  # whose names and values are both told by senders
NAMES = frozenset({"service", "origin_service", "caller", "callee", "operation", "metric", "name"})


def hostile(surprise: str, document: Any, key: str = "") -> Any:
    """Return an answer in which every text of a sender ends in ``surprise``; equal texts stay equal."""
    if isinstance(document, dict):
        if key in MAPS:
            return {f"{name}{surprise}": hostile(surprise, value, "body") for name, value in document.items()}
        return {name: hostile(surprise, value, name) for name, value in document.items()}
    if isinstance(document, list):
        return [hostile(surprise, one, key) for one in document]
    if isinstance(document, str) and key in TOLD and document and document != "*":
        return f"{document}{surprise}"
    return document


def harmless(surprise: str, query: dict[str, str]) -> dict[str, str]:
    """Return a question with the names that the shop knows: a page asks by the names that it was told."""
    return {name: value.replace(surprise, "") for name, value in query.items()}

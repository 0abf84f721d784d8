"""What is known of each function when the stacks are made: what starts it, what it does, and its settings."""

import json
from collections.abc import Mapping

from opsloop.dataclass import dataclass


@dataclass(frozen=True)
class SettingFact:
    """One environment variable that a function reads; ``default`` is ``None`` where the stack must set it."""

    name: str
    default: str | None
    meaning: str


@dataclass(frozen=True)
class FunctionFact:
    """One function: ``trigger`` and ``effect`` are the two sides of its first docstring line."""

    name: str
    trigger: str
    effect: str
    stack: str
    settings: tuple[SettingFact, ...] = ()

    @property
    def word(self) -> str:
        """Return the capability that it belongs to."""
        return self.name.partition("_")[0]


def read_facts(text: str | bytes) -> dict[str, FunctionFact]:
    """Return every function of a compiled document, by name."""
    return {one["name"]: _fact(one) for one in json.loads(text)}


def _fact(one: Mapping[str, object]) -> FunctionFact:
    settings = one.get("settings")
    facts = tuple(SettingFact(**setting) for setting in settings) if isinstance(settings, list) else ()
    trigger, _, effect = str(one["effect"]).partition(" -> ")
    return FunctionFact(str(one["name"]), trigger, effect.rstrip("."), str(one["stack"]), facts)

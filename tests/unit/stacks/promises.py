"""What a capability promises of its stack: one file each in ``promised/``, compared with all templates.

A capability adds its file; whatever a stack then does beyond what is written there fails a test.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

READ_KEY = {"kms:Decrypt", "kms:DescribeKey"}
WRITE_KEY = READ_KEY | {"kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"}
VERBS = ("GetItem", "PutItem", "Query", "UpdateItem", "ConditionCheckItem")
GET, PUT, QUERY, UPDATE, CHECK = (f"dynamodb:{verb}" for verb in VERBS)

Grants = Mapping[str, set[str]]


@dataclass(frozen=True)
class Promises:
    """The promises of one stack.

    ``may``: function -> state resource -> actions. Its own queue, its log group and X-Ray go without saying.
    ``Key`` is the one for data at rest; ``Segments/*`` are the objects of a bucket.
    ``routes``: what it answers. ``started_by``: function -> schedules, types of event, or objects such as
    ``Import/import/*``. ``consumers``: functions that read the stream. ``fed_with``: function -> types of event, or
    objects, that a queue collects for it. ``beyond``: function -> actions on what is in no stack's hands, such as SES.
    ``everywhere``: function -> actions that AWS grants on everything or not at all, such as reading metrics.
    """

    may: Mapping[str, Grants]
    routes: frozenset[str] = frozenset()
    started_by: Mapping[str, set[str]] = field(default_factory=dict)
    consumers: frozenset[str] = frozenset()
    fed_with: Mapping[str, set[str]] = field(default_factory=dict)
    beyond: Grants = field(default_factory=dict)
    everywhere: Grants = field(default_factory=dict)

    @property
    def with_queue(self) -> set[str]:
        """Return the functions whose failures a queue keeps: those that nobody waits for."""
        return {*self.started_by, *self.consumers, *self.fed_with}


@cache
def promised() -> dict[str, Promises]:
    """Return the promises of every capability, by construct id of its stack."""
    words = sorted(path.stem for path in Path(__file__).with_name("promised").glob("*.py"))
    return {word.capitalize(): importlib.import_module(f"tests.unit.stacks.promised.{word}").PROMISES for word in words}

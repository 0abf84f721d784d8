"""What a dashboard shows, without saying with what: boards of panels that ask the API and name what comes back.

Texts may hold names in braces, which whoever draws a board fills in: ``{service}`` and the board's other choices,
``{resolution}`` (minute, hour, day), ``{from}`` and ``{to}`` (ISO 8601); in links also ``{console}`` (the console's
address) and ``{value}`` (the cell's own value). The boards themselves are in ``panels_health``.
"""

from enum import StrEnum

from opsloop.dataclass import dataclass

Path = tuple[str, ...]
"""The keys that lead from a row of an answer to a value in it."""


class Shape(StrEnum):
    """How a panel shows its columns."""

    LINES = "lines"
    BARS = "bars"  # stacked
    TOTALS = "totals"  # sums over the range, as big numbers
    TABLE = "table"


class Unit(StrEnum):
    """What a number counts."""

    COUNT = "count"
    RATIO = "ratio"  # 0 to 1
    MILLISECONDS = "ms"
    SECONDS = "s"
    MINUTES = "min"


class Kind(StrEnum):
    """What a column holds."""

    TIME = "time"  # ISO 8601
    NUMBER = "number"
    TEXT = "text"


class Meaning(StrEnum):
    """What a value says about health; UNKNOWN never looks like WELL."""

    WELL = "well"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Level:
    """From ``value`` on (in the column's unit) a number means this."""

    value: float
    means: Meaning


@dataclass(frozen=True)
class Column:
    """One value of each row: where it stands, what people read above it, and what it is.

    ``unit`` and ``levels`` are of numbers. A label tells series of one panel apart. ``words`` say what texts mean.
    ``links`` are (title, URL) pairs for a cell. A column on the right has an axis of its own there.
    """

    path: Path
    title: str
    kind: Kind = Kind.NUMBER
    unit: Unit = Unit.COUNT
    levels: tuple[Level, ...] = ()
    words: tuple[tuple[str, Meaning], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    is_label: bool = False
    is_on_the_right: bool = False


@dataclass(frozen=True)
class Question:
    """A GET of the API, the list in its answer that holds the rows, and the columns that are taken from each row.

    With ``only``, rows where that value is missing or empty are left out. ``is_paged``: the answer may have a cursor.
    """

    path: str
    parameters: tuple[tuple[str, str], ...]
    rows: str
    columns: tuple[Column, ...]
    only: Path = ()
    is_paged: bool = True


@dataclass(frozen=True)
class Place:
    """Where a panel stands on a grid of 24 columns; ``y`` counts downwards."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Share:
    """A ratio of sums: that of the column ``part`` over those of the columns ``whole``; named ``title``."""

    title: str
    part: str
    whole: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """One panel. ``nothing`` is shown where there is no value; ``quiet`` names labels whose series are not shown.

    Rows of a table stand in the order of the answer, or by the column ``sorted_by``, last in the alphabet first.
    """

    title: str
    description: str
    shape: Shape
    place: Place
    questions: tuple[Question, ...]
    nothing: str = "UNKNOWN"
    quiet: tuple[str, ...] = ()
    share: Share | None = None
    sorted_by: str = ""


@dataclass(frozen=True)
class Choice:
    """What a reader of a board may choose: fixed ``options`` as (text, value), then what ``question`` finds.

    The question has one column. Values that ``refused`` (a regular expression) matches at their beginning are left out.
    """

    name: str
    label: str
    description: str
    options: tuple[tuple[str, str], ...] = ()
    question: Question | None = None
    refused: str = ""


@dataclass(frozen=True)
class Board:
    """A dashboard. ``name`` is that of its file and its identity, which must never change."""

    name: str
    title: str
    description: str
    choices: tuple[Choice, ...]
    panels: tuple[Panel, ...]

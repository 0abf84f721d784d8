"""What the platform says of itself, in the words of draft-inadarei-api-health-check."""

from datetime import datetime
from enum import StrEnum

from opsloop.dataclass import dataclass


class Status(StrEnum):
    """``pass``: it works; ``warn``: it works, look at it soon; ``fail``: it does not."""

    PASS = "pass"  # noqa: S105 - a word of the format, not a password
    WARN = "warn"
    FAIL = "fail"

    @property
    def weight(self) -> int:
        """Order from well to unwell."""
        return list(Status).index(self)


@dataclass(frozen=True)
class Check:
    """One look at one component. ``output`` says what is wrong, for people; never a secret, empty when all is well."""

    component: str
    status: Status
    observed_value: float | str | None = None
    observed_unit: str = ""
    output: str = ""


@dataclass(frozen=True)
class Probe:
    """All checks of one minute. ``since``: when the platform was probed for the first time."""

    time: datetime
    checks: tuple[Check, ...]
    since: datetime

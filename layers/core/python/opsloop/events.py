"""The envelope of everything that capabilities tell one another: CloudEvents 1.0, in EventBridge's ``detail``.

Each event type is one frozen dataclass in its capability's ``model.py`` with a class attribute ``TYPE``.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any, ClassVar, Protocol

from opsloop.clock import format_time
from opsloop.dataclass import dataclass


class Fact(Protocol):
    """Something that happened, in the past tense. ``TYPE`` is ``<capability>.<what_happened>``."""

    TYPE: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]


@dataclass(frozen=True)
class Event:
    """One fact about one subject. Sent twice, it has the same ``id``: receivers may drop the second."""

    id: str
    subject: str
    time: datetime
    data: Fact
    correlation_id: str

    def detail(self) -> dict[str, Any]:
        """Return the CloudEvents 1.0 JSON object."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": f"opsloop.{self.data.TYPE.partition('.')[0]}",
            "type": self.data.TYPE,
            "time": format_time(self.time),
            "subject": self.subject,
            "correlationid": self.correlation_id,
            "datacontenttype": "application/json",
            "data": asdict(self.data),
        }

"""Documents of the backup bucket that are read whole: reports of other tools, and the evidence of verifications."""

from datetime import UTC, datetime

from opsloop.adapters.aws_client import AwsError, ObjectClient
from opsloop.dataclass import dataclass
from opsloop.errors import DependencyUnavailableError, NotFoundError

_MISSING = {"NoSuchKey", "NoSuchVersion"}


@dataclass(frozen=True)
class Document:
    """One object as it is now. ``written_at`` is when it was stored, None where the answer does not say so."""

    body: bytes
    written_at: datetime | None


class ReportBucket:
    """Reads documents; raises ``NotFoundError`` and ``DependencyUnavailableError``."""

    def __init__(self, name: str) -> None:
        self._objects = ObjectClient(name)

    def read(self, key: str) -> Document:
        """Return the last version of the object under ``key``."""
        try:
            answer = self._objects.get(key)
        except AwsError as error:
            if error.code in _MISSING or error.status == 404:
                raise NotFoundError(f"backup bucket: there is no {key}") from error
            raise DependencyUnavailableError(f"backup bucket: {key}: {error.code}") from error
        return Document(answer.body, _moment(answer.headers.get("last-modified", "")))


def _moment(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # only where a report is read

    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None

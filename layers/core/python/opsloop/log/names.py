"""How the things of logs are named, in the bucket and in the table.

Names of services and logs are percent-encoded with ``!`` for the percent sign, which every part of S3 and EventBridge
hands on as it is. What is named by a position in a log is the same on every attempt (docs/adr/0016-log-objects.md).
"""

from datetime import datetime
from hashlib import sha256

from opsloop.clock import minute_of, time_of
from opsloop.errors import InvalidInputError

RAW, LOGS, STATE, HOURS = "raw/", "logs/", "state/", "hours/"
"""What lies in the bucket: requests as they came, documents, states of miners, large bodies of pattern counts."""

PENDING_PARTITIONS, PENDING_DAYS = 4, 90
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")
_MAX_FOLDER = 150  # S3 keys end at 1,024 bytes
_HOUR_FORMAT = "%Y-%m-%dT%H"
_DOCUMENTS = ".jsonl.gz"


def folder(name: str) -> str:
    """Return ``name`` as part of a key; a long one is cut, and told apart by a hash."""
    text = "".join(chr(one) if one in _PLAIN else f"!{one:02X}" for one in name.encode("utf-8", "surrogatepass"))
    if not text.strip("."):
        text = text.replace(".", "!2E")  # a part "." or ".." would be resolved on the way
    if len(text) <= _MAX_FOLDER:
        return text
    return f"{text[:_MAX_FOLDER]}~{_digest(name)}"


def raw_key(log: str, start: str, end: str) -> str:
    """Return the key of the requests of one item of ``log``, from its start to its end."""
    return f"{RAW}{folder(log)}/{_place(start)}-{_place(end)}.zst"


def log_of_raw(key: str) -> str:
    """Return the log that a key of ``raw_key`` names; raise ``InvalidInputError`` for any other key."""
    parts = key.split("/")
    if len(parts) != 3 or not key.startswith(RAW) or "~" in parts[1]:
        raise InvalidInputError(f"{key}: not the key of raw log requests")
    from urllib.parse import unquote  # 2 ms that ingest, which writes names alone, does not pay at its start

    return unquote(parts[1].replace("!", "%"), errors="surrogatepass")


def is_kept(key: str, position: str) -> bool:
    """Return whether a log that was kept up to ``position`` is past the item whose requests lie under ``key``."""
    end = key.rpartition("-")[2].removesuffix(".zst").partition("~")[0]
    reached = position.partition("+")[0]
    return end.isdigit() and reached.isdigit() and int(end) <= int(reached)


def batch_name(service: str, log: str, start: str, step: str) -> str:
    """Return what tells the documents of one service and step of a log item from all others, on every attempt."""
    return f"{_digest(f'{log} {service}')}-{_place(start)}-{step}"


def object_key(service: str, day: str, hour: int, batch: str, version: int) -> str:
    """Return the key of the documents of one service, day, hour and batch.

    ``version`` is that of the service's state which the batch was mined with: the bytes follow from both, so a retry
    overwrites itself, and an attempt that another writer was ahead of writes elsewhere.
    """
    return f"{LOGS}{folder(service)}/{day}/{hour:02d}/{batch}-{version}{_DOCUMENTS}"


def kept_of(key: str) -> int:
    """Return in which step of its service the object of that key was kept, counted from 1 without a gap; 0 if it does
    not say."""
    version = key.removesuffix(_DOCUMENTS).rpartition("-")[2]
    return int(version) + 1 if key.endswith(_DOCUMENTS) and version.isascii() and version.isdigit() else 0


def service_key(kind: str, service: str) -> str:
    """Return the partition of the log table that holds the items of ``kind`` of ``service``."""
    return f"{kind}#{service}"


def objects_key(service: str, day: str) -> str:
    """Return the partition of the log table that holds the object index of ``service`` and ``day``."""
    return f"objects#{day}#{service}"


def pending_key(key: str, since_s: int) -> tuple[str, str]:
    """Return where the log table holds that the object ``key`` is not searchable yet: the longest waiting come first.

    They are spread over ``PENDING_PARTITIONS``, since one partition takes a thousand writes a second.
    """
    return pending_partition(int(sha256(key.encode()).hexdigest(), 16) % PENDING_PARTITIONS), f"{since_s:012d}#{key}"


def pending_partition(number: int) -> str:
    """Return the partition of that number."""
    return f"pending#{number}"


def hour_key(hour: int) -> str:
    """Return the sort key of the hour that starts at minute ``hour``."""
    return time_of(hour).strftime(_HOUR_FORMAT)


def hour_of(key: str) -> int:
    """Return the minute at which the hour starts that a key of ``hour_key`` names."""
    return minute_of(datetime.fromisoformat(f"{key}:00+00:00"))


def _place(position: str) -> str:
    """Return a position of a log as part of a key; that of a fork holds the name of another log."""
    number, is_fork, rest = position.partition("+")
    return f"{number.lstrip('0') or '0'}~{_digest(rest)}" if is_fork else number.lstrip("0") or "0"


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]

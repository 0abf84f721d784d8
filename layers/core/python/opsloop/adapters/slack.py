"""The Slack channel: a POST to an incoming webhook, whose URL is a secret. Slack knows no idempotency here."""

import json
from collections.abc import Callable
from urllib.parse import urlsplit

from opsloop.adapters.aws_http import Answer, Connection, Endpoint
from opsloop.alert.model import Message, Receipt, UnclearError
from opsloop.alert.slack_blocks import payload
from opsloop.errors import DependencyUnavailableError, PermanentError, ThrottledError

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3.0, 10.0
LOOPBACK = frozenset({"127.0.0.1", "localhost"})
GONE = frozenset({403, 404, 410})  # a webhook that was revoked or renewed, or whose channel is no more
DEFAULT_WAIT_S, LONGEST_WAIT_S = 30, 600

ReadUrl = Callable[[bool], str]


class SlackChannel:
    """Posts to the webhook of which ``read_url`` returns the URL; called with True, it looks afresh."""

    def __init__(self, read_url: ReadUrl) -> None:
        self._read_url = read_url

    def send(self, message: Message) -> Receipt:
        """Post ``message``; see ``opsloop.alert.model.Channel``. A URL that is gone is looked up afresh, once."""
        body = json.dumps(payload(message), ensure_ascii=False).encode()
        url = self._read_url(False)
        answer = _post(url, body)
        if answer.status in GONE:
            renewed = self._read_url(True)
            if renewed != url:
                answer = _post(renewed, body)
        if answer.status == 200:
            return Receipt()
        raise _meaning(answer)


def _post(url: str, body: bytes) -> Answer:
    """Return the answer; no error says where it was posted to, for the path is the secret."""
    endpoint, target = _parsed(url)
    connection = Connection(endpoint, connect_timeout_s=CONNECT_TIMEOUT_S, read_timeout_s=READ_TIMEOUT_S)
    headers = {"host": endpoint.authority, "content-type": "application/json; charset=utf-8", "connection": "close"}
    try:
        connection.open()
    except OSError as error:
        raise DependencyUnavailableError(f"Slack cannot be reached: {type(error).__name__}") from None
    try:
        return connection.request("POST", target, headers, body)
    except OSError as error:
        raise UnclearError(f"Slack did not answer: {type(error).__name__}") from None
    finally:
        connection.close()


def _parsed(url: str) -> tuple[Endpoint, str]:
    """Return where to post. Plain HTTP is for loopback alone: the URL is all that protects the channel."""
    fault = PermanentError("the secret holds no webhook URL (https://...)")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise fault from None
    is_tls = parts.scheme == "https"
    is_usable = is_tls or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not is_usable or not parts.hostname or not url.isascii() or not url.isprintable() or " " in url:
        raise fault
    endpoint = Endpoint(is_tls, parts.hostname, port or (443 if is_tls else 80))
    return endpoint, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _meaning(answer: Answer) -> Exception:
    said = answer.body[:200].decode("utf-8", "replace").strip()
    text = f"Slack answered {answer.status} {said}".strip()
    if answer.status == 429:
        asked = answer.headers.get("retry-after", "")
        wait_s = min(int(asked), LONGEST_WAIT_S) if asked.isdecimal() else DEFAULT_WAIT_S
        return ThrottledError(text, retry_after_s=wait_s)
    return DependencyUnavailableError(text) if answer.status >= 500 else PermanentError(text)

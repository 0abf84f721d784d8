"""The mail channel: Amazon SES, which takes a whole mail as bytes (``SendRawEmail``) and knows no idempotency."""

from base64 import b64encode
from collections.abc import Sequence
from email.errors import MessageError

from opsloop.adapters import aws_environment
from opsloop.adapters.aws_client import AwsError, QueryClient, between
from opsloop.alert.mime import mail
from opsloop.alert.model import Message, Receipt, UnclearError
from opsloop.errors import DependencyUnavailableError, PermanentError

VERSION = "2010-12-01"
BEFORE_IT_LEFT = frozenset({"ConnectionRefusedError", "gaierror"})
"""Failures after which nothing can have arrived; of any other without an answer that is not known."""


class MailChannel:
    """Mail from ``sender`` to the addresses ``to``."""

    def __init__(self, sender: str, to: Sequence[str]) -> None:
        self._sender, self._to = sender, tuple(to)

    def send(self, message: Message) -> Receipt:
        """Send ``message`` as one mail to all addresses; see ``opsloop.alert.model.Channel``."""
        if not self._sender:
            raise PermanentError("no sender of mail is set; deploy with -c mail_sender=ADDRESS")
        try:
            document = mail(message, sender=self._sender, to=self._to)
        except (MessageError, ValueError) as error:  # of an address that is none
            raise PermanentError(f"no mail from {self._sender} to {', '.join(self._to)} can be made: {error}") from None
        arguments = {"Source": self._sender, "RawMessage.Data": b64encode(document).decode()}
        for place, address in enumerate(self._to, start=1):
            arguments[f"Destinations.member.{place}"] = address
        # one attempt over a connection of its own: a second one, of which nobody knows, would be a second mail
        client = QueryClient("ses", host="email", version=VERSION, attempts=1, read_timeout_s=10.0)
        try:
            answer = client.call("SendRawEmail", arguments)
        except AwsError as error:
            raise _meaning(error) from error
        return Receipt(_message_id(between(answer, "MessageId")))


def _meaning(error: AwsError) -> Exception:
    text = f"SES: {error}"
    if error.status == 0:
        return DependencyUnavailableError(text) if error.code in BEFORE_IT_LEFT else UnclearError(text)
    return DependencyUnavailableError(text) if error.is_passing else PermanentError(text)


def _message_id(receipt: str) -> str:
    """Return the ``Message-ID`` that SES gives the mail of that receipt: ``<RECEIPT@REGION.amazonses.com>``."""
    if not receipt or "@" in receipt:
        return f"<{receipt}>" if receipt else ""
    region = aws_environment.region()
    return f"<{receipt}@{'email' if region == 'us-east-1' else region}.amazonses.com>"

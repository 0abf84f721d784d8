"""The queue of what is to be told: a message that is not done is hidden until it is due."""

from opsloop.adapters.aws_client import SQS, AwsError, JsonClient
from opsloop.errors import DependencyUnavailableError

LONGEST_S = 43_200  # of SQS, since the message was received


class AlertQueue:
    """The queue at ``url``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = JsonClient(SQS)

    def postpone(self, receipt_handle: str, wait_s: float) -> None:
        """Have the message of that receipt come back in ``wait_s`` seconds; raise ``DependencyUnavailableError``."""
        seconds = min(max(1, round(wait_s)), LONGEST_S)
        request = {"QueueUrl": self._url, "ReceiptHandle": receipt_handle, "VisibilityTimeout": seconds}
        try:
            self._client.call("ChangeMessageVisibility", request)
        except AwsError as error:
            raise DependencyUnavailableError(f"alert queue: {error.code}") from error

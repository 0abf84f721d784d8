"""Queues of work: a message that is not done is hidden until it is due."""

from functools import cache

from opsloop.adapters.aws_client import SQS, AwsError, JsonClient
from opsloop.errors import DependencyUnavailableError

LONGEST_S = 3_600  # SQS allows 12 hours in all since the message was received; nothing of ours waits for long


class WorkQueue:
    """The queues that messages came from, each named by its ARN."""

    def __init__(self) -> None:
        self._client = JsonClient(SQS)
        self._url = cache(self._look_up)

    def postpone(self, queue_arn: str, receipt_handle: str, wait_s: float) -> None:
        """Have the message of that receipt come back in ``wait_s`` seconds; raise ``DependencyUnavailableError``."""
        seconds = min(max(1, round(wait_s)), LONGEST_S)
        try:
            request = {"QueueUrl": self._url(queue_arn), "ReceiptHandle": receipt_handle, "VisibilityTimeout": seconds}
            self._client.call("ChangeMessageVisibility", request)
        except AwsError as error:
            raise DependencyUnavailableError(f"queue: {error.code}") from error

    def _look_up(self, queue_arn: str) -> str:
        """Return the queue's URL. The function cannot be told it when it is deployed: the queue starts the function."""
        name = queue_arn.rpartition(":")[2]
        return str(self._client.call("GetQueueUrl", {"QueueName": name}).get("QueueUrl"))

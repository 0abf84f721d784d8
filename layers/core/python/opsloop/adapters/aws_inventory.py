"""What is there: functions as Lambda has them, queues, tables, the stream. None of these questions costs anything worth
counting."""

import json
from typing import Any

from opsloop.adapters import aws_environment
from opsloop.adapters.aws_client import DYNAMODB, KINESIS, SQS, AwsClient, AwsError, JsonClient
from opsloop.errors import DependencyUnavailableError
from opsloop.health.secrets import shown_settings
from opsloop.health.snapshot import FunctionSetup, Queue, Table

_COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


class Inventory:
    """Looks at one thing at a time; ``DependencyUnavailableError`` carries AWS's code, never a name or a message."""

    def __init__(self) -> None:
        self._lambda = AwsClient("lambda")
        self._sqs, self._dynamodb, self._kinesis = (JsonClient(service) for service in (SQS, DYNAMODB, KINESIS))
        self._urls: dict[str, str] = {}

    def setup(self, function: str) -> FunctionSetup:
        """Return how the function of that full name is set up."""
        path = f"/2015-03-31/functions/{function}/configuration"
        try:
            endpoint = aws_environment.endpoint("lambda")
            document: dict[str, Any] = json.loads(self._lambda.request(endpoint, "GET", path).body)
        except AwsError as error:
            raise DependencyUnavailableError(f"Lambda: {error.code}") from error
        return FunctionSetup(
            memory_mb=int(document["MemorySize"]),
            timeout_s=int(document["Timeout"]),
            runtime=str(document.get("Runtime", "")),
            architecture=str((document.get("Architectures") or ["x86_64"])[0]),
            deployed_at=str(document.get("LastModified", "")),
            settings=shown_settings((document.get("Environment") or {}).get("Variables") or {}),
        )

    def queue(self, name: str) -> Queue:
        """Return how many messages the queue ``name`` has; one that does not answer has none that are known."""
        try:
            if name not in self._urls:
                self._urls[name] = str(self._sqs.call("GetQueueUrl", {"QueueName": name})["QueueUrl"])
            request = {"QueueUrl": self._urls[name], "AttributeNames": list(_COUNTS)}
            counts = self._sqs.call("GetQueueAttributes", request)["Attributes"]
        except AwsError as error:
            return Queue(name, None, None, f"SQS: {error.code}")
        waiting, hidden = (int(counts[one]) for one in _COUNTS)
        return Queue(name, waiting, hidden)

    def table(self, name: str) -> Table:
        """Return the size of the table ``name``."""
        try:
            found = self._dynamodb.call("DescribeTable", {"TableName": name})["Table"]
        except AwsError as error:
            raise DependencyUnavailableError(f"DynamoDB: {error.code}") from error
        return Table(found.get("TableSizeBytes"), found.get("ItemCount"))

    def shards(self, stream: str) -> int:
        """Return how many open shards the ``stream`` has."""
        try:
            found = self._kinesis.call("DescribeStreamSummary", {"StreamName": stream})
        except AwsError as error:
            raise DependencyUnavailableError(f"Kinesis: {error.code}") from error
        return int(found["StreamDescriptionSummary"]["OpenShardCount"])

"""What the pump needs of AWS, by boto3: mappings, shards, records, invocations, failure destinations."""

import base64
import json
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from local.pump.delivery import Reply
from local.pump.model import Mapping, Record, Shard

LONGEST_INVOCATION_S = 920  # the longest timeout of a function and a little
# An iterator ends with a restart of the local cloud, and streams come and go while stacks are deployed.
PASSING = {
    "ExpiredIteratorException",
    "ProvisionedThroughputExceededException",
    "ResourceNotFoundException",
    "InternalError",
}


class EndpointDownError(Exception):
    """AWS does not answer, or not now: ask again."""


class Aws:
    """The clients; each method raises ``EndpointDownError`` when the cloud is away."""

    def __init__(self, lambda_client: Any, kinesis: Any, sqs: Any, sns: Any) -> None:
        self._lambda = lambda_client
        self._kinesis = kinesis
        self._sqs = sqs
        self._sns = sns

    @classmethod
    def connect(cls) -> "Aws":
        """Return clients made from the environment. Nothing is retried by boto3: an invocation is not idempotent."""
        config = Config(retries={"total_max_attempts": 1}, read_timeout=LONGEST_INVOCATION_S, max_pool_connections=64)
        names = ("lambda", "kinesis", "sqs", "sns")
        return cls(*(boto3.client(name, config=config) for name in names))  # type: ignore[call-overload]

    def mappings(self) -> list[Mapping]:
        """Return every enabled mapping from a Kinesis stream."""
        found = []
        request: dict[str, Any] = {}
        while True:
            page = self._call(self._lambda.list_event_source_mappings, **request)
            found += [to_mapping(one) for one in page["EventSourceMappings"] if is_enabled_stream(one)]
            if not page.get("NextMarker"):
                return found
            request = {"Marker": page["NextMarker"]}

    def shards(self, stream_arn: str) -> list[Shard]:
        """Return the shards of a stream."""
        page = self._call(self._kinesis.list_shards, StreamName=stream_arn.rpartition("/")[2])
        names = ("ParentShardId", "AdjacentParentShardId")
        return [Shard(one["ShardId"], tuple(one[name] for name in names if name in one)) for one in page["Shards"]]

    def iterator(self, stream_arn: str, shard_id: str, *, after: str | None) -> str:
        """Return an iterator that stands after a sequence number, or at the oldest record."""
        place = {"ShardIteratorType": "TRIM_HORIZON"}
        if after is not None:
            place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after}
        name = stream_arn.rpartition("/")[2]
        answer = self._call(self._kinesis.get_shard_iterator, StreamName=name, ShardId=shard_id, **place)
        return str(answer["ShardIterator"])

    def read(self, iterator: str, limit: int) -> tuple[list[Record], str | None]:
        """Return up to ``limit`` records and the next iterator, None at the end of a closed shard."""
        answer = self._call(self._kinesis.get_records, ShardIterator=iterator, Limit=min(limit, 10_000))
        records = [
            Record(
                sequence_number=one["SequenceNumber"],
                partition_key=one["PartitionKey"],
                data=base64.b64encode(one["Data"]).decode(),
                arrived_at=one["ApproximateArrivalTimestamp"],
            )
            for one in answer["Records"]
        ]
        return records, answer.get("NextShardIterator")

    def invoke(self, function_arn: str, event: dict[str, Any]) -> Reply:
        """Call the function and wait for its answer."""
        try:
            answer = self._call(self._lambda.invoke, FunctionName=function_arn, Payload=json.dumps(event).encode())
        except ClientError as error:
            if error.response["Error"]["Code"] == "TooManyRequestsException":
                return Reply(is_throttled=True)
            raise EndpointDownError(f"invoking {function_arn}: {error}") from error
        body = answer["Payload"].read()
        if answer.get("FunctionError"):
            return Reply(error=f"{answer['FunctionError']}: {body[:500].decode(errors='replace')}")
        return Reply(payload=json.loads(body) if body else None)

    def report_failure(self, destination: str, message: dict[str, Any]) -> None:
        """Send ``message`` to the queue or topic ``destination``."""
        service, name = destination.split(":")[2], destination.rpartition(":")[2]
        if service == "sqs":
            url = self._call(self._sqs.get_queue_url, QueueName=name)["QueueUrl"]
            self._call(self._sqs.send_message, QueueUrl=url, MessageBody=json.dumps(message))
        elif service == "sns":
            self._call(self._sns.publish, TopicArn=destination, Message=json.dumps(message))
        else:
            raise ValueError(f"failure destination {destination}: neither a queue nor a topic")

    @staticmethod
    def _call(operation: Any, **request: Any) -> Any:
        try:
            return operation(**request)
        except (BotoConnectionError, HTTPClientError) as error:
            raise EndpointDownError(str(error)) from error
        except ClientError as error:
            if error.response["Error"]["Code"] in PASSING:
                raise EndpointDownError(str(error)) from error
            raise


def is_enabled_stream(answer: dict[str, Any]) -> bool:
    """Return whether a mapping, as the API describes it, reads a Kinesis stream and is on."""
    return ":kinesis:" in answer.get("EventSourceArn", "") and answer.get("State") == "Enabled"


def to_mapping(answer: dict[str, Any]) -> Mapping:
    """Return a mapping as the API describes it in our terms."""
    retries, age_s = answer.get("MaximumRetryAttempts"), answer.get("MaximumRecordAgeInSeconds")
    destination = ((answer.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    return Mapping(
        id=answer["UUID"],
        function_arn=answer["FunctionArn"],
        stream_arn=answer["EventSourceArn"],
        batch_size=answer.get("BatchSize") or 100,
        window_s=answer.get("MaximumBatchingWindowInSeconds") or 0,
        max_retries=-1 if retries is None else retries,
        max_age_s=-1 if age_s is None else age_s,
        bisects=bool(answer.get("BisectBatchOnFunctionError")),
        reports_item_failures="ReportBatchItemFailures" in (answer.get("FunctionResponseTypes") or []),
        failure_destination=destination,
    )

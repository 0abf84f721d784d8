"""How old the oldest record of each shard is that ingest has not committed: the log's end, looked up in the stream."""

from typing import Any

from opsloop.adapters.aws_client import DYNAMODB, KINESIS, AwsError, JsonClient
from opsloop.errors import DependencyUnavailableError

LOOKS = 5  # Kinesis may answer with nothing although there is something further on
_UNUSABLE = {"InvalidArgumentException", "ResourceNotFoundException"}


class StreamBacklog:
    """Looks at the stream ``name`` from where its logs in ``table`` end."""

    def __init__(self, name: str, table: str) -> None:
        self._name, self._table = name, table
        self._kinesis, self._dynamodb = JsonClient(KINESIS), JsonClient(DYNAMODB)
        self._arn = ""  # looked up at the first use

    def oldest_arrival_s(self, shard: str, log: str) -> float | None:
        """Return when the first record arrived that ``log`` does not have; None where it has all.

        Raises ``DependencyUnavailableError``.
        """
        try:
            return self._oldest(shard, self._end(log))
        except AwsError as error:
            raise DependencyUnavailableError(f"stream {self._name}: {shard} cannot be looked at: {error}") from error

    def _end(self, log: str) -> str:
        """Return the sequence number of the last record in ``log``, empty if it has none."""
        request = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": log}},
            "ProjectionExpression": "#to",
            "ExpressionAttributeNames": {"#to": "to"},
            "ScanIndexForward": False,
            "ConsistentRead": True,
            "Limit": 1,
        }
        items = self._dynamodb.call("Query", request)["Items"]
        return items[0]["to"]["S"].partition("+")[0].lstrip("0") if items else ""  # after a +: the log of a descendant

    def _oldest(self, shard: str, end: str) -> float | None:
        iterator: str | None = self._iterator(shard, end)
        for _ in range(LOOKS):
            # the stream is named, so that permissions on it alone are enough everywhere
            request = {"ShardIterator": iterator, "Limit": 1, "StreamARN": self._stream_arn()}
            answer = self._kinesis.call("GetRecords", request)
            if answer["Records"]:
                return float(answer["Records"][0]["ApproximateArrivalTimestamp"])
            iterator = answer.get("NextShardIterator")
            if not iterator or not answer.get("MillisBehindLatest"):
                return None
        return None

    def _stream_arn(self) -> str:
        if not self._arn:
            answer = self._kinesis.call("DescribeStreamSummary", {"StreamName": self._name})
            self._arn = answer["StreamDescriptionSummary"]["StreamARN"]
        return self._arn

    def _iterator(self, shard: str, end: str) -> str:
        place: dict[str, Any] = {"StreamName": self._name, "ShardId": shard}
        if end:
            after = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": end}
            try:
                return str(self._kinesis.call("GetShardIterator", {**place, **after})["ShardIterator"])
            except AwsError as error:
                if error.code not in _UNUSABLE:
                    raise
        # nothing was read yet, or what was read last has left the stream
        return str(
            self._kinesis.call("GetShardIterator", {**place, "ShardIteratorType": "TRIM_HORIZON"})["ShardIterator"]
        )

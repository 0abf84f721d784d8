"""Which life of a stream this is, and how its shards descend: each life, and each shard, has a log of its own."""

from typing import Any

from opsloop.adapters.aws_client import KINESIS, AwsError, JsonClient
from opsloop.errors import DependencyUnavailableError


class StreamIdentity:
    """Looks up when a stream was created, and its shards."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._client = JsonClient(KINESIS)

    def created_s(self) -> int:
        """Return the stream's creation time, in whole seconds since the epoch."""
        try:
            answer = self._client.call("DescribeStreamSummary", {"StreamName": self.name})
        except AwsError as error:
            raise DependencyUnavailableError(f"stream {self.name}: cannot be described: {error}") from error
        return int(answer["StreamDescriptionSummary"]["StreamCreationTimestamp"])

    def parents(self) -> dict[str, tuple[str, ...]]:
        """Return every shard that the stream lists, open or closed, with the shards it was split or merged from."""
        found: dict[str, tuple[str, ...]] = {}
        request: dict[str, Any] = {"StreamName": self.name}
        while True:
            try:
                page = self._client.call("ListShards", request)
            except AwsError as error:
                raise DependencyUnavailableError(f"stream {self.name}: cannot list shards: {error}") from error
            for shard in page["Shards"]:
                names = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                found[shard["ShardId"]] = tuple(name for name in names if name)
            if not page.get("NextToken"):
                return found
            request = {"NextToken": page["NextToken"]}

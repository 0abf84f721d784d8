"""Which life of a stream this is, and how its shards descend: each life, and each shard, has a log of its own."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from opsloop.errors import DependencyUnavailableError

_PATIENCE = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"})


class StreamIdentity:
    """Looks up when a stream was created, and its shards."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._client = boto3.client("kinesis", config=_PATIENCE)

    def created_s(self) -> int:
        """Return the stream's creation time, in whole seconds since the epoch."""
        try:
            summary = self._client.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]
        except (BotoCoreError, ClientError) as error:
            raise DependencyUnavailableError(f"stream {self.name}: cannot be described: {error}") from error
        return int(summary["StreamCreationTimestamp"].timestamp())

    def parents(self) -> dict[str, tuple[str, ...]]:
        """Return every shard that the stream lists, open or closed, with the shards it was split or merged from."""
        found: dict[str, tuple[str, ...]] = {}
        request: dict[str, Any] = {"StreamName": self.name}
        while True:
            try:
                page = self._client.list_shards(**request)
            except (BotoCoreError, ClientError) as error:
                raise DependencyUnavailableError(f"stream {self.name}: cannot list shards: {error}") from error
            for shard in page["Shards"]:
                names = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                found[shard["ShardId"]] = tuple(name for name in names if name)
            if not page.get("NextToken"):
                return found
            request = {"NextToken": page["NextToken"]}

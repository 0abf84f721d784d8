"""Which life of a stream this is: a stream that was made again under its name begins new logs."""

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from opsloop.errors import DependencyUnavailableError

_PATIENCE = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"})


class StreamIdentity:
    """Looks up when a stream was created."""

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

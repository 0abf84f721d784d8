"""The segment bucket: bodies too large for a table item, named by their SHA-256, so that writing twice is harmless.

Why: docs/adr/0010-named-by-content.md.
"""

from hashlib import sha256

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from opsloop.errors import DependencyUnavailableError


class SegmentStore:
    """Bodies by content. Implements ``opsloop.telemetry.model.BodyStore``."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._client = boto3.client("s3")

    def put(self, body: bytes) -> str:
        """Store ``body`` and return its key."""
        key = sha256(body).hexdigest()
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body)
        except (BotoCoreError, ClientError) as error:
            raise DependencyUnavailableError(f"segment bucket: cannot put {key}: {error}") from error
        return key

    def get(self, key: str) -> bytes:
        """Return the body of that key."""
        try:
            body: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise DependencyUnavailableError(f"segment bucket: cannot get {key}: {error}") from error
        return body

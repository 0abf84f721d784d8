"""A stream of unknown length into one object of S3, in parts, with at most two of them in memory.

This is the one place where boto3 is used: the parts are up to gigabytes, and our small client does not stream.
"""

from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from typing import Any

from opsloop.errors import DependencyUnavailableError

MIB = 1 << 20
LEAST_PART, MOST_PART, MOST_PARTS = 16 * MIB, 5 * 1024 * MIB, 10_000
ENOUGH_PARTS = 8_000  # for what is expected; the rest is for what is not
GROWS_AFTER, GROWS_EVERY = 4_000, 1_000  # parts


def part_bytes(number: int, expected_bytes: int) -> int:
    """Return how large part ``number`` (from 1) is: so that 10,000 parts hold 16 times what is expected, 2 TB at least.

    S3 allows parts of different sizes, from 5 MiB to 5 GiB each.
    """
    base = max(LEAST_PART, -(-expected_bytes // ENOUGH_PARTS))
    whole = -(-base // MIB) * MIB
    doublings = max(0, (number - GROWS_AFTER + GROWS_EVERY - 1) // GROWS_EVERY)
    return min(whole << doublings, MOST_PART)


class Upload:
    """One upload in parts that has begun. Implements the sink that dumps are written to.

    ``finish`` sends what is left; the object is there only after ``complete``. One part is sent while the next one is
    filled. Every part carries its SHA-256, which S3 checks.
    """

    def __init__(self, client: Any, bucket: str, key: str, upload_id: str, expected_bytes: int) -> None:
        self.key, self.upload_id, self.bytes = key, upload_id, 0
        self._client, self._where = client, {"Bucket": bucket, "Key": key, "UploadId": upload_id}
        self._expected = expected_bytes
        self._parts: list[dict[str, Any]] = []
        self._filling, self._number = bytearray(), 1
        self._sender = ThreadPoolExecutor(max_workers=1, thread_name_prefix="part")
        self._sending: Future[dict[str, Any]] | None = None

    def expect(self, size_bytes: int) -> None:
        """Make parts large enough for that many bytes, from here on."""
        self._expected = max(self._expected, size_bytes)

    def write(self, chunk: bytes) -> None:
        """Take the next bytes; raise ``DependencyUnavailableError`` if a part could not be sent."""
        self.bytes += len(chunk)
        self._filling += chunk
        while len(self._filling) >= (size := part_bytes(self._number, self._expected)):
            part, self._filling = self._filling[:size], self._filling[size:]
            self._send(part)

    def finish(self) -> None:
        """Send what is left and wait until S3 has all parts."""
        if self._filling or self._number == 1:
            self._send(self._filling)
            self._filling = bytearray()
        self._wait()
        self._sender.shutdown()

    def complete(self) -> str:
        """Make the parts one object and return its version ("" where the bucket keeps none)."""
        parts = {"Parts": self._parts}
        answer = _asked(lambda: self._client.complete_multipart_upload(**self._where, MultipartUpload=parts))
        return str(answer.get("VersionId") or "")

    def abort(self) -> None:
        """Drop what was sent; nothing of it stays in the bucket. Nothing happens if that was done before."""
        if self._sending is not None:
            self._sending.cancel()
        self._sender.shutdown(wait=True, cancel_futures=True)
        abort(self._client, self._where)

    def _send(self, part: bytearray) -> None:
        self._wait()
        if self._number > MOST_PARTS:
            raise DependencyUnavailableError(f"{self.key}: more than {MOST_PARTS} parts")
        self._sending = self._sender.submit(self._sent, self._number, part)
        self._number += 1

    def _sent(self, number: int, part: bytearray) -> dict[str, Any]:
        digest = b64encode(sha256(part).digest()).decode()
        answer = _asked(
            lambda: self._client.upload_part(**self._where, PartNumber=number, Body=bytes(part), ChecksumSHA256=digest)
        )
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": digest}

    def _wait(self) -> None:
        if self._sending is not None:
            sending, self._sending = self._sending, None
            self._parts.append(sending.result())


def abort(client: Any, where: dict[str, str]) -> None:
    """Abort the upload ``where`` (Bucket, Key, UploadId); nothing happens if there is none any more."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client.abort_multipart_upload(**where)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchUpload":
            raise DependencyUnavailableError(f"backup bucket: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise DependencyUnavailableError(f"backup bucket: {type(error).__name__}") from error


def _asked(call: Callable[[], Any]) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call()
    except ClientError as error:
        raise DependencyUnavailableError(f"backup bucket: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise DependencyUnavailableError(f"backup bucket: {type(error).__name__}") from error

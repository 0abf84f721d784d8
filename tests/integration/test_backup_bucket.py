"""Dumps go to the bucket in parts and come back as a stream, whole or not at all."""

import io
import os
from base64 import b64encode
from hashlib import sha256

import pytest
from botocore.response import StreamingBody
from hypothesis import given
from hypothesis import strategies as st

from opsloop.adapters import aws_multipart
from opsloop.adapters.aws_multipart import MIB, MOST_PART, MOST_PARTS, part_bytes
from opsloop.adapters.backup_bucket import BackupBucket, Lock
from opsloop.errors import DependencyUnavailableError, NotFoundError

KEY = "dumps/orders/x.dump"


@pytest.fixture
def bucket(aws, monkeypatch):
    monkeypatch.setattr(aws_multipart, "LEAST_PART", 5 * MIB)
    return BackupBucket(aws.names["BACKUP_BUCKET"])


def begin(bucket):
    return bucket.begin(KEY, lock=Lock(), metadata={"who": "me"}, tags={"a": "b c"})


def uploads(aws):
    return aws.client("s3").list_multipart_uploads(Bucket=aws.names["BACKUP_BUCKET"]).get("Uploads", [])


@given(expected=st.integers(0, 5 * 1024**4))
def test_ten_thousand_parts_hold_more_than_is_expected_and_two_terabytes_at_least(expected):
    sizes = [part_bytes(number, expected) for number in range(1, MOST_PARTS + 1)]
    assert sum(sizes) > max(1.25 * expected, 1.9 * 1024**4)
    assert all(5 * MIB <= one <= MOST_PART for one in sizes)
    assert sizes[0] <= max(16 * MIB, expected / 7_000)  # in memory from the beginning


def test_parts_are_one_object_each_with_its_checksum(bucket, aws):
    data, sent = os.urandom(12 * MIB), []
    upload = begin(bucket)
    register = bucket._client.meta.events.register
    register("before-parameter-build.s3.UploadPart", lambda params, **_: sent.append(params.copy()))
    for first in range(0, len(data), 700_000):
        upload.write(data[first : first + 700_000])
    assert bucket.look(KEY) is None
    upload.finish()
    assert bucket.look(KEY) is None
    upload.complete()
    assert aws.objects("BACKUP_BUCKET") == {KEY: data}
    assert [len(one["Body"]) for one in sent] == [5 * MIB, 5 * MIB, 2 * MIB]
    assert [one["ChecksumSHA256"] for one in sent] == [b64encode(sha256(one["Body"]).digest()).decode() for one in sent]
    found = bucket.look(KEY)
    assert (found.bytes, found.metadata) == (len(data), {"who": "me"})
    tags = aws.client("s3").get_object_tagging(Bucket=bucket.name, Key=KEY)["TagSet"]
    assert tags == [{"Key": "a", "Value": "b c"}]


def test_an_empty_stream_is_an_empty_object(bucket, aws):
    upload = begin(bucket)
    upload.finish()
    upload.complete()
    assert aws.objects("BACKUP_BUCKET") == {KEY: b""}


def test_an_upload_that_is_aborted_leaves_nothing_and_may_be_aborted_again(bucket, aws):
    upload = begin(bucket)
    upload.write(b"x" * (6 * MIB))
    upload.abort()
    bucket.abort(KEY, upload.upload_id)
    assert (uploads(aws), aws.objects("BACKUP_BUCKET")) == ([], {})


def test_what_is_expected_later_makes_the_next_parts_larger(bucket):
    upload = begin(bucket)
    upload.expect(80_000 * 8 * MIB)
    upload.write(b"x" * (30 * MIB))
    assert upload._number == 1  # a part of 80 MiB is not full
    upload.abort()


def test_a_part_that_cannot_be_sent_ends_the_dump(bucket):
    upload = begin(bucket)
    upload._where["Bucket"] = "not-there"
    upload.write(b"x" * (6 * MIB))
    with pytest.raises(DependencyUnavailableError, match="NoSuchBucket"):
        upload.finish()


class Broken(io.BytesIO):
    """Breaks off after some bytes."""

    def __init__(self, data, after):
        super().__init__(data[:after])


def test_a_stream_that_breaks_off_is_taken_up_where_it_was(bucket, aws, monkeypatch):
    data = os.urandom(3 * MIB)
    aws.client("s3").put_object(Bucket=bucket.name, Key=KEY, Body=data)
    real, asked = bucket._ask, []

    def ask(operation, **arguments):
        answer = real(operation, **arguments)
        asked.append(arguments.get("Range"))
        if len(asked) < 3:
            body = answer["Body"].read()
            answer["Body"] = StreamingBody(Broken(body, MIB), len(body))  # raises when it ends too early
        return answer

    monkeypatch.setattr(bucket, "_ask", ask)
    file = io.BytesIO()
    bucket.download(KEY, "", file)
    assert file.getvalue() == data
    assert asked == [None, f"bytes={MIB}-", f"bytes={2 * MIB}-"]


def test_a_stream_that_always_breaks_off_is_given_up(bucket, aws, monkeypatch):
    aws.client("s3").put_object(Bucket=bucket.name, Key=KEY, Body=b"x" * 100)
    real = bucket._ask

    def ask(operation, **arguments):
        answer = real(operation, **arguments)
        answer["Body"] = StreamingBody(io.BytesIO(b""), 100)
        return answer

    monkeypatch.setattr(bucket, "_ask", ask)
    with pytest.raises(DependencyUnavailableError, match=KEY):
        bucket.download(KEY, "", io.BytesIO())


def test_an_old_version_is_read_as_it_was(bucket, aws):
    s3 = aws.client("s3")
    old = s3.put_object(Bucket=bucket.name, Key=KEY, Body=b"old")["VersionId"]
    s3.put_object(Bucket=bucket.name, Key=KEY, Body=b"new!")
    file = io.BytesIO()
    bucket.download(KEY, old, file)
    assert file.getvalue() == b"old"
    assert bucket.look(KEY).bytes == 4


def test_what_is_not_there_or_was_deleted_is_said_to_be(bucket, aws):
    assert bucket.look("dumps/orders/none.dump") is None
    with pytest.raises(NotFoundError, match=r"none\.dump"):
        bucket.read("dumps/orders/none.dump")
    bucket.put(KEY, b"{}", lock=Lock())
    bucket.delete(KEY)
    assert bucket.look(KEY) is None


def test_a_bucket_that_is_not_there_is_a_dependency_that_does_not_answer(aws):
    with pytest.raises(DependencyUnavailableError, match="NoSuchBucket"):
        BackupBucket("not-there").read(KEY)

"""The small AWS client: kept connections, retries, clocks, and answers in every framing that HTTP/1.1 has."""

import base64
import json
import time
from collections.abc import Callable
from email.utils import formatdate

import pytest

from opsloop.adapters import aws_environment
from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient, ObjectClient
from opsloop.adapters.aws_environment import NotConfiguredError, endpoint
from opsloop.adapters.aws_http import Endpoint
from tests.unit.adapters.scripted_server import CLOSE, ScriptedServer, answer

THROTTLED = answer(b'{"__type":"com.amazonaws.dynamodb#ThrottlingException"}', status="400 Bad Request")
CONDITION = answer(
    b'{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no"}',
    status="400 Bad Request",
)
UNAVAILABLE = answer(b"<html>", status="503 Slow Down")


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")


class Waits:
    """Stands in for the clock's hands: remembers the waits, and takes the longest that the jitter allows."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def options(self, clock: Callable[[], float] = time.time) -> dict[str, object]:
        """Return the options of a client that waits here."""
        return {"sleep": self.seconds.append, "jitter": lambda: 1.0, "clock": clock}


def call(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, *, times: int = 1, clock: Callable[[], float] = time.time
) -> tuple[list[dict[str, object]], list[float]]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    waits = Waits()
    client = JsonClient(DYNAMODB, **waits.options(clock))
    return [client.call("GetItem", {"Key": {"pk": {"S": "é"}}}) for _ in range(times)], waits.seconds


def test_requests_share_a_connection_and_carry_their_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer([answer(b'{"a":1}'), answer()]) as server:
        assert call(server, monkeypatch, times=2) == ([{"a": 1}, {}], [])
    first, second = server.seen
    assert first.connection == second.connection == 0
    assert first.line == "POST / HTTP/1.1"
    assert first.headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert first.headers["content-type"] == "application/x-amz-json-1.0"
    assert first.headers["x-amz-security-token"] == "token"
    assert json.loads(first.body) == {"Key": {"pk": {"S": "é"}}}


def test_bytes_travel_in_base64(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer([answer()]) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        JsonClient(DYNAMODB).call("PutItem", {"Item": {"body": {"B": b"\x00\xff"}}})
    assert json.loads(server.seen[0].body) == {"Item": {"body": {"B": base64.b64encode(b"\x00\xff").decode()}}}


def test_a_connection_that_was_closed_while_idle_is_opened_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer([answer(), answer(b'{"again":1}')], then_close=True) as server:
        assert call(server, monkeypatch, times=2) == ([{}, {"again": 1}], [])
    assert [one.connection for one in server.seen] == [0, 1]


@pytest.mark.parametrize("fault", [THROTTLED, UNAVAILABLE, CLOSE], ids=["throttled", "503", "closed"])
def test_a_passing_fault_is_tried_again_after_growing_waits(fault: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer([fault, fault, answer(b'{"third":1}')]) as server:
        assert call(server, monkeypatch) == ([{"third": 1}], [0.1, 0.2])


def test_after_three_attempts_the_last_fault_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer([THROTTLED] * 3) as server, pytest.raises(AwsError) as caught:
        call(server, monkeypatch)
    assert (caught.value.code, caught.value.status, len(server.seen)) == ("ThrottlingException", 400, 3)


def test_a_refusal_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        ScriptedServer([CONDITION, answer()]) as server,
        pytest.raises(AwsError, match="ConditionalCheckFailedException: no") as caught,
    ):
        call(server, monkeypatch)
    assert (caught.value.code, len(server.seen)) == ("ConditionalCheckFailedException", 1)


def test_a_cancelled_transaction_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = b'[{"Code":"None"},{"Code":"ConditionalCheckFailed"}]'
    body = b'{"__type":"x#TransactionCanceledException","CancellationReasons":' + reasons + b"}"
    with ScriptedServer([answer(body, status="400 Bad Request")]) as server, pytest.raises(AwsError) as caught:
        call(server, monkeypatch)
    assert caught.value.reasons == ("None", "ConditionalCheckFailed")


def test_nobody_listening_is_an_error_without_a_status(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer([]) as server:
        url = server.url
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    waits = Waits()
    with pytest.raises(AwsError) as caught:
        JsonClient(DYNAMODB, **waits.options()).call("GetItem", {})
    assert (caught.value.code, caught.value.status, len(waits.seconds)) == ("ConnectionRefusedError", 0, 2)


def test_a_wrong_clock_is_corrected_by_the_answer_and_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = 1_800_000_000
    date = f"Date: {formatdate(theirs, usegmt=True)}"
    refused = answer(b'{"__type":"InvalidSignatureException"}', status="400 Bad Request", headers=[date])
    with ScriptedServer([refused, answer(), answer()]) as server:
        answers, waits = call(server, monkeypatch, times=2, clock=lambda: theirs - 3_600.0)
    assert (len(answers), waits) == (2, [])
    stamps = [one.headers["x-amz-date"] for one in server.seen]
    right = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(theirs))
    assert stamps == [time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(theirs - 3_600)), right, right]


def test_a_bad_signature_under_a_right_clock_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_800_000_000
    date = f"Date: {formatdate(now, usegmt=True)}"
    refused = answer(b'{"__type":"InvalidSignatureException"}', status="400 Bad Request", headers=[date])
    with ScriptedServer([refused]) as server, pytest.raises(AwsError, match="InvalidSignatureException"):
        call(server, monkeypatch, clock=lambda: float(now))
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n{"a\r\n4\r\n":1}\r\n0\r\nT: 1\r\n\r\n',
        b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length:7\r\n\r\n{"a":1}',
    ],
    ids=["chunked", "after 100"],
)
def test_every_framing_is_read_and_the_connection_serves_on(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer([raw, raw]) as server:
        assert call(server, monkeypatch, times=2)[0] == [{"a": 1}, {"a": 1}]
    assert [one.connection for one in server.seen] == [0, 0]


@pytest.mark.parametrize("raw", [b'HTTP/1.0 200 OK\r\n\r\n{"a":1}', b'HTTP/1.1 200 OK\r\n\r\n{"a":1}'])
def test_a_body_without_a_length_ends_with_its_connection(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer([raw, raw], then_close=True) as server:
        assert call(server, monkeypatch, times=2) == ([{"a": 1}, {"a": 1}], [])
    assert [one.connection for one in server.seen] == [0, 1]


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: seven\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\ncontent-len",
    ],
    ids=["no HTTP", "no number", "cut body", "cut head"],
)
def test_a_garbled_answer_is_tried_again_on_a_new_connection(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer([raw, answer(b'{"a":1}')], then_close=True) as server:
        assert call(server, monkeypatch) == ([{"a": 1}], [0.1])
    assert [one.connection for one in server.seen] == [0, 1]


def test_objects_are_put_and_got_by_path_where_something_plays_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = answer(b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>", status="404 Not Found")
    with ScriptedServer([answer(b""), answer(b"\x00body"), missing]) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        objects = ObjectClient("bucket")
        objects.put("a/b c+ü", b"\x00body", content_type="text/plain", metadata={"reason": "a  b"})
        assert objects.get("a/b c+ü").body == b"\x00body"
        with pytest.raises(AwsError, match="NoSuchKey: gone"):
            objects.get("other")
    put = server.seen[0]
    assert put.line == "PUT /bucket/a/b%20c%2B%C3%BC HTTP/1.1"
    assert (put.headers["x-amz-meta-reason"], put.headers["content-type"]) == ("a  b", "text/plain")


def test_a_header_cannot_bring_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer([]) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(ValueError, match="one line of ASCII"):
            ObjectClient("bucket").put("key", b"", metadata={"reason": "a\r\nx-amz-acl: public-read"})


def test_endpoints_are_awss_own_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert endpoint("dynamodb") == Endpoint(True, "dynamodb.eu-central-1.amazonaws.com", 443)
    assert endpoint("s3", host_prefix="b.").authority == "b.s3.eu-central-1.amazonaws.com"
    monkeypatch.setenv("AWS_REGION", "cn-north-1")
    assert endpoint("kinesis").host == "kinesis.cn-north-1.amazonaws.com.cn"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    assert endpoint("s3", host_prefix="b.").authority == "localhost:4566"
    monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", "https://events.test")
    assert endpoint("events") == Endpoint(True, "events.test", 443)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:4566")
    with pytest.raises(NotConfiguredError, match="AWS_ENDPOINT_URL"):
        endpoint("dynamodb")


def test_without_credentials_in_the_environment_botocore_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    profile = f"{tmp_path}/credentials"
    with open(profile, "w", encoding="utf-8") as file:
        file.write("[dev]\naws_access_key_id = OF-THE-PROFILE\naws_secret_access_key = s\n")
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", profile)
    monkeypatch.setenv("AWS_PROFILE", "dev")
    monkeypatch.setattr(aws_environment, "_session", None)
    assert aws_environment.credentials().access_key == "OF-THE-PROFILE"
    monkeypatch.setattr(aws_environment, "_session", None)

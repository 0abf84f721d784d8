"""A small client of AWS: signed requests over kept connections, with retries.

boto3 takes 190 ms of a cold start and 40 MB; this takes 10 and 2. It knows what we need: the JSON protocols of
DynamoDB, Kinesis, EventBridge, SQS and Secrets Manager, the query protocol of SES, objects of S3. Not here: proxies,
FIPS and dual-stack endpoints, paginators, streaming (docs/adr/0012-small-aws-client.md).
"""

import json
import os
import time
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from opsloop.adapters import aws_environment
from opsloop.adapters.aws_http import Answer, Connection, Endpoint, StaleConnectionError
from opsloop.adapters.aws_sigv4 import Scope, canonical_query, percent_encoded, signed_headers

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 2.0, 5.0
ATTEMPTS = 3
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 2.0
MAX_IDLE = 10
_MAX_ERROR_BYTES = 1 << 20
SKEW_S = 60  # of our clock, from which on a refused signature is blamed on it

THROTTLES = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_CLOCK_FAULTS = frozenset(
    {
        "InvalidSignatureException",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)


class AwsError(Exception):
    """AWS refused a request, or did not answer (``status`` 0).

    ``code`` is AWS's word for it, or the type of the error on the way; ``date`` the time by AWS's clock, as it came;
    ``reasons`` the codes of a cancelled transaction's actions.
    """

    def __init__(self, code: str, status: int, message: str, *, date: str = "", reasons: tuple[str, ...] = ()) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code, self.status, self.date, self.reasons = code, status, date, reasons

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self.status == 0 or self.status >= 500 or self.code in THROTTLES


class JsonService(NamedTuple):
    """A service that speaks JSON: its name in host names and signatures, the prefix of its operations, its version."""

    name: str
    target: str
    version: str


DYNAMODB = JsonService("dynamodb", "DynamoDB_20120810", "1.0")
KINESIS = JsonService("kinesis", "Kinesis_20131202", "1.1")
EVENTBRIDGE = JsonService("events", "AWSEvents", "1.1")
SECRETS_MANAGER = JsonService("secretsmanager", "secretsmanager", "1.1")
SQS = JsonService("sqs", "AmazonSQS", "1.0")


class AwsClient:
    """Requests to one service. Threads may share it. ``sleep``, ``clock`` and ``jitter`` (0 to 1) are given by tests.

    Nothing is opened or looked up before the first request.
    """

    def __init__(
        self,
        service: str,
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        self._service = service
        self._timeouts = {"connect_timeout_s": connect_timeout_s, "read_timeout_s": read_timeout_s}
        self._attempts = attempts
        self._sleep, self._clock, self._jitter = sleep, clock, jitter or chance
        self._idle: dict[Endpoint, list[Connection]] = {}
        self._skew_s = 0.0

    def request(
        self,
        endpoint: Endpoint,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Return the answer to a request for ``path`` (as text, not yet percent-encoded), if it is a success.

        Failures to connect or answer, 5xx and throttling are tried again, up to ``attempts`` times in all, after waits
        of up to 0.1, 0.2, 0.4 ... s. Raises ``AwsError``.
        """
        attempt, was_skewed = 1, False
        while True:
            try:
                return self._attempt(endpoint, method, path, query or {}, headers or {}, body)
            except AwsError as error:
                if not was_skewed and self._corrected_clock(error):
                    was_skewed = True
                    continue
                if attempt >= self._attempts or not error.is_passing:
                    raise
            self._sleep(self._jitter() * min(FIRST_WAIT_S * 2 ** (attempt - 1), LONGEST_WAIT_S))
            attempt += 1

    def _attempt(
        self,
        endpoint: Endpoint,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        text, target = canonical_query(query), percent_encoded(path, also=b"/")
        digest = sha256(body).hexdigest()
        unsigned = {**headers, "host": endpoint.authority}
        if self._service == "s3":
            unsigned["x-amz-content-sha256"] = digest
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock() + self._skew_s))
        try:
            scope = Scope(moment, aws_environment.region(), self._service)
            who = aws_environment.credentials()
            signed = signed_headers(method, target, text, unsigned, digest, scope=scope, credentials=who)
            answer = self._send(endpoint, method, f"{target}?{text}" if text else target, signed, body)
        except OSError as error:
            raise AwsError(type(error).__name__, 0, str(error)) from error
        except aws_environment.NotConfiguredError as error:
            raise AwsError("NotConfigured", 400, str(error)) from error
        if not 200 <= answer.status < 300:
            raise _error_of(answer)
        return answer

    def _send(self, endpoint: Endpoint, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        idle = self._idle.setdefault(endpoint, [])
        while True:
            try:
                connection = idle.pop()
            except IndexError:
                connection = Connection(endpoint, **self._timeouts)
            try:
                answer = connection.request(method, target, headers, body)
            except StaleConnectionError:  # closed while it was idle: the next idle one, in the end a new one
                continue
            if connection.is_open and len(idle) < MAX_IDLE:
                idle.append(connection)
            else:
                connection.close()
            return answer

    def _corrected_clock(self, error: AwsError) -> bool:
        """Return whether a refused signature may be our clock's fault; if so, go by AWS's clock from here on."""
        if error.code not in _CLOCK_FAULTS or not error.date:
            return False
        from email.utils import parsedate_to_datetime  # only where a clock is wrong

        try:
            theirs = parsedate_to_datetime(error.date).timestamp()
        except ValueError:
            return False
        skew_s = theirs - self._clock()
        if abs(skew_s - self._skew_s) < SKEW_S:
            return False
        self._skew_s = skew_s
        return True


class JsonClient:
    """Operations of a service that speaks JSON. Bytes in arguments are sent in base64; answers keep theirs in it."""

    def __init__(self, service: JsonService, **options: Any) -> None:
        self._service = service
        self._client = AwsClient(service.name, **options)

    def call(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer of ``operation``; raise ``AwsError``."""
        body = json.dumps(arguments, separators=(",", ":"), default=_base64).encode()
        headers = {
            "content-type": f"application/x-amz-json-{self._service.version}",
            "x-amz-target": f"{self._service.target}.{operation}",
        }
        answer = self._client.request(_endpoint(self._service.name), "POST", "/", headers=headers, body=body)
        document: dict[str, Any] = json.loads(answer.body) if answer.body else {}
        return document


class QueryClient:
    """Operations of a service that takes forms and answers in XML. ``host``: its name in host names."""

    def __init__(self, service: str, *, host: str, version: str, **options: Any) -> None:
        self._host, self._version = host, version
        self._client = AwsClient(service, **options)

    def call(self, operation: str, arguments: Mapping[str, str]) -> str:
        """Return the answer of ``operation``, in XML; raise ``AwsError``."""
        form = canonical_query({"Action": operation, "Version": self._version, **arguments})
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = self._client.request(_endpoint(self._host), "POST", "/", headers=headers, body=form.encode())
        return answer.body.decode("utf-8", "replace")


class ObjectClient:
    """Objects of one bucket."""

    def __init__(self, bucket: str, **options: Any) -> None:
        self._bucket = bucket
        self._client = AwsClient("s3", **options)

    def put(self, key: str, body: bytes, *, content_type: str = "", metadata: Mapping[str, str] | None = None) -> None:
        """Store ``body`` under ``key``; raise ``AwsError``. Metadata are ASCII."""
        headers = {f"x-amz-meta-{name.lower()}": value for name, value in (metadata or {}).items()}
        headers["content-type"] = content_type or "application/octet-stream"
        self._request("PUT", key, headers, body)

    def get(self, key: str, *, version: str = "") -> Answer:
        """Return the object under ``key``, its last version unless told otherwise, with its headers.

        Raises ``AwsError`` (``NoSuchKey`` or ``NoSuchVersion`` where there is none).
        """
        return self._request("GET", key, {}, b"", {"versionId": version} if version else {})

    def head(self, key: str) -> Answer:
        """Return the headers of the object under ``key``; raise ``AwsError`` (status 404 where there is none)."""
        return self._request("HEAD", key, {}, b"")

    def delete(self, key: str) -> None:
        """Delete the object under ``key``, if there is one; raise ``AwsError``."""
        self._request("DELETE", key, {}, b"")

    def restore(self, key: str, *, tier: str, days: int) -> None:
        """Ask for a readable copy, for ``days``, of an archived object; ``tier`` is ``Standard`` or ``Bulk``.

        Raises ``AwsError``: ``RestoreAlreadyInProgress``, ``InvalidObjectState`` where the object is not archived.
        """
        job = f"<GlacierJobParameters><Tier>{tier}</Tier></GlacierJobParameters>"
        space = "http://s3.amazonaws.com/doc/2006-03-01/"
        body = f'<RestoreRequest xmlns="{space}"><Days>{days}</Days>{job}</RestoreRequest>'.encode()
        self._request("POST", key, {"content-type": "application/xml"}, body, {"restore": ""})

    def listing(self, **parameters: str) -> bytes:
        """Return the answer, in XML, of ListObjectsV2 with such parameters as ``prefix``; raise ``AwsError``."""
        return self._request("GET", "", {}, b"", {"list-type": "2", **parameters}).body

    def _request(
        self, method: str, key: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, str] | None = None
    ) -> Answer:
        by_path = bool(aws_environment.overridden("s3")) or "." in self._bucket  # TLS names cover one label alone
        endpoint = _endpoint("s3", host_prefix="" if by_path else f"{self._bucket}.")
        path = f"/{self._bucket}/{key}" if by_path else f"/{key}"
        return self._client.request(endpoint, method, path, query=query, headers=headers, body=body)


def _endpoint(service: str, *, host_prefix: str = "") -> Endpoint:
    try:
        return aws_environment.endpoint(service, host_prefix=host_prefix)
    except aws_environment.NotConfiguredError as error:
        raise AwsError("NotConfigured", 400, str(error)) from error


def chance() -> float:
    """Return a number from 0 to 1, without the 2 ms that importing ``random`` takes."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


def _base64(value: object) -> str:
    if isinstance(value, bytes):
        return b2a_base64(value, newline=False).decode()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _error_of(answer: Answer) -> AwsError:
    """Return the error that an answer tells: JSON with ``__type``, or XML with ``<Code>``."""
    text = answer.body[:_MAX_ERROR_BYTES].decode("utf-8", "replace")
    reasons: tuple[str, ...] = ()
    if text.startswith("{"):
        try:
            document = json.loads(text)
        except ValueError:
            document = {}
        code = str(document.get("__type", document.get("code", ""))).rpartition("#")[2]
        message = str(document.get("message", document.get("Message", "")))
        reasons = tuple(str(one.get("Code")) for one in document.get("CancellationReasons") or ())
    else:
        code, message = between(text, "Code"), between(text, "Message")
    return AwsError(
        code or f"HTTP{answer.status}", answer.status, message, date=answer.headers.get("date", ""), reasons=reasons
    )


def between(text: str, tag: str) -> str:
    """Return what stands in the first ``tag`` of an XML text, empty if there is none."""
    return text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]

"""Signatures: as in AWS's published examples, and as botocore's signer makes them."""

import re
from datetime import datetime
from hashlib import sha256

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from opsloop.adapters.aws_sigv4 import (
    EMPTY_SHA256,
    Credentials,
    Scope,
    canonical_query,
    percent_encoded,
    signed_headers,
)

# Amazon S3 API reference, "Authenticating Requests: Using the Authorization Header", its four examples
S3_USER = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
S3_SCOPE = Scope("20130524T000000Z", "us-east-1", "s3")
S3_HOST = {"host": "examplebucket.s3.amazonaws.com", "x-amz-content-sha256": EMPTY_SHA256}
WELCOME = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
PUT_HEADERS = {
    "host": "examplebucket.s3.amazonaws.com",
    "date": "Fri, 24 May 2013 00:00:00 GMT",
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
    "x-amz-content-sha256": WELCOME,
}
S3_EXAMPLES = {
    "get object": ("GET", "/test.txt", {}, {**S3_HOST, "range": "bytes=0-9"}, EMPTY_SHA256),
    "put object": ("PUT", "/test$file.text", {}, PUT_HEADERS, WELCOME),
    "get bucket lifecycle": ("GET", "/", {"lifecycle": ""}, S3_HOST, EMPTY_SHA256),
    "list objects": ("GET", "/", {"prefix": "J", "max-keys": "2"}, S3_HOST, EMPTY_SHA256),
}
S3_SIGNATURES = {
    "get object": "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    "put object": "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    "get bucket lifecycle": "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    "list objects": "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
}

# AWS's Signature Version 4 test suite: get-vanilla, post-vanilla, get-vanilla-query-order-key-case
SUITE_USER = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SUITE_SCOPE = Scope("20150830T123600Z", "us-east-1", "service")
SUITE = [
    ("GET", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("POST", {}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    (
        "GET",
        {"Param2": "value2", "Param1": "value1"},
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
]

printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
names = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True).map(lambda name: f"x-test-{name}")
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def signature(headers: dict[str, str]) -> str:
    return headers["authorization"].rpartition("Signature=")[2]


@pytest.mark.parametrize("example", S3_EXAMPLES)
def test_s3s_published_examples_come_out(example: str) -> None:
    method, path, query, headers, digest = S3_EXAMPLES[example]
    target = percent_encoded(path, also=b"/")
    signed = signed_headers(
        method, target, canonical_query(query), headers, digest, scope=S3_SCOPE, credentials=S3_USER
    )
    assert signature(signed) == S3_SIGNATURES[example]


@pytest.mark.parametrize(("method", "query", "expected"), SUITE)
def test_the_test_suite_of_the_protocol_comes_out(method: str, query: dict[str, str], expected: str) -> None:
    headers = {"host": "example.amazonaws.com"}
    signed = signed_headers(
        method, "/", canonical_query(query), headers, EMPTY_SHA256, scope=SUITE_SCOPE, credentials=SUITE_USER
    )
    assert signature(signed) == expected
    assert signed["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/")
    assert "SignedHeaders=host;x-amz-date, " in signed["authorization"]


@given(
    service=st.sampled_from(["dynamodb", "kinesis", "s3"]),
    key=keys,
    query=st.dictionaries(keys, printable, max_size=3),
    extra=st.dictionaries(names, printable, max_size=3),
    body=st.binary(max_size=50),
    token=st.sampled_from(["", "a/token+with=signs"]),
    moment=st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)),
)
def test_botocores_signer_agrees(
    service: str,
    key: str,
    query: dict[str, str],
    extra: dict[str, str],
    body: bytes,
    token: str,
    moment: datetime,
) -> None:
    path = percent_encoded(f"/{key}", also=b"/") if service == "s3" else "/"
    text = canonical_query(query)
    host = f"{service}.eu-central-1.amazonaws.com"
    unsigned = {**extra, "host": host}
    digest = sha256(body).hexdigest()
    if service == "s3":
        unsigned["x-amz-content-sha256"] = digest
    scope = Scope(moment.strftime("%Y%m%dT%H%M%SZ"), "eu-central-1", service)
    ours = signed_headers(
        "PUT", path, text, unsigned, digest, scope=scope, credentials=Credentials("AKID", "secret/key", token)
    )

    url = f"https://{host}{path}" + (f"?{text}" if text else "")
    request = AWSRequest("PUT", url, headers=dict(extra), data=body)
    request.context["payload_signing_enabled"] = True
    signer = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda *_args, **_options: moment)
        credentials = BotocoreCredentials("AKID", "secret/key", token or None)
        signer(credentials, service, "eu-central-1").add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]


def test_a_changed_byte_is_another_signature() -> None:
    def signed(digest: str) -> str:
        headers = {"host": "example.amazonaws.com"}
        return signature(signed_headers("PUT", "/", "", headers, digest, scope=SUITE_SCOPE, credentials=SUITE_USER))

    assert signed(sha256(b"a").hexdigest()) != signed(sha256(b"b").hexdigest())
    assert re.fullmatch("[0-9a-f]{64}", signed(EMPTY_SHA256))

"""Requests to OpenSearch Service are signed as AWS's own signer signs them, with the credentials of the moment."""

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from opsloop.adapters.search_opensearch_client import open_client, signature

MOMENT = "20261121T083000Z"


@pytest.fixture(autouse=True)
def _who(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    for name, value in (("ACCESS_KEY_ID", "AKIDEXAMPLE"), ("SECRET_ACCESS_KEY", "secret"), ("SESSION_TOKEN", "token")):
        monkeypatch.setenv(f"AWS_{name}", value)


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        (
            "POST",
            "https://search-x.eu-central-1.es.amazonaws.com/opsloop-dev-log/_search?ignore_unavailable=true",
            b"{}",
        ),
        (
            "POST",
            "https://search-x.eu-central-1.es.amazonaws.com/_bulk?filter_path=items.%2A.status%2Citems.x",
            b"\x00",
        ),
        ("PUT", "https://search-x.eu-central-1.es.amazonaws.com/a-1%2Ca-2/_mapping?b=2&a=1+1", b'{"a": "\xc3\xbc"}'),
        ("GET", "https://search-x.eu-central-1.es.amazonaws.com:8443/_cluster/health", None),
    ],
)
def test_a_signature_is_that_of_botocore(
    method: str, url: str, body: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = signature(method, url, body, moment=MOMENT)
    request = AWSRequest(method, url.replace("+", "%20"), data=body or b"")
    request.headers["x-amz-content-sha256"] = ours["x-amz-content-sha256"]
    request.context["timestamp"] = MOMENT
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "secret", "token"), "es", "eu-central-1")
    request.headers["X-Amz-Date"] = MOMENT
    request.headers["X-Amz-Security-Token"] = "token"
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert ours["authorization"].endswith(f"Signature={signer.signature(text, request)}")


def test_each_request_is_signed_with_the_credentials_of_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signature("GET", "https://x/", None, moment=MOMENT)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDRENEWED")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "renewed")
    after = signature("GET", "https://x/", None, moment=MOMENT)
    assert "AKIDRENEWED" in after["authorization"]
    assert (before["x-amz-security-token"], after["x-amz-security-token"]) == ("token", "renewed")


def test_a_service_is_asked_signed_and_over_tls_and_this_machine_plainly() -> None:
    signed, plain = (open_client(url).transport.get_connection() for url in ("https://x.example", "http://127.0.0.1:1"))
    assert (signed.use_ssl, signed.http_auth, signed.host) == (True, signature, "https://x.example:443")
    assert (plain.use_ssl, plain.http_auth) == (False, None)

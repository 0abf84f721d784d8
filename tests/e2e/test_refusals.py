"""What is not right gets the right answer, in the sender's own language, and nothing breaks."""

import gzip
import json

from google.rpc.status_pb2 import Status

from tests.e2e.deployment import Deployment

EMPTY_REQUEST = b""


def test_an_empty_request_succeeds(deployment: Deployment):
    answer = deployment.post("traces", EMPTY_REQUEST)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"


def test_a_wrong_key_is_refused_in_the_senders_encoding(deployment: Deployment):
    answer = deployment.request(
        "POST", "/v1/traces", key="opsloop_nobody_0000", body=EMPTY_REQUEST, content_type="application/x-protobuf"
    )
    assert answer.status == 401
    assert "key" in Status.FromString(answer.body).message


def test_no_key_is_refused(deployment: Deployment):
    assert deployment.request("GET", "/v1/services").status == 401


def test_an_ingest_key_cannot_read(deployment: Deployment):
    answer = deployment.request("GET", "/v1/services", key=deployment.stack["ingest_key"])
    assert answer.status == 403
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_read_key_cannot_send(deployment: Deployment):
    answer = deployment.request(
        "POST", "/v1/logs", key=deployment.stack["read_key"], body=b"{}", content_type="application/json"
    )
    assert answer.status == 403
    assert "message" in answer.json()


def test_a_garbled_body_is_a_400_with_a_status_that_says_where(deployment: Deployment):
    answer = deployment.post("traces", b"\x0a\xff\xff\xff\xff\x0fnot a request")
    assert answer.status == 400
    assert Status.FromString(answer.body).message


def test_garbled_json_is_a_400_in_json(deployment: Deployment):
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "soon"}]}]}]}).encode()
    answer = deployment.post("traces", body, content_type="application/json")
    assert answer.status == 400
    assert "resourceSpans[0].scopeSpans[0].spans[0].startTimeUnixNano" in answer.json()["message"]


def test_an_unknown_path_is_a_404(deployment: Deployment):
    answer = deployment.request("GET", "/v1/nothing-here", key=deployment.stack["read_key"])
    assert answer.status == 404
    assert "/v1/nothing-here" in answer.json()["detail"]


def test_another_method_is_a_405_that_names_the_right_one(deployment: Deployment):
    answer = deployment.request("GET", "/v1/traces", key=deployment.stack["read_key"])
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_compressed_json_is_taken_in(deployment: Deployment):
    body = gzip.compress(json.dumps({"resourceSpans": []}).encode())
    answer = deployment.post("traces", body, content_type="application/json", content_encoding="gzip")
    assert (answer.status, answer.json()) == (200, {})


def test_an_unknown_content_type_is_a_415(deployment: Deployment):
    assert deployment.post("traces", b"<xml/>", content_type="text/xml").status == 415


def test_a_giant_body_is_a_413(deployment: Deployment):
    assert deployment.post("traces", b"\x00" * 5_000_000).status == 413


def test_a_bomb_is_a_413(deployment: Deployment):
    bomb = gzip.compress(b"\x00" * 300_000_000, 9)
    assert len(bomb) < 400_000
    assert deployment.post("traces", bomb, content_encoding="gzip").status == 413


def test_an_unreadable_time_names_its_field(deployment: Deployment):
    answer = deployment.request("GET", "/v1/kpis?service=web&from=yesterday", key=deployment.stack["read_key"])
    assert answer.status == 400
    assert "from" in answer.json()["detail"]

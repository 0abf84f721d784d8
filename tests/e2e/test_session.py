"""Signing in to the deployed whole: the cookie through the gateway, permissions of functions, the console's files."""

import gzip
import json

import pytest

from tests.e2e.deployment import Answer, Deployment

PATH = "/v1/session"
JSON = "application/json"


def sign_in(deployment: Deployment, name: str) -> tuple[Answer, str]:
    """Return the answer to signing in with the key of that name, and the cookie that it sets."""
    body = json.dumps({"key": deployment.stack[name]}).encode()
    answer = deployment.request("POST", PATH, body=body, content_type=JSON)
    assert answer.status == 201, answer.body
    return answer, answer.headers["set-cookie"].partition(";")[0]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/services",
        "/v1/kpis?service=web",
        "/v1/anomalies",
        "/v1/alerts/deliveries",
        "/v1/logs?q=x",
        "/v1/graph",
        "/v1/quarantine",
        "/v1/senders",
        "/v1/telemetry/cardinality?service=web",
    ],
)
def test_the_cookie_opens_every_function_that_reads(deployment: Deployment, path: str):
    _, cookie = sign_in(deployment, "read_key")
    by_key = deployment.request("GET", path, key=deployment.stack["read_key"])
    by_cookie = deployment.request("GET", path, cookie=f"theme=dark; {cookie}")
    assert (by_cookie.status, by_cookie.headers["cache-control"]) == (by_key.status, "no-store")
    assert by_key.status in (200, 404)  # 404: a service that this cloud has not heard of


def test_a_change_needs_the_sessions_proof_and_a_page_of_ours(deployment: Deployment):
    told, cookie = sign_in(deployment, "admin_key")
    proof = told.json()["csrf_token"]
    wish = json.dumps({"name": "made by session", "scopes": ["read"]}).encode()

    def create(**headers: str) -> Answer:
        return deployment.request("POST", "/v1/keys", body=wish, content_type=JSON, cookie=cookie, **headers)

    assert create().status == 403
    assert create(x_csrf_token=proof, origin="https://evil.example").status == 403
    made = create(x_csrf_token=proof, origin=deployment.stack["api_url"])
    assert made.status == 201
    path = f"/v1/keys/{made.json()['key_id']}"
    assert deployment.request("DELETE", path, cookie=cookie, x_csrf_token=proof).json()["state"] == "revoked"


def test_signing_out_is_known_to_a_function_that_has_not_seen_the_session(deployment: Deployment):
    told, cookie = sign_in(deployment, "read_key")
    gone = deployment.request("DELETE", PATH, cookie=cookie, x_csrf_token=told.json()["csrf_token"])
    assert (gone.status, "Max-Age=0" in gone.headers["set-cookie"]) == (204, True)
    assert deployment.request("GET", "/v1/anomalies", cookie=cookie).status == 401


def test_the_console_is_served_with_its_files_and_its_policy(deployment: Deployment):
    page = deployment.request("GET", "/console/services/web", accept="text/html", accept_encoding="gzip")
    assert (page.status, page.headers["content-encoding"]) == (200, "gzip")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    text = gzip.decompress(page.body).decode()
    script = text.partition('src="')[2].partition('"')[0]
    file = deployment.request("GET", script)
    assert (file.status, "immutable" in file.headers["cache-control"]) == (200, True)
    assert deployment.request("GET", "/console/assets/none.js").status == 404
    assert deployment.request("HEAD", "/console").status == 200


def test_browsers_that_open_the_front_door_or_the_console_with_a_slash_end_up_in_it(deployment: Deployment):
    for path in ("/", "/console/", "/console/?tz=UTC"):
        answer = deployment.request("GET", path, accept="text/html")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")

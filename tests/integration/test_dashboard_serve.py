"""The console over HTTP: its page, its files, and what is not there."""

import base64
import gzip
import json
import sys

import pytest

PAGE = b"<!doctype html><title>opsloop</title><p>" + b"the console " * 50
SCRIPT = b"export const answer = 42;\n" * 100
ICON = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
SCRIPT_NAME = "assets/console-0a1b2c3d4e5f.js"
HTTPS = {"x-forwarded-proto": "https", "host": "api.example.com"}
SHIPPED = gzip.compress(SCRIPT, 1, mtime=0)


def forget():
    for name in ("opsloop_site", "opsloop.adapters.site_layer"):
        sys.modules.pop(name, None)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Put a small site in the place of the layer's; return its folder."""
    folder = tmp_path / "opsloop_site"
    (folder / "assets").mkdir(parents=True)
    (folder / "__init__.py").write_text('"""The files."""\n')
    (folder / "index.html").write_bytes(PAGE)
    (folder / SCRIPT_NAME).write_bytes(SCRIPT)
    (folder / "assets" / "icon.svg").write_bytes(ICON)
    (tmp_path / "secret.txt").write_text("not for everybody")
    monkeypatch.syspath_prepend(tmp_path)
    forget()
    yield folder
    forget()


@pytest.fixture
def get(site, load_handler, http_event, context):
    """Return ``get("/console/...", headers)``: status, headers and body, as bytes."""
    handler = load_handler("dashboard_serve")

    def get(path, method="GET", **headers):
        sent = {**HTTPS, **{name.replace("_", "-"): value for name, value in headers.items()}}
        answer = handler.lambda_handler(http_event(method, path, headers=sent), context)
        body = answer["body"]
        return answer["statusCode"], answer["headers"], base64.b64decode(body) if answer["isBase64Encoded"] else body

    return get


def test_the_samples_are_answered_with_the_page_and_a_refusal(site, load_handler, event, context):
    handler = load_handler("dashboard_serve")
    statuses = {
        case: handler.lambda_handler(event(f"dashboard_serve/{case}"), context)["statusCode"]
        for case in ("home", "page", "missing_asset")
    }
    assert statuses == {"home": 200, "page": 200, "missing_asset": 404}


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/anomalies/web%2Fx", "/console/a/b/c.d"])
def test_every_page_is_the_same_file(get, path):
    status, headers, body = get(path)
    assert (status, headers["content-type"], body) == (200, "text/html; charset=utf-8", PAGE)
    assert headers["cache-control"] == "no-cache"


def test_a_file_with_a_hash_in_its_name_is_kept_for_ever(get):
    status, headers, body = get(f"/console/{SCRIPT_NAME}")
    assert (status, headers["content-type"], body) == (200, "text/javascript; charset=utf-8", SCRIPT)
    assert headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_cookie_does_not_keep_files_out_of_caches(site, load_handler, http_event, context):
    asked = http_event("GET", f"/console/{SCRIPT_NAME}", headers=HTTPS, cookies=["__Host-opsloop_session=x"])
    answer = load_handler("dashboard_serve").lambda_handler(asked, context)
    assert "immutable" in answer["headers"]["cache-control"]


def test_what_gets_smaller_is_compressed_for_who_takes_it(get):
    _, plain, body = get("/console")
    assert "content-encoding" not in plain
    _, packed, smaller = get("/console", accept_encoding="gzip, br")
    assert (packed["content-encoding"], packed["vary"], plain["vary"]) == ("gzip", "accept-encoding", "accept-encoding")
    assert gzip.decompress(smaller) == body
    assert len(smaller) < len(body)
    assert packed["etag"] != plain["etag"]
    assert "content-encoding" not in get("/console/assets/icon.svg", accept_encoding="gzip")[1]  # 41 bytes would grow


def test_what_was_shipped_compressed_is_sent_as_it_is(site, get):
    (site / f"{SCRIPT_NAME}.gz").write_bytes(SHIPPED)
    assert get(f"/console/{SCRIPT_NAME}", accept_encoding="gzip")[2] == SHIPPED
    assert get(f"/console/{SCRIPT_NAME}.gz")[0] == 404


def test_who_has_the_present_copy_is_told_so_without_it(get):
    for encoding in ("", "gzip"):
        _, headers, _ = get("/console", accept_encoding=encoding)
        status, again, body = get("/console", accept_encoding=encoding, if_none_match=headers["etag"])
        assert (status, body, again["etag"]) == (304, "", headers["etag"])
        assert "content-security-policy" in again
    assert get("/console", if_none_match='"other"')[0] == 200


def test_head_has_the_headers_and_no_body(get):
    status, headers, body = get("/console", "HEAD")
    assert (status, body, headers["etag"]) == (200, "", get("/console")[1]["etag"])


def test_an_asset_that_is_not_there_is_a_problem_and_not_the_page(get):
    status, headers, body = get("/console/assets/console-ffffffffffff.js")
    assert (status, headers["content-type"], headers["cache-control"]) == (404, "application/problem+json", "no-store")
    assert json.loads(body)["title"] == "Not found"


@pytest.mark.parametrize(
    "path",
    [
        "/console/../secret.txt",
        "/console/%2e%2e/secret.txt",
        "/console/..%2fsecret.txt",
        "/console/assets/../../secret.txt",
        "/console/assets/..%2f..%2fsecret.txt",
        "/console//etc/passwd",
        "/console/assets/%00",
        "/console/__init__.py",
        "/console/%0d%0aset-cookie:%20a=b",
    ],
)
def test_no_path_leads_out_of_the_site(get, path):
    status, headers, body = get(path)
    assert status in (200, 404)
    assert "set-cookie" not in headers
    if status == 200:
        assert body == PAGE


@pytest.mark.parametrize("path", ["/console", f"/console/{SCRIPT_NAME}", "/console/assets/none.js", "/elsewhere"])
def test_every_answer_carries_the_policy(get, path):
    for method in ("GET", "HEAD", "POST"):
        headers = get(path, method)[1]
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["strict-transport-security"] == "max-age=31536000"


def test_over_plain_http_nobody_is_asked_to_come_by_https(get):
    assert "strict-transport-security" not in get("/console", x_forwarded_proto="http")[1]


def test_other_methods_are_refused(get):
    status, headers, _ = get("/console", "POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_a_deployment_without_the_console_says_so(site, get):
    (site / "index.html").unlink()
    status, _, body = get("/console")
    assert (status, "not built into this deployment" in body) == (404, True)

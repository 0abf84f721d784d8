"""The console's files: what a path stands for, and what caches and browsers are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop.dashboard.headers import security_headers
from opsloop.dashboard.site import accepts_gzip, cache_control, content_type, file_at, is_worth_compressing
from opsloop.errors import NotFoundError

NAMES = frozenset(
    {"index.html", "LICENSES.txt", "assets/console-0a1b2c3d4e5f.js", "assets/icon.svg", "LICENSES.txt.gz"}
)


def test_a_path_that_is_no_file_is_a_page():
    for path in ("", "services/web.v2", "anomalies/a%2Fb", "logs/", "index.htm", "../../etc/passwd", "a/../../b"):
        assert file_at(path, NAMES) == "index.html"
    assert file_at("assets/icon.svg", NAMES) == "assets/icon.svg"
    assert file_at("LICENSES.txt", NAMES) == "LICENSES.txt"


@pytest.mark.parametrize(
    "path",
    ["assets/console-ffffffffffff.js", "assets/", "assets/../index.html", "LICENSES.txt.gz", "assets/icon.svg.gz"],
)
def test_an_asset_that_is_not_there_is_not_the_page(path):
    with pytest.raises(NotFoundError):
        file_at(path, NAMES)


def test_a_deployment_without_the_console_says_so():
    with pytest.raises(NotFoundError, match="not built into this deployment"):
        file_at("services/web", frozenset())


@given(st.text(max_size=80))
def test_nothing_but_a_known_file_is_ever_answered(path):
    try:
        assert file_at(path, NAMES) in NAMES
    except NotFoundError:
        assert path.startswith("assets/") or path.endswith(".gz")


def test_what_has_a_hash_in_its_name_is_kept_for_ever_and_nothing_else():
    for_ever = "public, max-age=31536000, immutable"
    assert cache_control("assets/console-0a1b2c3d4e5f.css") == for_ever
    for name in ("index.html", "assets/icon.svg", "console-0a1b2c3d4e5f.css", "assets/console.js", "LICENSES.txt"):
        assert cache_control(name) == "no-cache"


def test_types_are_those_that_browsers_run_under_nosniff():
    assert content_type("assets/a.js") == "text/javascript; charset=utf-8"  # RFC 9239
    assert content_type("assets/a.css") == "text/css; charset=utf-8"
    assert content_type("index.html") == "text/html; charset=utf-8"
    assert content_type("a.SVG") == "image/svg+xml"
    assert content_type("a.exe") == content_type("exe") == "application/octet-stream"
    assert [is_worth_compressing(name) for name in ("a.js", "a.svg", "a.png", "a.woff2")] == [True, True, False, False]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("gzip, deflate, br", True),
        ("GZIP", True),
        ("br;q=1.0, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*;q=0", False),
        ("br", False),
        ("", False),
        ("x-gzip2", False),
        ("gzip;q=much", False),
    ],
)
def test_compression_is_used_where_the_caller_takes_it(header, expected):
    assert accepts_gzip(header) is expected


def test_the_policy_names_no_source_but_this_address():
    headers = security_headers(is_encrypted=True)
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert set(" ".join(policy.values()).split()) <= {"'none'", "'self'", "data:", "blob:", "'script'"}
    assert "unsafe" not in headers["content-security-policy"]


def test_only_over_https_browsers_are_asked_to_stay_there():
    assert "strict-transport-security" in security_headers(is_encrypted=True)
    assert "strict-transport-security" not in security_headers(is_encrypted=False)

"""The session's cookie: read from whatever a browser or a hostile client sends, and set so that it stays ours."""

from http.cookies import SimpleCookie

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop.access.cookie import MAX_VALUE_LENGTH, SESSION, cookie_name, is_encrypted, read_cookie, set_cookie
from opsloop.errors import UnauthenticatedError

HTTPS = {"x-forwarded-proto": "https", "host": "api.example.com"}
LOCAL = {"host": "127.0.0.1:39207"}
TOKEN = f"opsloop_{'f' * 12}_{'f' * 64}"

# RFC 6265, 4.1.1: a name is a token, a value is made of cookie-octets
NAMES = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~", min_size=1, max_size=12
)
VALUES = st.text([chr(code) for code in range(0x21, 0x7F) if chr(code) not in '",;\\'], max_size=40)


@given(st.dictionaries(NAMES, VALUES, max_size=6), st.booleans())
def test_every_cookie_that_the_standard_allows_is_found_listed_or_in_one_header(jar, is_listed):
    pairs = [f"{name}={value}" for name, value in jar.items()]
    sent = pairs if is_listed else ["; ".join(pairs)]
    assert {name: read_cookie(sent, name) for name in jar} == jar
    assert read_cookie(sent, "not-there") == ""


@given(st.lists(st.text(max_size=60), max_size=5))
def test_whatever_is_sent_is_a_value_nothing_or_a_refusal(sent):
    try:
        value = read_cookie(sent, SESSION)
    except UnauthenticatedError:
        assert sum(one.count(SESSION) for one in sent) > 1
    else:
        assert value == "" or any(value in one for one in sent)


@given(VALUES, VALUES, st.booleans())
def test_two_of_the_same_name_are_refused_even_if_they_are_equal(one, other, is_listed):
    pairs = [f"{SESSION}={one}", "theme=dark", f"{SESSION}={other}"]
    with pytest.raises(UnauthenticatedError, match="2 times"):
        read_cookie(pairs if is_listed else ["; ".join(pairs)], SESSION)


def test_a_name_is_compared_as_a_whole_and_by_case():
    assert read_cookie([f"x{SESSION}={TOKEN}; {SESSION}x={TOKEN}; {SESSION.upper()}={TOKEN}"], SESSION) == ""


def test_what_no_browser_keeps_is_not_read():
    assert read_cookie([f"{SESSION}={'a' * MAX_VALUE_LENGTH}"], SESSION) == "a" * MAX_VALUE_LENGTH
    assert read_cookie([f"{SESSION}={'a' * (MAX_VALUE_LENGTH + 1)}"], SESSION) == ""


def test_over_https_no_other_host_and_no_plain_connection_can_plant_or_see_it():
    text = set_cookie(SESSION, TOKEN, HTTPS, max_age_s=43_200)
    (name, cookie) = next(iter(SimpleCookie(text).items()))
    assert (name, cookie.value) == ("__Host-opsloop_session", TOKEN)
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Strict")
    assert (cookie["path"], cookie["domain"], cookie["max-age"]) == ("/", "", "43200")  # __Host- wants just this


def test_over_plain_http_on_loopback_it_has_a_name_and_attributes_that_browsers_take():
    text = set_cookie(SESSION, TOKEN, LOCAL, max_age_s=60)
    (name, cookie) = next(iter(SimpleCookie(text).items()))
    assert (name, cookie["secure"], cookie["httponly"], cookie["samesite"]) == (SESSION, "", True, "Strict")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-forwarded-proto": "https"}, True),
        ({"x-forwarded-proto": "http", "host": "api.example.com"}, False),
        ({"host": "127.0.0.1:8080"}, False),
        ({"host": "localhost"}, False),
        ({"host": "[::1]:8080"}, False),
        ({"host": "127.0.0.1.example.com"}, True),
        ({"host": "127.0.0.1", "x-forwarded-proto": "https"}, True),
        ({}, True),
    ],
)
def test_a_connection_is_taken_for_encrypted_unless_something_says_otherwise(headers, expected):
    assert is_encrypted(headers) is expected
    assert cookie_name(SESSION, headers).startswith("__Host-") is expected

"""Settings are shown to people, secrets are not, wherever they stand."""

import pytest

from opsloop.health.secrets import HIDDEN, shown_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KPI_TABLE", "opsloop-prod-kpi"),
        ("SECRET_PREFIX", "opsloop-prod/alert/"),
        ("OIDC_SECRET_NAME", "opsloop-prod/oidc"),
        ("SEARCH_ENDPOINT", "https://search.example.com"),
        ("METRICS_EVERY_S", "900"),
    ],
)
def test_a_name_is_shown(name, value):
    assert shown_settings({name: value}) == {name: value}


@pytest.mark.parametrize(
    "name", ["SLACK_TOKEN", "OIDC_CLIENT_SECRET", "DB_PASSWORD", "API_KEY", "SIGNING_PRIVATE_PEM", "AWS_ACCESS_KEY_ID"]
)
def test_what_says_that_it_is_a_secret_is_hidden(name):
    assert shown_settings({name: "hunter2"}) == {name: HIDDEN}


def test_a_password_in_a_url_is_hidden_and_the_rest_of_it_is_shown():
    shown = shown_settings({"SEARCH_ENDPOINT": "https://admin:hunter2@search.example.com/x"})
    assert shown == {"SEARCH_ENDPOINT": f"https://{HIDDEN}@search.example.com/x"}


def test_a_key_of_ours_is_hidden_whatever_the_setting_is_called():
    shown = shown_settings({"TARGETS": f"web=opsloop_{'a' * 12}_{'b' * 64}"})
    assert shown == {"TARGETS": f"web={HIDDEN}"}


def test_the_account_of_an_arn_is_not_shown():
    shown = shown_settings({"TOPIC": "arn:aws:sns:us-east-1:123456789012:alarms"})
    assert shown == {"TOPIC": "arn:aws:sns:us-east-1:(account):alarms"}


def test_what_the_runtime_sets_is_left_out():
    assert shown_settings({"POWERTOOLS_SERVICE_NAME": "kpi", "OPENBLAS_NUM_THREADS": "1"}) == {}

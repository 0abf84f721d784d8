"""SES and Slack: what an answer, a missing one, or nobody at all means; and that nothing is sent twice by itself."""

import base64
import json
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest

from opsloop.adapters.mail import MailChannel
from opsloop.adapters.secret_store import KEPT_S, Secrets
from opsloop.adapters.slack import SlackChannel
from opsloop.alert.mime import mail
from opsloop.alert.model import UnclearError
from opsloop.errors import DependencyUnavailableError, PermanentError, ThrottledError
from tests.unit.adapters.scripted_server import CLOSE, ScriptedServer, answer
from tests.unit.alert.samples import message

SENT = answer(b"<SendRawEmailResponse><SendRawEmailResult><MessageId>0100-a</MessageId></SendRawEmailResult>")


def refusal(code: str, status: str = "400 Bad Request") -> bytes:
    return answer(f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error>".encode(), status=status)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")


@pytest.fixture
def ses(monkeypatch: pytest.MonkeyPatch) -> Callable[[ScriptedServer], MailChannel]:
    def point(server: ScriptedServer) -> MailChannel:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SES", server.url)
        return MailChannel("opsloop@example.com", ["a@example.com", "b@example.com"])

    return point


def test_ses_gets_the_whole_mail_once_with_sender_and_receivers(ses):
    with ScriptedServer([SENT]) as server:
        receipt = ses(server).send(message())
    (seen,) = server.seen
    form = {name: values[0] for name, values in parse_qs(seen.body.decode(), strict_parsing=True).items()}
    assert (form["Action"], form["Version"], form["Source"]) == ("SendRawEmail", "2010-12-01", "opsloop@example.com")
    assert (form["Destinations.member.1"], form["Destinations.member.2"]) == ("a@example.com", "b@example.com")
    document = base64.b64decode(form["RawMessage.Data"])
    assert document == mail(message(), sender="opsloop@example.com", to=["a@example.com", "b@example.com"])
    assert "/eu-central-1/ses/aws4_request" in seen.headers["authorization"]
    assert receipt.id == "<0100-a@eu-central-1.amazonses.com>"  # what SES writes into the mail


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (refusal("MessageRejected"), PermanentError),
        (refusal("MailFromDomainNotVerified"), PermanentError),
        (refusal("AccessDenied", "403 Forbidden"), PermanentError),
        (refusal("Throttling"), DependencyUnavailableError),
        (refusal("ServiceUnavailable", "503 Service Unavailable"), DependencyUnavailableError),
        (CLOSE, UnclearError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<cut", UnclearError),
    ],
)
def test_an_answer_of_ses_means_never_later_or_nobody_knows(ses, said, meaning):
    with ScriptedServer([said, SENT]) as server, pytest.raises(meaning) as caught:
        ses(server).send(message())
    assert type(caught.value) is meaning
    assert len(server.seen) == 1  # a second attempt, of which nobody knows, would be a second mail


@pytest.mark.parametrize("sender", ["name", "a@b@c", "a b@example.com", "a@example.com\r\nBcc: b@example.com"])
def test_a_sender_that_is_no_address_is_said_and_nothing_is_sent(sender):
    with pytest.raises(PermanentError, match="can be made"):
        MailChannel(sender, ["a@example.com"]).send(message())


def test_where_nobody_listens_no_mail_has_left(ses):
    with ScriptedServer([]) as server:
        channel = ses(server)
    with pytest.raises(DependencyUnavailableError):
        channel.send(message())


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (answer(b"invalid_blocks", status="400 Bad Request"), PermanentError),
        (answer(b"invalid_token", status="403 Forbidden"), PermanentError),
        (answer(b"channel_is_archived", status="410 Gone"), PermanentError),
        (answer(b"", status="302 Found", headers=["Location: http://evil.example/"]), PermanentError),
        (answer(b"rollup_error", status="500 Internal Server Error"), DependencyUnavailableError),
        (CLOSE, UnclearError),
    ],
)
def test_an_answer_of_slack_means_never_later_or_nobody_knows(said, meaning):
    with ScriptedServer([said, answer(b"ok")]) as server, pytest.raises(meaning) as caught:
        SlackChannel(lambda _: f"{server.url}/services/T/B/secret").send(message())
    assert type(caught.value) is meaning
    assert len(server.seen) == 1
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize(("header", "wait_s"), [("120", 120), ("999999", 600), ("soon", 30)])
def test_slack_says_how_long_to_wait_within_reason(header, wait_s):
    limited = answer(b"rate_limited", status="429 Too Many Requests", headers=[f"Retry-After: {header}"])
    with ScriptedServer([limited]) as server, pytest.raises(ThrottledError) as caught:
        SlackChannel(lambda _: server.url).send(message())
    assert caught.value.retry_after_s == wait_s


def test_where_nobody_listens_no_post_has_left():
    with ScriptedServer([]) as server:
        url = server.url
    with pytest.raises(DependencyUnavailableError) as caught:
        SlackChannel(lambda _: url).send(message())
    assert not isinstance(caught.value, UnclearError)


def test_a_post_is_json_in_utf8_to_the_whole_path():
    with ScriptedServer([answer(b"ok")]) as server:
        SlackChannel(lambda _: f"{server.url}/services/T/B/x?a=1").send(message())
    (seen,) = server.seen
    assert seen.line == "POST /services/T/B/x?a=1 HTTP/1.1"
    assert seen.headers["content-type"] == "application/json; charset=utf-8"
    assert json.loads(seen.body)["blocks"][0]["type"] == "header"


def test_a_secret_is_read_once_in_five_minutes_or_when_it_must_be_fresh(monkeypatch):
    now = 0.0
    script = [answer(f'{{"SecretString": " v{number}\\n"}}'.encode()) for number in range(3)]
    with ScriptedServer(script) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", server.url)
        secrets = Secrets("opsloop-prod/alert/", clock=lambda: now)
        assert [secrets.read("a"), secrets.read("a")] == ["v0", "v0"]
        assert secrets.read("a", is_fresh=True) == "v1"
        now = KEPT_S
        assert secrets.read("a") == "v2"
    assert json.loads(server.seen[0].body) == {"SecretId": "opsloop-prod/alert/a"}
    assert server.seen[0].headers["x-amz-target"] == "secretsmanager.GetSecretValue"

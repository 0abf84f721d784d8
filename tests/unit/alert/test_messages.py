"""What people read: numbers on one scale, a thread per anomaly, and nothing hostile that gets out of its line."""

import email
import email.policy
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from opsloop.alert.mail_html import html
from opsloop.alert.mail_text import REPEATED, plain_text
from opsloop.alert.mime import mail
from opsloop.alert.model import DeliveryKey, Earlier, Message
from opsloop.alert.places import Places
from opsloop.alert.receive import read_event
from opsloop.alert.slack_blocks import MAX_BLOCKS, MAX_HEADER, payload
from opsloop.alert.story import compose, headline
from opsloop.alert.words import band, duration, line, moment, number, quantities
from tests.unit.alert.samples import ANOMALY_ID, ENDED, PAYMENTS, TRACE, WEB, message, telling

HOSTILE = (
    "evil\r\nBcc: thief@example.com\r\n\r\n<script>alert(1)</script>",
    "</td></table><img src=https://evil.example/x.png>",
    "<!channel> <!here> <@U123> <https://evil.example|click> *bold* _it_ ~no~ `code` &amp;",
    "\u202egnp.exe\u2066\u200b\x00\x1b[31m\u2028next",
    '" onmouseover="alert(1)',
    "=?utf-8?q?=0D=0ABcc:_thief=40example.com?=",
    "\ud800 lone",
    "日本 🙂 ü",
    "x" * 10_000,
)


def parsed(document: bytes) -> Any:
    return email.message_from_bytes(document, policy=email.policy.default)


def sent(one: Message) -> Any:
    return parsed(mail(one, sender="opsloop@example.com", to=["shop@example.com", "lead@example.com"]))


def hostile(text: str) -> Message:
    contributing = [{"operation": text, "share": 1.0}]
    changes = {"service": text, "operation": text, "reason": text, "metric": text, "unit": text, "preset": text}
    exemplar, origin = {"trace_id": text}, {"origin_service": text, "part": "effect"}
    effect = {**WEB, "service": text, "operation": text}
    told = telling(**{**changes, **origin, "contributing": contributing, "exemplar": exemplar})
    told.data["effects"][:] = [effect]
    return message(told)


class Tags(HTMLParser):
    """Collects what a browser would make of a document."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read_html(text: str) -> Tags:
    found = Tags()
    found.feed(text)
    return found


@pytest.mark.parametrize(
    ("unit", "values", "shown"),
    [
        ("ms", (2400.0, 300.0), ["2.4 s", "0.3 s"]),
        ("ms", (999.0, 42.0), ["999 ms", "42 ms"]),
        ("1", (0.0312, 0.004), ["3.1 %", "0.4 %"]),
        ("/min", (12345.0, None), ["12,345/min", "unknown"]),
        ("By", (0.0, 1.5), ["0 By", "1.5 By"]),
        ("", (float("nan"), 7.0), ["unknown", "7"]),
    ],
)
def test_numbers_that_are_compared_stand_on_one_scale(unit, values, shown):
    assert quantities(unit, *values) == shown


def test_a_band_says_its_unit_once_on_the_scale_of_what_stands_beside_it():
    assert band("ms", 210.0, 420.0, 2400.0) == "0.21 to 0.42 s"
    assert band("ms", 210.0, 420.0) == "210 to 420 ms"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (1.0, "1"), (1.26, "1.26"), (15.04, "15"), (99.96, "100"), (0.00042, "0.00042"), (-3.25, "-3.2")],
)
def test_a_number_has_the_digits_that_matter(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "less than a minute"),
        (60, "1 minute"),
        (1_500, "25 minutes"),
        (3_900, "1 hour 5 minutes"),
        (183_600, "2 days 3 hours"),
    ],
)
def test_a_length_of_time_has_its_two_greatest_units(seconds, shown):
    assert duration(seconds) == shown


def test_a_moment_has_its_date_unless_it_is_the_same_day():
    morning = datetime(2026, 11, 21, 8, 31, tzinfo=UTC)
    assert moment(morning) == "2026-11-21 08:31 UTC"
    assert moment(morning, today=morning) == "08:31 UTC"
    assert moment(morning, today=morning.replace(day=20)) == "2026-11-21 08:31 UTC"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_line_is_one_line_of_visible_characters(text):
    clean = line(text)
    assert len(clean) <= 300
    assert clean == clean.strip()
    assert not re.search("[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b\ud800-\udfff]", clean)
    clean.encode()


def test_the_subject_says_how_bad_who_what_and_what_is_usual():
    assert message().subject == "[opsloop] CRITICAL payments p95 2.4 s, usually 0.3 s"


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"operation": "POST /charge"}, "POST /charge p95 2.4 s, usually 0.3 s"),
        ({"measure": "error_ratio", "unit": "1", "value": 0.25, "expected": 0.01}, "error ratio 25 %, usually 1 %"),
        ({"measure": "rate", "unit": "/min", "value": 3.0, "expected": 240.0}, "traffic 3/min, usually 240/min"),
        (
            {"measure": "throughput", "metric": "cart.items", "unit": "/min", "value": 9.0},
            "cart.items 9/min, usually 300/min",
        ),
        ({"measure": "pattern", "unit": "/min", "value": 40.0, "expected": 0.0}, "new log pattern 40/min"),
        ({"measure": "saturation", "metric": "db.pool", "unit": "1", "value": 0.92, "expected": None}, "db.pool 92 %"),
        ({"direction": "silent", "value": None}, "is silent since 2026-11-21 08:31 UTC"),
        ({"value": None}, "p95 is unusual"),
    ],
)
def test_a_headline_is_of_the_measure(changes, shown):
    assert headline({**PAYMENTS, **changes}) == f"payments {shown}"


def test_the_severity_that_is_told_is_the_greatest_of_the_anomaly_and_its_effects():
    assert telling(severity="info").severity == "warning"
    assert telling(severity="critical").severity == "critical"


def test_a_message_has_everything_one_asks_first():
    text = plain_text(message())
    for expected in (
        "CRITICAL SINCE 2026-11-21 08:31 UTC",
        "Expected band: 0.21 to 0.42 s",
        "First minute:  2026-11-21 08:31 UTC",
        "Likely origin: payments (this one)",
        f"Trace:         {TRACE}",
        "- POST /charge: 86 % of the change; 2.6 s, usually 0.31 s",
        "- web p95 2.7 s, usually 0.41 s",
        f"  opsloop anomaly show {ANOMALY_ID}",
        f"  https://ops.example.com/anomalies/{ANOMALY_ID}",
        "  https://docs.example.com/runbooks/anomaly.md",
    ):
        assert expected in text


def test_without_a_console_the_link_leads_to_the_api_and_a_service_has_its_own_runbook():
    places = Places("", "https://api.example.com", "", lambda service: f"https://wiki.example.com/{service}")
    told = telling()
    key = DeliveryKey(told.day, told.topic, told.state, "shop-mail")
    found = compose(told, key, None, False, places=places)
    assert ("What to do", "docs/runbooks/anomaly.md") in found.facts  # there is no URL to link
    links = found.links
    assert [url for _, url in links] == [
        f"https://api.example.com/v1/anomalies/{ANOMALY_ID}",
        "https://wiki.example.com/payments",
    ]


def test_a_long_list_of_effects_is_cut_and_says_so():
    told = telling()
    told.data["effects"][:] = [WEB] * 20
    (section,) = [one for one in message(told).sections if one.heading == "What follows from it"]
    assert (len(section.lines), section.lines[-1]) == (9, "and 12 more")


def test_an_effect_says_where_to_look_first():
    told = telling(anomaly=WEB)
    assert ("Likely origin", "payments: look there first") in message(told).facts


def test_an_end_says_so_with_its_duration():
    one = message(telling("anomaly.ended", **ENDED))
    assert one.status == "Ended at 08:55 UTC after 25 minutes"
    assert one.subject == "[opsloop] ENDED payments p95 is as usual again"


def test_a_mail_is_ascii_with_a_text_and_an_html_part_that_say_the_same():
    document = mail(message(), sender="opsloop@example.com", to=["shop@example.com"])
    assert document.isascii()
    assert max(map(len, document.split(b"\r\n"))) <= 998  # RFC 5322 section 2.1.1
    one = parsed(document)
    assert one.get_content_type() == "multipart/alternative"
    text, page = one.iter_parts()
    assert (text.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().replace("\r\n", "\n") == plain_text(message())
    assert page.get_content().replace("\r\n", "\n") == html(message())


def test_the_same_delivery_gives_the_same_bytes():
    first, second = (mail(message(), sender="opsloop@example.com", to=["shop@example.com"]) for _ in range(2))
    assert first == second


def test_an_end_stands_in_the_thread_of_the_beginning():
    began = sent(message())
    earlier = Earlier(message().delivery_id, "<0100019@eu-central-1.amazonses.com>", message().subject)
    ended = sent(message(telling("anomaly.ended", **ENDED), earlier=earlier))
    assert ended["References"].split() == [began["Message-ID"], earlier.receipt]  # ours, and the one SES gave it
    assert ended["In-Reply-To"] == earlier.receipt
    assert ended["Subject"] == f"Re: {began['Subject']}"
    assert ended["Message-ID"] != began["Message-ID"]
    assert began["In-Reply-To"] is None


def test_an_end_without_a_receipt_answers_our_own_id():
    began = sent(message())
    for receipt in ("", "not an id", "<a b>", "<a@b>\r\nBcc: x@example.com"):
        earlier = Earlier(message().delivery_id, receipt, message().subject)
        ended = sent(message(telling("anomaly.ended", **ENDED), earlier=earlier))
        assert ended["In-Reply-To"] == ended["References"] == began["Message-ID"]


def test_a_repeated_message_says_that_it_may_be_a_second_copy():
    once, twice = message(), message(is_repeat=True)
    assert REPEATED in plain_text(twice)
    assert REPEATED in html(twice)
    assert REPEATED in json.dumps(payload(twice))
    assert REPEATED not in plain_text(once) + html(once) + json.dumps(payload(once))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_telemetry_makes_a_header_or_a_line_of_its_own(text):
    usual, one = sent(message()), sent(hostile(text))
    assert one.keys() == usual.keys()
    assert one["To"] == "shop@example.com, lead@example.com"
    assert one["Subject"].startswith("[opsloop] CRITICAL ")
    assert not [item for item in (*one.walk(), *usual.walk()) if item.defects]
    body = one.get_body(("plain",)).get_content()
    assert not [found for found in body.splitlines() if found.lower().startswith(("bcc", "<script"))]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_telemetry_becomes_mark_up_of_a_mail(text):
    known, found = read_html(html(message())), read_html(html(hostile(text)))
    assert set(found.tags) <= set(known.tags)
    assert {name for name, _ in found.attributes} == {name for name, _ in known.attributes}
    assert all(str(url).startswith("https://") for name, url in found.attributes if name == "href")


def test_mark_up_that_is_not_escaped_would_be_found():
    broken = html(hostile(HOSTILE[1])).replace("&lt;", "<").replace("&gt;", ">")
    assert "img" in read_html(broken).tags


def test_a_mail_loads_nothing_from_elsewhere():
    page = html(message())
    assert not {"img", "script", "link", "style", "iframe"} & set(read_html(page).tags)
    assert "url(" not in page


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_telemetry_stands_only_where_slack_reads_no_mark_up(text):
    document = payload(hostile(text))
    for block in document["blocks"]:
        assert block["type"] in ("header", "rich_text")
    assert document["blocks"][0]["text"]["type"] == "plain_text"
    assert '"mrkdwn"' not in json.dumps(document)
    assert not re.search("[<>]", document["text"])
    links = re.findall(r'"url": "([^"]*)"', json.dumps(document))
    assert all(link.startswith(("https://ops.example.com/", "https://docs.example.com/")) for link in links)


def test_the_fallback_text_of_slack_mentions_nobody():
    text = payload(hostile("<!channel> & *x*"))["text"]
    assert "&lt;!channel&gt; &amp; *x*" in text


def test_a_post_says_its_state_and_stays_within_slacks_limits():
    told = telling(contributing=[{"operation": "o" * 500, "share": 0.1}] * 100)
    told.data["effects"][:] = [{**WEB, "service": "s" * 500}] * 50
    document = payload(message(told))
    assert len(document["blocks"]) <= MAX_BLOCKS
    assert len(document["blocks"][0]["text"]["text"]) <= MAX_HEADER
    assert len(json.dumps(document["blocks"], ensure_ascii=False)) < 13_000
    ended = payload(message(telling("anomaly.ended", **ENDED)))
    assert "Ended at 08:55 UTC" in ended["blocks"][0]["text"]["text"]


def test_a_channel_that_failed_and_a_test_are_told_in_the_same_forms():
    fault = {"delivery_id": "2026-11-21.a.detected.shop-slack", "channel": "shop-slack", "reason": "Slack answered 404"}
    told = read_event({"type": "alert.delivery_failed", "time": "2026-11-21T08:40:00Z", "data": fault})
    assert not isinstance(told, DeliveryKey)
    assert message(told).subject == "[opsloop] could not tell shop-slack: Slack answered 404"
    assert "opsloop alert resend 2026-11-21.a.detected.shop-slack" in plain_text(message(told))
    tried = read_event({"type": "alert.test_requested", "time": "2026-11-21T08:40:00Z", "data": {"test_id": "x"}})
    assert not isinstance(tried, DeliveryKey)
    assert sent(message(tried))["Subject"] == "[opsloop] test of shop-mail"


@pytest.mark.parametrize("state", ["detected", "ended"])
def test_what_the_detector_tells_is_understood_and_told(event: Any, state: str):
    told = read_event(event(f"anomaly.{state}/payments_fail")["detail"])
    assert not isinstance(told, DeliveryKey)
    one = message(told)
    assert one.subject.startswith(f"[opsloop] {'CRITICAL' if state == 'detected' else 'ENDED'} payments error ratio")
    assert [section.heading for section in one.sections][1].startswith("What follow")
    assert sent(one)["Subject"] == one.subject
    assert len(payload(one)["blocks"]) > 5

"""The glance at a request against the full look: the same answer or none."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsloop.errors import InvalidInputError
from opsloop.telemetry import detect
from opsloop.telemetry.glance import glance
from tests.unit.telemetry.otlp_messages import captured, messages


def in_full(request: bytes, monkeypatch: pytest.MonkeyPatch) -> str | None:
    with monkeypatch.context() as patch:
        patch.setattr(detect, "glance", lambda _: None)
        try:
            return detect.detect_signal(request)
        except InvalidInputError:
            return None


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_what_an_sdk_sends_is_told_at_a_glance(signal):
    assert glance(captured(signal)) == signal


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_a_glance_is_never_wrong(signal, monkeypatch):
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(messages(signal), st.binary(max_size=3), st.integers(0, 200))
    def check(message, change, place):
        body = message.SerializeToString()
        assert glance(body) in (in_full(body, monkeypatch), None)
        damaged = body[:place] + change + body[place + len(change) :]
        assert glance(damaged) in (in_full(damaged, monkeypatch), None) or in_full(damaged, monkeypatch) is None

    check()


def test_points_with_labels_are_not_told_at_a_glance():
    label = b"\x0a\x06\x0a\x01k\x12\x01v"
    point = label + b"\x19" + bytes(8)
    data = b"\x0a" + bytes([len(point)]) + point
    item = b"\x0a\x01m" + b"\x3a" + bytes([len(data)]) + data
    scope = b"\x12" + bytes([len(item)]) + item
    group = b"\x12" + bytes([len(scope)]) + scope
    assert glance(b"\x0a" + bytes([len(group)]) + group) is None

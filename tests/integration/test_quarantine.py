"""What cannot be used is kept whole, once, with the reason."""

from datetime import timedelta
from urllib.parse import unquote

import pytest

from opsloop.adapters.quarantine import Quarantine
from opsloop.errors import DependencyUnavailableError
from tests.conftest import NOW


@pytest.fixture
def quarantine(aws):
    return Quarantine(aws.names["QUARANTINE_BUCKET"])


def test_the_same_bytes_on_the_same_day_are_one_object(aws, quarantine):
    first = quarantine.put("telemetry_receive", b"bad", reason="r", now=NOW)
    assert quarantine.put("telemetry_receive", b"bad", reason="r", now=NOW + timedelta(hours=1)) == first
    assert quarantine.put("telemetry_receive", b"worse", reason="r", now=NOW) != first
    assert aws.objects("QUARANTINE_BUCKET")[first] == b"bad"
    assert first.startswith("telemetry_receive/2026-11-21/")
    assert len(aws.objects("QUARANTINE_BUCKET")) == 2


def test_reason_and_facts_of_any_script_and_length_are_kept_readable(aws, quarantine):
    reason = "spans[0].name: grün %41 \n" + "x" * 3_000
    key = quarantine.put(
        "telemetry_ingest", b"bad", reason=reason, now=NOW, facts={"signal": "traces", "name": "ü" * 500}
    )
    kept = aws.client("s3").head_object(Bucket=aws.names["QUARANTINE_BUCKET"], Key=key)["Metadata"]
    assert kept["signal"] == "traces"
    assert unquote(kept["reason"]).startswith("spans[0].name: grün %41 \nxxx")
    assert sum(len(name) + len(value) for name, value in kept.items()) <= 2_048


def test_a_bucket_that_does_not_answer_is_a_transient_failure(aws):
    with pytest.raises(DependencyUnavailableError, match="quarantine bucket"):
        Quarantine("not-there").put("telemetry_receive", b"bad", reason="r", now=NOW)

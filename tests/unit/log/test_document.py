"""A document gives back the record, as a line and from the search store."""

import json
from dataclasses import replace

import pytest

from opsloop.errors import InvalidInputError
from opsloop.log.document import document, iso_ns, line, read_line, record_of
from opsloop.log.model import LogRecord

FULL = LogRecord(
    *("a-1-0.0-3", 1_795_249_800_123_456_789, 1_795_249_800_000_000_001, "web", "error", 17, "ERROR", "paid\nü \u2028"),
    *({"message": "paid", "n": [1, None]}, "0f3c", "ab" * 16, "cd" * 8, "cart.paid", {"k": {"x": 0.5}}),
    *({"service.name": "web"}, "shop.cart", 5),
)
EMPTY = LogRecord("b", 60_000_000_000, 0, "web", "unspecified", 0, "", "", None, "t", "", "", "", {}, {}, "")


@pytest.mark.parametrize("record", [FULL, EMPTY], ids=["full", "empty"])
def test_a_line_gives_back_the_record(record: LogRecord) -> None:
    text = line(replace(record, doc_id="", template=""), record.doc_id, record.template)
    assert "\n" not in text
    assert read_line(text) == record


@pytest.mark.parametrize("record", [FULL, EMPTY], ids=["full", "empty"])
def test_a_document_gives_back_all_but_a_time_that_did_not_count(record: LogRecord) -> None:
    stored = json.loads(json.dumps(document(record).content))
    assert stored["time"] == record.time_ns
    assert record_of(replace(document(record), content=stored)) == replace(record, sent_ns=0)


def test_numbers_that_no_store_takes_stay_in_the_bucket() -> None:
    record = replace(FULL, observed_ns=1 << 63, sent_ns=(1 << 64) - 1)
    assert read_line(line(record, record.doc_id, record.template)) == record
    content = document(record).content
    assert "observed_ns" not in content
    assert content["sent_time"] == "2554-07-21T23:34:33.709551615Z"  # 2^64 - 1 ns after 1970


def test_times_have_nine_digits() -> None:
    assert iso_ns(1_795_249_800_000_000_001) == "2026-11-21T08:30:00.000000001Z"


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '{"id": "a"}'])
def test_other_text_is_no_document(text: str) -> None:
    with pytest.raises(InvalidInputError, match="not a line"):
        read_line(text)

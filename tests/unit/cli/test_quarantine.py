"""opsloop quarantine: what it asks for, what it shows, and how it ends."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import KEYS, Run
from tests.unit.cli.fake_api import FakeApi

DIGITS = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
KEY = f"telemetry_ingest/2026-11-21/{DIGITS}"
LIST, ITEM, BODY = "GET /v1/quarantine", "GET /v1/quarantine/item", "GET /v1/quarantine/body"
REPLAY = "POST /v1/quarantine/replay"


def kept(**changes: Any) -> dict[str, Any]:
    return {
        "key": KEY, "source": "telemetry_ingest", "kind": "malformed", "reason": "spans[0] breaks off, at byte 7",
        "arrived_at": "2026-11-21T08:30:00.250000Z", "set_aside_at": "2026-11-21T08:30:01Z", "size_bytes": 12345,
        "part": "whole", "part_of": None, "signal": None, "content_type": None, "content_encoding": None,
        "correlation_id": None, "state": "open", "replayed_at": None, "replayed_items": None, "replayed_by": None,
        "position": {"log": "log#s#1#shard", "sequence": "4971", "partition_key": "k"}, **changes,
    }  # fmt: skip


def page(*objects: dict[str, Any], count: int | None = None, following: str | None = None, **counts: Any) -> Any:
    many = len(objects) if count is None else count
    counted = {"objects": many, "by_kind": {"malformed": many}, "by_source": {}, "is_complete": True, **counts}
    return {"objects": list(objects), "counts": counted, "next": following}


def outcome(result: str, *, items: int = 0, following: str | None = None, **changes: Any) -> dict[str, Any]:
    one = {"key": KEY, "result": result, "items": items, "refused_parts": 0, "reason": "", **changes}
    return {"results": [one], "counts": {result: 1}, "items": items, "dry_run": False, "next": following}


def shown(**reading: Any) -> dict[str, Any]:
    today = {
        "outcome": "partly_readable", "form": "otlp_protobuf", "signals": ["traces"], "items": 1234, "clamped": 5,
        "services": {"web": 1234}, "first_minute": "2026-11-21T08:20:00Z", "last_minute": "2026-11-21T08:21:00Z",
        "dropped": 0, "refused": [{"kind": "truncated", "reason": "it ends at byte 99", "size_bytes": 48}],
        "refused_parts": 1, "reason": "it ends at byte 99", **reading,
    }  # fmt: skip
    return {**kept(), "preview": {"bytes": 4, "hex": "0a0b0c0d", "text": "\n.\n."}, "reading": today}


def test_the_list_shows_time_kind_size_reason_and_a_key_that_can_be_typed(local: Run, api: FakeApi):
    api.will(LIST, page(kept(), count=1500, following="more"))
    result = local("quarantine", "list")
    cells = re.split(r" {2,}", result.stdout.splitlines()[2].strip())
    reason, key = "spans[0] breaks off, at byte 7", f"telemetry_ingest/2026-11-21/{DIGITS[:12]}"
    assert cells == ["2026-11-21T08:30:00Z", "malformed", "12,345", "open", reason, key]
    assert "1,500 objects: 1,500 malformed" in result.stderr
    assert result.exit_code == 0
    assert api.asked[0].headers["authorization"] == f"Bearer {KEYS['read_key']}"
    assert api.asked[0].query["state"] == "open"


def test_the_list_asks_for_what_the_options_say(local: Run, api: FakeApi):
    api.will(LIST, page())
    options = ("--kind", "malformed", "--source", "telemetry_receive", "--reason", "utf", "--state", "all")
    local("quarantine", "list", *options, "--since", "2026-11-20", "--until", "2026-11-21T00:00:00+01:00")
    assert api.asked[0].query == {
        "kind": "malformed",
        "source": "telemetry_receive",
        "reason": "utf",
        "state": "all",
        "from": "2026-11-20T00:00:00Z",
        "to": "2026-11-20T23:00:00Z",
        "limit": "50",
    }


def test_the_list_reads_on_until_it_has_as_many_as_were_asked_for(local: Run, api: FakeApi):
    api.will(LIST, page(kept(), count=3, following="two"))
    api.will(LIST, {**page(kept(), kept(), following="three"), "counts": None})
    told = json.loads(local("quarantine", "list", "--limit", "3", "--json").stdout)
    assert (len(told["objects"]), told["counts"]["objects"], told["has_more"]) == (3, 3, True)
    assert [(asked.query["limit"], asked.query.get("cursor")) for asked in api.asked] == [("3", None), ("2", "two")]


def test_an_object_is_shown_with_reason_position_and_what_is_read_today(local: Run, api: FakeApi):
    api.will(ITEM, shown())
    lines = [" ".join(line.split()) for line in local("quarantine", "show", KEY).stdout.splitlines()]
    for line in (
        f"key {KEY}",
        "reason spans[0] breaks off, at byte 7",
        "arrived at 2026-11-21T08:30:00.250000Z",
        "position log log#s#1#shard, sequence 4971, partition key k",
        "read today partly_readable: otlp_protobuf, traces",
        "items 1,234",
        "would count web 1,234; 2026-11-21T08:20:00Z to 2026-11-21T08:21:00Z",
        "clamped 5",
        "refused truncated, 48 bytes: it ends at byte 99",
        "000000 0a 0b 0c 0d ....",
    ):
        assert line in lines
    assert not [line for line in lines if line.startswith(("dropped", "signal", "replayed"))]
    assert api.asked[0].headers["authorization"] == f"Bearer {KEYS['admin_key']}"
    assert api.asked[0].query == {"key": KEY}


def test_text_is_shown_as_text_and_bytes_as_digits_with_their_place(local: Run, api: FakeApi):
    text = '{"resourceSpans": [{"scopeSpans": ...'
    api.will(ITEM, {**shown(), "preview": {"bytes": len(text), "hex": text.encode().hex(), "text": text}})
    assert local("quarantine", "show", KEY).stdout.endswith(f"first {len(text)} bytes\n{text}\n")
    api.answers.clear()
    data = b"\x0a\x20opsloop" * 3
    api.will(ITEM, {**shown(), "preview": {"bytes": 27, "hex": data.hex(), "text": "\ufffd" * 27}})
    lines = local("quarantine", "show", KEY).stdout.splitlines()
    assert lines[-2] == "000000  0a 20 6f 70 73 6c 6f 6f 70 0a 20 6f 70 73 6c 6f  . opsloop. opslo"
    assert lines[-1].split() == ["000010", *(f"{one:02x}" for one in data[16:]), "op.", "opsloop"]


def test_the_bytes_are_written_as_they_came(local: Run, api: FakeApi, tmp_path: Path):
    api.will(ITEM, shown())
    api.will(BODY, body=bytes(range(256)), content_type="application/octet-stream")
    file = tmp_path / "bad.bin"
    assert local("quarantine", "show", KEY, "--body", str(file), "--json").exit_code == 0
    assert file.read_bytes() == bytes(range(256))


def test_bytes_that_are_too_many_are_pointed_at(local: Run, api: FakeApi, tmp_path: Path):
    api.will(ITEM, shown())
    api.problem(BODY, 413, "Content too large", "aws s3 cp s3://bucket/key FILE")
    result = local("quarantine", "show", KEY, "--body", str(tmp_path / "bad.bin"))
    assert (result.exit_code, "aws s3 cp" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        ("replayed", 0),
        ("already_replayed", 0),
        ("partly_replayed", 1),
        ("still_unreadable", 1),
        ("too_old", 1),
        ("not_found", 1),
        ("failed", 1),
    ],
)
def test_a_replay_ends_well_only_if_all_of_it_has_counted(local: Run, api: FakeApi, result: str, code: int):
    api.will(REPLAY, outcome(result, items=7, reason="because"))
    done = local("quarantine", "replay", KEY)
    assert done.exit_code == code
    assert done.stdout.splitlines()[2].split() == [
        result,
        "7",
        "0",
        "because",
        f"telemetry_ingest/2026-11-21/{DIGITS[:12]}",
    ]
    assert json.loads(api.asked[0].body) == {"keys": [KEY], "dry_run": False}


def test_mended_bytes_go_with_their_key(local: Run, api: FakeApi, tmp_path: Path):
    api.will(REPLAY, outcome("replayed", items=3))
    file = tmp_path / "mended.bin"
    file.write_bytes(b"\x00\xff")
    result = local("quarantine", "replay", KEY, "--fixed", str(file))
    assert "1 of 1 objects counted, 3 items" in result.stderr
    sent = json.loads(api.asked[0].body)
    assert (sent["key"], base64.b64decode(sent["body"])) == (KEY, b"\x00\xff")


def test_many_keys_go_by_the_hundred(local: Run, api: FakeApi):
    api.will(REPLAY, outcome("replayed"))
    keys = [f"telemetry_ingest/2026-11-21/{number:064x}" for number in range(250)]
    local("quarantine", "replay", *keys)
    assert [len(json.loads(asked.body)["keys"]) for asked in api.asked] == [100, 100, 50]


def test_a_selection_is_asked_about_first_and_replayed_to_its_end(local: Run, api: FakeApi):
    api.will(REPLAY, outcome("replayed", items=1, following="two"))
    api.will(REPLAY, outcome("replayed", items=2))
    result = local("quarantine", "replay", "--kind", "malformed", "--since", "2026-11-21", "--yes", "--json")
    assert [one["items"] for one in json.loads(result.stdout)["results"]] == [1, 2]
    first, second = (json.loads(asked.body) for asked in api.asked)
    assert first == {"kind": "malformed", "from": "2026-11-21T00:00:00Z", "dry_run": False}
    assert second == {**first, "cursor": "two"}


def test_nothing_is_replayed_without_a_yes(local: Run, api: FakeApi):
    api.will(LIST, page(kept(), count=1500))
    result = local("quarantine", "replay", "--kind", "malformed")
    assert "1,500 objects?" in result.stderr
    assert result.exit_code == 1
    assert [asked.method for asked in api.asked] == ["GET"]


def test_a_dry_run_needs_no_yes_and_says_would(local: Run, api: FakeApi):
    api.will(REPLAY, outcome("replayed", items=4))
    result = local("quarantine", "replay", "--kind", "malformed", "--dry-run")
    assert "1 of 1 objects would count, 4 items" in result.stderr
    assert json.loads(api.asked[0].body)["dry_run"] is True


@pytest.mark.parametrize(
    "arguments",
    [(), (KEY, "--kind", "malformed"), (KEY, KEY, "--fixed", "x"), (KEY, "--fixed", "not-there"), ("--since", "soon")],
)
def test_usage_is_refused_before_anything_is_asked(local: Run, api: FakeApi, arguments: tuple[str, ...]):
    assert local("quarantine", "replay", *arguments).exit_code == 2
    assert api.asked == []

"""Names of logs: safe in every part of S3 and EventBridge, and never two things under one."""

import re

import pytest

from opsloop.errors import InvalidInputError
from opsloop.log.names import hour_key, hour_of, log_of_raw, object_key, raw_key

SAFE = re.compile(r"[A-Za-z0-9!._~/-]+")
LOGS = ("log#opsloop-local#1795250000#shardId-000000000001", "log#import#3", "log#replay")
ODD = (
    "web",
    "AWS/Lambda",
    "a b",
    "ü",
    "a!2Fb",
    "a/b",
    "a%2Fb",
    "a~b",
    "..",
    "x" * 210,
    "x" * 211,
    "\udc80",
    "東京" * 90,
)


@pytest.mark.parametrize("log", LOGS)
def test_the_key_of_raw_requests_names_its_log(log: str) -> None:
    key = raw_key(log, "0" * 60 + "1234", "0" * 60 + "5678")
    assert log_of_raw(key) == log
    assert SAFE.fullmatch(key)
    assert key.endswith("/1234-5678.zst")


def test_services_keep_keys_apart_and_within_what_s3_takes() -> None:
    keys = [object_key(service, "2026-11-21", 8, f"{'a' * 12}-{'9' * 64}-0", 7) for service in ODD]
    assert len(set(keys)) == len(ODD)
    assert all(SAFE.fullmatch(key) and len(key) < 1024 for key in keys)
    assert "/../" not in "".join(keys)


def test_what_follows_a_fork_has_a_key_of_its_own() -> None:
    tip = "0" * 60 + "1234"
    keys = {raw_key(LOGS[0], start, tip) for start in (tip, f"{tip}+{LOGS[0]}2", f"{tip}+{LOGS[0]}2+{LOGS[0]}3")}
    assert len(keys) == 3
    assert all(SAFE.fullmatch(key) for key in keys)


@pytest.mark.parametrize("key", ["raw/x", "logs/web/1-2.zst", "raw/a/b/c", "raw/log~0/1-2.zst"])
def test_other_keys_name_no_log(key: str) -> None:
    with pytest.raises(InvalidInputError):
        log_of_raw(key)


def test_hours_sort_as_their_keys() -> None:
    hours = [0, 60, 29_900_040, 29_900_100]
    assert sorted(map(hour_key, hours)) == [hour_key(hour) for hour in hours]
    assert [hour_of(hour_key(hour)) for hour in hours] == hours
    assert hour_key(29_900_040) == "2026-11-06T22"  # 20,763 days and 22 h after 1970

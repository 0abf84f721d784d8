"""Logs gone cold are brought back and searchable for some days, once, and leave the search store again."""

import json
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from opsloop.adapters.log_archive import LogArchive
from opsloop.adapters.log_restores import RestoreTable
from opsloop.errors import ConflictError, DependencyUnavailableError
from opsloop.log.restore import Fate
from opsloop.log.search_spec import LOGS
from opsloop.search import Query
from tests.integration.described import as_described
from tests.integration.test_log_query import Shop, request_of

JSON = {"content-type": "application/json"}
AGE = timedelta(days=100)


@pytest.fixture
def shop(aws: Any, tokens: Any, load_handler: Any, event: Any, context: Any, tmp_path: Any) -> Shop:
    del tokens
    return Shop(aws, load_handler, event, context, f"file://{tmp_path}/search")


@pytest.fixture
def restore(shop: Shop) -> ModuleType:
    handler: ModuleType = shop.load("log_restore")
    return handler


@pytest.fixture
def cold(shop: Shop) -> Shop:
    """Keep lines of two services and two days, let 100 days pass, and freeze what S3 would have frozen."""
    for service in ("payments", "web"):
        for ago in (timedelta(days=1), timedelta(days=2)):
            shop.send(request_of(service, [(shop.now - ago, "error", f"{service} {ago.days} days ago")]))
    freeze(shop)
    shop.now += AGE
    return shop


def freeze(shop: Shop, kind: str = "GLACIER") -> None:
    s3, bucket = shop.aws.client("s3"), shop.aws.names["LOG_BUCKET"]
    for key, body in shop.aws.objects("LOG_BUCKET").items():
        if key.startswith("logs/"):
            s3.put_object(Bucket=bucket, Key=key, Body=body, StorageClass=kind)


@pytest.fixture
def ask(restore: ModuleType, shop: Shop, http_event: Any, tokens: Any) -> Any:
    def send(*, status: int = 202, key: str = "admin", **wish: Any) -> Any:
        body = json.dumps({name.rstrip("_"): value for name, value in wish.items()})
        event = http_event("POST", "/v1/logs/restore", headers=JSON, body=body, token=tokens[key], now=shop.now)
        answer = restore.lambda_handler(event, shop.context)
        assert answer["statusCode"] == status, answer["body"]
        return as_described("POST", "/v1/logs/restore", answer)

    return send


@pytest.fixture
def listed(restore: ModuleType, shop: Shop, http_event: Any, tokens: Any) -> Any:
    def send() -> Any:
        event = http_event("GET", "/v1/logs/restores", token=tokens["read"], now=shop.now)
        return as_described("GET", "/v1/logs/restores", restore.lambda_handler(event, shop.context))["restores"]

    return send


@pytest.fixture
def tick(restore: ModuleType, shop: Shop) -> Any:
    """Return ``tick()``: what the clock does."""

    def run() -> Any:
        event = {**shop.event("log_restore/schedule"), "time": str(int(shop.now.timestamp()))}
        return restore.lambda_handler(event, shop.context)

    return run


def day(shop: Shop, ago: int) -> dict[str, str]:
    """Return the day that was so many days ago when the logs were sent."""
    then = (shop.now - AGE - timedelta(days=ago)).date()
    return {"from_": f"{then}T00:00:00Z", "to": f"{then + timedelta(days=1)}T00:00:00Z"}


def bodies(shop: Shop) -> set[str]:
    return {one.content["body"] for one in shop.index.store.scan(LOGS, Query())}


def frozen(shop: Shop, key: str) -> Any:
    return shop.aws.client("s3").head_object(Bucket=shop.aws.names["LOG_BUCKET"], Key=key)


class Slow:
    """S3 that fetches for as long as ``is_slow``; what it was asked is counted."""

    def __init__(self, archive: LogArchive) -> None:
        self.archive, self.is_slow, self.asked = archive, True, list[str]()

    def ask(self, key: str, *, tier: str, days: int) -> Fate:
        self.asked.append(key)
        return self.archive.ask(key, tier=tier, days=days)

    def fate(self, key: str) -> Fate:
        found = self.archive.fate(key)
        return Fate.FETCHED if self.is_slow and found is Fate.HERE else found


@pytest.fixture
def slow(restore: ModuleType) -> Slow:
    glacier = Slow(restore.archive)
    restore.restorer.glacier = glacier
    return glacier


def test_old_documents_leave_the_store_and_a_restored_day_is_searchable_for_its_days(
    cold, ask, tick, listed, slow
) -> None:
    assert len(bodies(cold)) == 4
    assert tick()["forgotten"] == 4
    assert bodies(cold) == set()
    told = ask(service="payments", **day(cold, 1), tier="bulk", days=3)
    assert (told["phase"], told["objects_cold"], told["objects_asked"], told["expected_hours"]) == ("waiting", 1, 1, 12)
    (key,) = slow.asked
    assert told["bytes_cold"] == frozen(cold, key)["ContentLength"]
    assert "payments" in key
    assert tick() == {"open": 1, "forgotten": 0}
    cold.fill()
    assert bodies(cold) == set()
    slow.is_slow = False
    cold.now += timedelta(hours=12)
    assert tick()["open"] == 0
    cold.fill()
    assert bodies(cold) == {"payments 1 days ago"}
    (told,) = listed()
    assert (told["phase"], told["objects_back"], told["objects_missing"]) == ("back", 1, 0)
    cold.now += timedelta(days=2, hours=23)
    assert tick()["forgotten"] == 0
    cold.now += timedelta(hours=2)
    assert tick()["forgotten"] == 1
    assert bodies(cold) == set()
    assert listed()[0]["phase"] == "over"


def test_s3_is_asked_for_the_tier_and_the_days(cold, ask, slow) -> None:
    ask(service="payments", **day(cold, 1), days=5)
    assert "ongoing-request" in frozen(cold, slow.asked[0])["Restore"]


def test_the_same_wish_again_changes_nothing(cold, ask, tick, listed, slow) -> None:
    first = ask(service="payments", **day(cold, 1))
    assert ask(service="payments", **day(cold, 1), status=200) == first
    tick()
    assert len(slow.asked) == 1
    assert len(listed()) == 1


def test_a_restore_goes_on_where_a_killed_run_was(cold, ask, tick, listed, restore, slow, monkeypatch) -> None:
    monkeypatch.setattr(restore, "AT_ONCE_S", -1.0)
    whole = {"from_": day(cold, 2)["from_"], "to": day(cold, 1)["to"]}
    assert ask(service="payments", **whole)["phase"] == "asking"
    real, calls = slow.ask, []

    def dying(key: str, **options: Any) -> Fate:
        calls.append(key)
        if len(calls) == 2:
            raise DependencyUnavailableError("log bucket: no answer")
        return real(key, **options)

    monkeypatch.setattr(slow, "ask", dying)
    with pytest.raises(DependencyUnavailableError):
        tick()
    assert tick()["open"] == 1
    slow.is_slow = False
    assert tick()["open"] == 0
    cold.fill()
    assert bodies(cold) >= {"payments 1 days ago", "payments 2 days ago"}
    (told,) = listed()
    assert (told["objects_asked"], told["objects_back"]) == (2, 2)


def test_an_object_that_is_gone_holds_nothing_up(cold, ask, tick, listed, slow) -> None:
    ask(service="payments", **day(cold, 1))
    cold.aws.client("s3").delete_object(Bucket=cold.aws.names["LOG_BUCKET"], Key=slow.asked[0])
    slow.is_slow = False
    assert tick()["open"] == 0
    assert (listed()[0]["objects_missing"], listed()[0]["objects_back"]) == (1, 0)


def test_what_s3_never_froze_is_back_at_once(shop, ask, tick, listed) -> None:
    shop.send(request_of("web", [(shop.ago(days=1), "info", "still here")]))
    shop.now += AGE
    tick()
    told = ask(service="web", **day(shop, 1))
    assert (told["phase"], told["objects_cold"], told["expected_hours"]) == ("back", 0, 0)
    shop.fill()
    assert bodies(shop) == {"still here"}


def test_hot_logs_and_services_without_any_are_not_restored(cold, ask) -> None:
    now = cold.now
    hot = {"from_": (now - timedelta(days=2)).isoformat(), "to": now.isoformat()}
    assert ask(service="payments", **hot, status=400)["detail"].startswith("from: ")
    assert "nothing was kept" in ask(service="payment", **day(cold, 1), status=404)["detail"]
    assert ask(service="payments", **day(cold, 1), tier="fast", status=400)["detail"].startswith("tier: ")
    assert ask(service="payments", **day(cold, 1), days=0, status=400)["detail"].startswith("days: ")
    assert ask(service="payments", **day(cold, 1), when="now", status=400)["detail"].startswith("when: ")
    assert ask(service="payments", from_="2000-01-01T00:00:00Z", to="2026-01-01T00:00:00Z", status=400)
    ask(service="payments", **day(cold, 1), key="read", status=403)


def test_two_at_once_do_the_work_once(cold, ask, restore, slow) -> None:
    ask(service="payments", **day(cold, 1))
    table = RestoreTable(cold.aws.names["LOG_TABLE"])
    (stale,) = table.all()
    table.save(stale)
    with pytest.raises(ConflictError):
        table.save(stale)
    now_s = int(cold.now.timestamp())
    assert [one.restore_id for one in restore.restorer.go_on(now_s, lambda: True)] == [stale.restore_id]


def test_a_store_that_is_down_delays_forgetting_alone(cold, ask, tick, restore, slow, monkeypatch) -> None:
    ask(service="payments", **day(cold, 1))

    def down(*_: Any, **__: Any) -> int:
        raise DependencyUnavailableError("search store: no answer")

    monkeypatch.setattr(restore.store, "delete", down)
    slow.is_slow = False
    assert tick() == {"open": 0, "forgotten": 0}


def test_samples_are_answered_as_described(cold, restore, event, context) -> None:
    context.remaining_ms = 250_000
    assert restore.lambda_handler(event("log_restore/schedule"), context) == {"open": 0, "forgotten": 0}
    answer = restore.lambda_handler(event("log_restore/restore"), context)
    assert "payments" in as_described("POST", "/v1/logs/restore", answer)["detail"]
    answer = restore.lambda_handler(event("log_restore/restores"), context)
    assert as_described("GET", "/v1/logs/restores", answer) == {"restores": []}


def test_an_object_says_where_it_is_and_asking_twice_is_no_fault(cold: Shop) -> None:
    archive = LogArchive(cold.aws.names["LOG_BUCKET"])
    s3, bucket = cold.aws.client("s3"), cold.aws.names["LOG_BUCKET"]
    s3.put_object(Bucket=bucket, Key="logs/hot", Body=b"x")
    s3.put_object(Bucket=bucket, Key="logs/cold", Body=b"x", StorageClass="DEEP_ARCHIVE")
    assert [archive.fate(f"logs/{key}") for key in ("hot", "cold", "gone")] == [Fate.HERE, Fate.COLD, Fate.MISSING]
    assert [archive.read([f"logs/{key}"])[0].why_not for key in ("hot", "cold", "gone")] == ["", "cold", "missing"]
    assert archive.ask("logs/hot", tier="bulk", days=2) is Fate.HERE
    assert archive.ask("logs/gone", tier="bulk", days=2) is Fate.MISSING
    for _ in range(2):
        assert archive.ask("logs/cold", tier="bulk", days=2) is Fate.FETCHED
    assert archive.fate("logs/cold") is Fate.HERE  # moto fetches at once
    assert archive.cold("logs/")["logs/cold"] == (1, "DEEP_ARCHIVE")
    assert "logs/hot" not in archive.cold("logs/")

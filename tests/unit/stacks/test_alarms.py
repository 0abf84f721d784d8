"""Every alarm tells somebody, says what to do, and the page that it names exists."""

import re
from pathlib import Path
from typing import Any

from tests.unit.stacks.reading import Template, every, functions

ROOT = Path(__file__).parents[3]
RUNBOOK = re.compile(r"docs/runbooks/[a-z-]+\.md")


def alarms_by_metric(templates: dict[str, Template], metric: str) -> list[dict[str, Any]]:
    found = [alarm["Properties"] for _, alarm in every(templates, "CloudWatch::Alarm")]
    return [alarm for alarm in found if alarm["MetricName"] == metric]


def runbooks(templates: dict[str, Template]) -> set[str]:
    return {
        path
        for _, alarm in every(templates, "CloudWatch::Alarm")
        for path in RUNBOOK.findall(alarm["Properties"]["AlarmDescription"])
    }


def test_every_alarm_names_a_runbook_that_exists(prod: dict[str, Template]) -> None:
    for id_, alarm in every(prod, "CloudWatch::Alarm"):
        (page,) = RUNBOOK.findall(alarm["Properties"]["AlarmDescription"])
        assert (ROOT / page).is_file(), f"{id_} names {page}"


def test_every_runbook_belongs_to_an_alarm(prod: dict[str, Template]) -> None:
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    told = {"docs/runbooks/anomaly.md"}  # messages to people link it
    told.add("docs/runbooks/database-recovery.md")  # for a disaster, not for an alarm
    assert pages - {"docs/runbooks/README.md"} == runbooks(prod) | told


def test_every_alarm_tells_the_topic_when_it_starts_and_when_it_ends(prod: dict[str, Template]) -> None:
    for id_, alarm in every(prod, "CloudWatch::Alarm"):
        for actions in (alarm["Properties"]["AlarmActions"], alarm["Properties"]["OKActions"]):
            assert "Alarms04B5A0BF" in str(actions), id_


def test_every_function_is_watched_for_errors_and_throttles(prod: dict[str, Template]) -> None:
    for metric in ("Errors", "Throttles"):
        watched = {alarm["AlarmDescription"].split()[0] for alarm in alarms_by_metric(prod, metric)}
        assert watched == set(functions(prod))


def test_a_stream_that_is_not_read_raises_an_alarm(prod: dict[str, Template]) -> None:
    (alarm,) = alarms_by_metric(prod, "IteratorAge")
    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (300_000, 3)


def test_every_queue_of_failures_is_watched(prod: dict[str, Template]) -> None:
    watched = alarms_by_metric(prod, "ApproximateNumberOfMessagesVisible")
    failures = [id_ for id_, queue in every(prod, "SQS::Queue") if "RedrivePolicy" not in queue["Properties"]]
    assert len(watched) == len(failures)
    assert all(alarm["Threshold"] == 0 for alarm in watched)


def test_silence_is_a_fault(prod: dict[str, Template]) -> None:
    silent = alarms_by_metric(prod, "Invocations") + alarms_by_metric(prod, "IncomingRecords")
    watched = {alarm["AlarmDescription"].split()[0] for alarm in silent}
    assert watched >= {"telemetry_fold", "kpi_rollup", "health_probe", "No"}
    assert {alarm["TreatMissingData"] for alarm in silent} == {"breaching"}


def test_whatever_is_set_aside_raises_an_alarm(prod: dict[str, Template]) -> None:
    for metric in ("BodiesQuarantined", "RecordsQuarantined", "ItemsRejected"):
        (alarm,) = alarms_by_metric(prod, metric)
        assert (alarm["Namespace"], alarm["Dimensions"]) == ("Opsloop", [{"Name": "service", "Value": "telemetry"}])
        assert (alarm["Threshold"], alarm["Period"], alarm["EvaluationPeriods"]) == (0, 900, 1)
        assert "docs/runbooks/quarantine.md" in alarm["AlarmDescription"]


def test_whoever_was_not_told_raises_an_alarm(prod: dict[str, Template]) -> None:
    for metric in ("NotificationsUndeliverable", "NotificationsUnclear", "ChannelsMissing"):
        (alarm,) = alarms_by_metric(prod, metric)
        assert (alarm["Namespace"], alarm["Dimensions"]) == ("Opsloop", [{"Name": "service", "Value": "alert"}])
        assert (alarm["Threshold"], alarm["Period"]) == (0, 300)
    late = next(
        one
        for one in alarms_by_metric(prod, "ApproximateAgeOfOldestMessage")
        if "alert-late" in one["AlarmDescription"]
    )
    assert late["Threshold"] == 900

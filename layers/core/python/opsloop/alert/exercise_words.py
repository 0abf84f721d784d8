"""What a message says of exercises of disasters: which one waits, which one did not achieve what it should have."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from opsloop.alert.exercise_event import ABANDONED, DUE
from opsloop.alert.field import mapping_of, mappings_of, moment_of, number_of
from opsloop.alert.model import ENDED, DeliveryKey, Earlier, Message, Section, Telling
from opsloop.alert.places import Places
from opsloop.alert.words import duration, line, listed, moment

PAGE = "backup-exercise.md"
_CAME_OF_IT = {"passed": "it achieved its objectives", "failed": "it failed"}
_NOT_MEASURED = "not all that it achieved could be measured"


def of_exercise(
    telling: Telling, key: DeliveryKey, earlier: Earlier | None, is_repeat: bool, places: Places
) -> Message:
    """Return the message that tells ``telling``, of kind ``exercise``, on the channel of ``key``."""
    data, is_over = telling.data, telling.state == ENDED
    about, summary = _about(data)
    if is_over:
        about, summary = _over(data, about)
        data = {**data, **{name: mapping_of(data.get("ended_by")).get(name) for name in ("exercise_id", "by", "note")}}
    level = "ENDED" if is_over else telling.severity.upper()
    return Message(
        delivery_id=key.id,
        thread=telling.topic,
        state=telling.state,
        severity=telling.severity,
        subject=line(f"[opsloop] {level} {about}", 160),
        status=_status(telling),
        headline=line(about, 200),
        summary=line(summary, 1_000),
        facts=tuple(_facts(data, places, is_over=is_over)),
        sections=() if is_over else tuple(_sections(data)),
        links=tuple(_links(data, places)),
        earlier=earlier,
        is_repeat=is_repeat,
    )


def _about(data: Mapping[str, Any]) -> tuple[str, str]:
    """Return what it is in a few words, which say that it is no emergency, and in sentences."""
    disaster, quarter = _name(data), str(data["quarter"])
    if data["event"] == DUE:
        last, before = line(data.get("last") or "", 20), _end_of(quarter)
        was = f"The last time was in {last}." if last else "It never was: nobody knows whether we could recover."
        what = "Finish the exercise that is under way" if data.get("running") else "Choose an hour by day for it"
        said = f"Nothing is broken. {disaster} was not exercised in {quarter} yet. {was} {what}, before {before}."
        return f"disaster exercise due before {before}: {disaster}", said
    if data["event"] == ABANDONED:
        of = f"after {data.get('settled', '?')} of {data.get('steps', '?')} steps"
        said = f"Nothing is broken. The exercise of {disaster} was given up {of}{_why(data)} It counts for nothing."
        return f"disaster exercise abandoned: {disaster}", said
    if data["result"] == "failed":
        said = f"{_what_failed(data)} In earnest it would have gone the same way."
        return f"disaster exercise failed: {disaster}", said
    said = f"{disaster} was exercised, but {_unmeasured(data)}: nobody knows whether the objectives would be met."
    return f"disaster exercise without a result: {disaster}", said


def _over(data: Mapping[str, Any], was: str) -> tuple[str, str]:
    """Return the same of its end; ``was`` is what it was, in a few words."""
    by = mapping_of(data.get("ended_by"))
    at = moment_of(by.get("ended_at"))
    came = _CAME_OF_IT.get(str(by.get("result")), _NOT_MEASURED)
    when = f" at {moment(at)}" if at else ""
    said = f"An exercise of {_name(data)} was finished{when}: {came}. What it was: {was}."
    return f"disaster exercised: {_name(data)}", said


def _what_failed(data: Mapping[str, Any]) -> str:
    missed = [text for one in mappings_of(data.get("databases")) for text in _missed(one)]
    steps = len(mappings_of(data.get("failed")))
    parts = missed + ([f"{steps} {'step' if steps == 1 else 'steps'} failed"] if steps else [])
    return f"{_name(data)} was exercised: {'; '.join(parts) or 'it failed'}."


def _missed(one: Mapping[str, Any]) -> list[str]:
    found = []
    if one.get("rto") == "missed":
        found.append(f"{_database(one)} was back after {_time(one, 'rto_s')}, the RTO is {_time(one, 'rto_target_s')}")
    if one.get("rpo") == "missed":
        lost, target = _time(one, "rpo_s"), _time(one, "rpo_target_s")
        found.append(f"{lost} of {_database(one)} would be lost, the RPO is {target}")
    return found


def _unmeasured(data: Mapping[str, Any]) -> str:
    names = {
        name: [_database(one) for one in mappings_of(data.get("databases")) if one.get(name) not in ("met", "missed")]
        for name in ("rto", "rpo")
    }
    parts = []
    if names["rto"]:
        parts.append(f"how long it took to get {', '.join(names['rto'])} back was not measured")
    if names["rpo"]:
        parts.append(f"how much of {', '.join(names['rpo'])} would be lost was not said")
    return line("; ".join(parts) or _NOT_MEASURED, 600)


def _why(data: Mapping[str, Any]) -> str:
    note = line(data.get("note") or "", 500).rstrip(".")
    return f": {note}." if note else ", without a reason given."


def _status(telling: Telling) -> str:
    at = datetime.fromtimestamp(telling.at, UTC)
    if telling.state == ENDED:
        return f"Ended at {moment(at)}"
    if telling.data["event"] == DUE:
        return f"Due since {moment(at)}"
    return f"{telling.severity.capitalize()} since {moment(at)}"


def _facts(data: Mapping[str, Any], places: Places, *, is_over: bool) -> list[tuple[str, str]]:
    named = [_database(one) if isinstance(one, Mapping) else line(one, 60) for one in data.get("databases") or ()]
    facts = [("Disaster", _name(data)), ("Quarter", str(data["quarter"]))]
    if data["event"] == DUE and not is_over:
        facts.append(("Last exercised", line(data.get("last") or "never", 20)))
    for name, text in (
        ("Databases", ", ".join(named)),
        ("Exercise", data.get("exercise_id") or data.get("running")),
        ("By", data.get("by")),
        ("Note", data.get("note")),
    ):
        if text:
            facts.append((name, line(text, 500)))
    if not places.runbooks:
        facts.append(("How", f"docs/runbooks/{PAGE}"))
    return facts


def _sections(data: Mapping[str, Any]) -> list[Section]:
    achieved = [_achieved(one) for one in mappings_of(data.get("databases"))]
    failed = [_step(one) for one in mappings_of(data.get("failed"))]
    found = [("What was achieved", achieved), ("Steps that failed", failed)]
    return [Section(heading, listed(lines)) for heading, lines in found if lines]


def _achieved(one: Mapping[str, Any]) -> str:
    took, lost = number_of(one, "rto_s"), number_of(one, "rpo_s")
    back = "when it was back was not measured" if took is None else f"back after {duration(took)}"
    data = "how much would be lost was not said" if lost is None else f"{duration(lost)} of data lost"
    rto, rpo = line(one.get("rto") or "?", 20), line(one.get("rpo") or "?", 20)
    return (
        f"{_database(one)}: {back} (RTO {_time(one, 'rto_target_s')}: {rto}),"
        f" {data} (RPO {_time(one, 'rpo_target_s')}: {rpo})"
    )


def _step(one: Mapping[str, Any]) -> str:
    note = line(one.get("note") or "", 300)
    return line(f"{one.get('n', '?')}. {one.get('do') or '?'}{f' - {note}' if note else ''}", 400)


def _links(data: Mapping[str, Any], places: Places) -> list[tuple[str, str]]:
    links = []
    path = quote(str(data.get("exercise_id") or data.get("running") or ""), safe="")
    if places.console:
        text = "Open the exercise" if path else "Open the exercises"
        links.append((text, f"{places.console}/backups{f'/exercises/{path}' if path else ''}"))
    elif places.api:
        links.append(("The exercises, as JSON (needs a key)", f"{places.api}/v1/backups/exercises"))
    if places.runbooks:
        links.append(("How a disaster is exercised", f"{places.runbooks}/{PAGE}"))
    return links


def _end_of(quarter: str) -> str:
    """Return the first day after a quarter such as 2026-Q4: 2027-01-01."""
    year, number = int(quarter[:4]), int(quarter[-1])
    return f"{year + number // 4}-{number % 4 * 3 + 1:02d}-01"


def _time(one: Mapping[str, Any], name: str) -> str:
    seconds = number_of(one, name)
    return "an unknown time" if seconds is None else duration(seconds)


def _name(data: Mapping[str, Any]) -> str:
    return line(data["disaster"], 60)


def _database(one: Mapping[str, Any]) -> str:
    return line(one.get("database") or "?", 60)

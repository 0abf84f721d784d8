"""What a message says of backups: what is wrong with which database, and what can be had back all the same."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from opsloop.alert.field import mapping_of, mappings_of, moment_of, number_of
from opsloop.alert.model import ENDED, DeliveryKey, Earlier, Message, Section, Telling
from opsloop.alert.places import Places
from opsloop.alert.words import duration, line, listed, moment, number, quantities

OBJECTIVES = "backup-objectives.md"
RECOVERY = "database-recovery.md"
_PAGES = {
    "backup.failed": "backup-failed.md",
    "backup.verification_failed": "backup-not-proven.md",
    "backup.drill_failed": "backup-drill.md",
}
_MISSED = {"rpo": "its RPO is missed", "rto": "its RTO is missed", "sources": "another tool reports faults"}
_UNKNOWN = {
    "freshness": "whether its dumps are new enough is not known",
    "proof": "whether its dumps restore is not known",
    "rpo": "how much data would be lost is not known",
    "rto": "how long a restore takes is not known",
    "size": "whether its dumps have their usual size is not known",
    "sources": "what another tool says of its backups is not known",
}
_MET = {
    "freshness": "there is a new dump again",
    "proof": "its dumps are proven again",
    "rpo": "its RPO is met again",
    "rto": "its RTO is met again",
    "size": "its dumps have their usual size again",
    "sources": "what other tools report is good again",
}
_SIZES = ("bytes", "KB", "MB", "GB", "TB")
_NO_LONGER = "It is over. What it was: "


def of_backup(telling: Telling, key: DeliveryKey, earlier: Earlier | None, is_repeat: bool, places: Places) -> Message:
    """Return the message that tells ``telling``, of kind ``backup``, on the channel of ``key``."""
    data = telling.data
    is_over = telling.state == ENDED
    about, summary = _about(data, is_over=is_over)
    database = line(data.get("database") or "", 60)
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
        facts=tuple(_facts(telling, database, places)),
        sections=tuple(_sections(data, is_over=is_over)),
        commands=(f"opsloop backup history {database}",) if database else ("opsloop backup drill",),
        links=tuple(_links(telling, database, places)),
        earlier=earlier,
        is_repeat=is_repeat,
    )


def _about(data: Mapping[str, Any], *, is_over: bool) -> tuple[str, str]:
    """Return what it is in a few words, and in a sentence."""
    event, database = str(data.get("event")), line(data.get("database") or "", 60)
    if event.startswith("backup.objective_"):
        said = line(data["sentence"], 900)
        return (_met(database, data), said) if is_over else (_missed(database, data), said)
    if event == "backup.drill_failed":
        said = "The nightly drill gave it damaged dumps: it did not reject each for the right reason."
        said += " Until it does, no verdict on any database's dumps can be trusted."
        return (
            ("the verifier of backups works again", f"{_NO_LONGER}{said}")
            if is_over
            else ("the verifier of backups is broken", said)
        )
    if event == "backup.failed":
        said = f"opsloop could not take a dump of {database}: {line(data['why'], 700)}"
        about = f"{database}: a dump could not be taken"
    else:
        about, said = _failed(database, mapping_of(data.get("verification")))
    return (f"{database}: backups are proven again", _proven_again(data, said)) if is_over else (about, said)


def _failed(database: str, verification: Mapping[str, Any]) -> tuple[str, str]:
    reason = line(verification.get("reason") or "", 60).replace("_", " ")
    is_unknown = verification.get("verdict") == "unknown"
    what = "a dump could not be proven" if is_unknown else "a dump does not restore"
    taken = moment_of(verification.get("taken_at"))
    of = f"The dump of {database} from {moment(taken)}" if taken else f"A dump of {database}"
    why = line(verification.get("detail") or reason or "no reason was given", 700)
    said = f"{of} {'could not be tried' if is_unknown else 'does not restore'}: {why}"
    return f"{database}: {what}{f': {reason}' if reason else ''}", said


def _proven_again(data: Mapping[str, Any], was: str) -> str:
    proof = mapping_of(data.get("ended_by"))
    taken, ended = moment_of(proof.get("taken_at")), moment_of(proof.get("ended_at"))
    of = f"The dump from {moment(taken)}" if taken else "A later dump"
    when = f" at {moment(ended)}" if ended else ""
    return f"{of} was restored{when} and is {line(proof.get('verdict') or 'proven', 20)}. {_NO_LONGER}{was}"


def _missed(database: str, data: Mapping[str, Any]) -> str:
    name = str(data["objective"])
    measured, target = number_of(data, "measured"), number_of(data, "target")
    if data["standing"] == "unknown":
        return f"{database}: {_UNKNOWN.get(name) or f'{line(name, 40)} is not known'}"
    if name == "rpo" and target is not None:
        if measured is not None and measured > target:
            return f"{database}: {duration(measured)} of data would be lost, the RPO is {duration(target)}"
        return f"{database}: its backups cannot meet an RPO of {duration(target)}"
    if name == "rto" and measured is not None and target is not None:
        return f"{database}: a restore takes {duration(measured)}, the RTO is {duration(target)}"
    if name == "freshness" and measured is not None:
        return f"{database}: the newest dump is {duration(measured)} old"
    if name == "proof" and measured is not None:
        return f"{database}: no dump was restored for {duration(measured)}"
    if name == "size" and measured is not None and target:
        change = measured / target - 1
        return f"{database}: the newest dump is {number(abs(100 * change))} % {'smaller' if change < 0 else 'larger'}"
    return f"{database}: {_MISSED.get(name) or f'{line(name, 40)} is missed'}"


def _met(database: str, data: Mapping[str, Any]) -> str:
    name = str(data["objective"])
    return f"{database}: {_MET.get(name) or f'{line(name, 40)} is met again'}"


def _status(telling: Telling) -> str:
    since = moment_of(telling.data.get("since"))
    if telling.state == ENDED:
        at = datetime.fromtimestamp(telling.at, UTC)
        return f"Ended at {moment(at, today=since)}"
    began = since or datetime.fromtimestamp(telling.at, UTC)
    return f"{telling.severity.capitalize()} since {moment(began)}"


def _facts(telling: Telling, database: str, places: Places) -> list[tuple[str, str]]:
    data, verification = telling.data, mapping_of(telling.data.get("verification"))
    facts = []
    if database:
        facts.append(("Database", database))
    if "recoverable" in data:
        facts.append(("Recoverable now", recoverable(data["recoverable"], telling.at)))
    measured, target = number_of(data, "measured"), number_of(data, "target")
    unit = str(data.get("unit") or "s")
    if measured is not None:
        facts.append(("Measured", _amount(measured, unit)))
    if target is not None:
        facts.append(("Objective" if unit == "s" else "Usual", _amount(target, unit)))
    for name, text in (
        ("Dump", verification.get("dump_id")),
        ("Reason", str(verification.get("reason") or "").replace("_", " ")),
        ("Verification", verification.get("verification_id")),
        ("Drill", data.get("drill_id")),
        ("Due since", data.get("slot")),
        ("Attempts", data.get("attempts")),
    ):
        if text:
            facts.append((name, line(text, 250)))
    if telling.service:
        facts.append(("Service", line(telling.service, 128)))
    if not places.runbooks:
        facts.append(("What to do", f"docs/runbooks/{_page(telling)}"))
    return facts


def recoverable(best: object, at: float) -> str:
    """Return what could be had back, in words; ``at`` is when that is said, in seconds since the epoch."""
    if best is None:
        return "nothing that is known of"
    found = mapping_of(best)
    until = moment_of(found.get("until"))
    if until is None:
        return "not known: the last audit could not be read"
    age = duration(max(0.0, at - until.timestamp()))
    by = "the newest proven dump" if found.get("is_proven") else f"what {line(found.get('by') or '?', 40)} reports"
    said = f"everything up to {moment(until)} ({age} old), by {by}"
    if not found.get("is_proven"):
        return f"{said}; no restore has proven that"
    seconds = number_of(found, "restore_s")
    took = f", whose restore took {quantities('ms', 1000 * seconds)[0]}" if seconds else ""
    return f"{said}{took}"


def _sections(data: Mapping[str, Any], *, is_over: bool) -> list[Section]:
    if is_over:
        return []
    verification = mapping_of(data.get("verification"))
    found = [
        ("What was found", [_finding(one) for one in mappings_of(verification.get("findings"))]),
        ("PostgreSQL says", [line(one, 300) for one in _texts(verification.get("messages"))]),
        ("Not rejected for the right reason", [_trial(one) for one in mappings_of(data.get("failures"))]),
        ("What would help", [line(one, 500) for one in _texts(data.get("advice"))]),
    ]
    return [Section(heading, listed(lines)) for heading, lines in found if lines]


def _finding(one: Mapping[str, Any]) -> str:
    where, reason = line(one.get("where") or "", 120), line(one.get("reason") or "", 60).replace("_", " ")
    said = f"{reason} in {where}" if where else reason
    return line(f"{said}: expected {one.get('expected') or 'nothing'}, found {one.get('found') or 'nothing'}", 300)


def _trial(one: Mapping[str, Any]) -> str:
    return line(f"{one.get('way') or '?'}: expected {one.get('expected') or '?'}, got {one.get('got') or '?'}", 300)


def _links(telling: Telling, database: str, places: Places) -> list[tuple[str, str]]:
    links = []
    path = quote(database, safe="")
    if places.console:
        page = f"{places.console}/backups/{path}" if path else f"{places.console}/backups"
        links.append((f"Open the backups of {database}" if database else "Open the backups", page))
    elif places.api:
        links.append(("The backups, as JSON (needs a key)", f"{places.api}/v1/backups{f'/{path}' if path else ''}"))
    if places.runbooks:
        links.append(("What to do", f"{places.runbooks}/{_page(telling)}"))
        if database:
            links.append((f"Recover {database}", f"{places.runbooks}/{RECOVERY}"))
    if page := places.runbook_of(telling.service) if telling.service else "":
        links.append((f"Runbook of {line(telling.service, 60)}", page))
    return links


def _page(telling: Telling) -> str:
    return _PAGES.get(str(telling.data.get("event")), OBJECTIVES)


def _amount(value: float, unit: str) -> str:
    if unit == "s":
        return duration(value) if value >= 60 else quantities("ms", 1000 * value)[0]
    step = 0
    while abs(value) >= 1000 and step < len(_SIZES) - 1:
        value, step = value / 1000, step + 1
    return f"{number(value)} {_SIZES[step]}"


def _texts(value: object) -> Sequence[str]:
    return [one for one in value if isinstance(one, str) and one] if isinstance(value, list | tuple) else []

"""What ``opsloop backup`` says to people: sizes, durations, one dump, one proof, one plan."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from opsloop_cli.output import UNKNOWN, number, printable, say, show_table

if TYPE_CHECKING:
    from datetime import datetime

    from opsloop.backup.restore_plan import Obstacle, Plan, Target

SHOWN_FINDINGS, SHOWN_MESSAGES = 20, 10
LABEL = 12
_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def size(value: float | None) -> str:
    """Return bytes for people, in powers of ten as disks are sold: ``1.3 GB``."""
    if value is None:
        return UNKNOWN
    for unit, name in _SIZES:
        if value >= unit:
            return f"{value / unit:.1f} {name}"
    return f"{value:.0f} bytes"


def span(seconds: float | None) -> str:
    """Return a duration for people, in its two largest units: ``6 h 12 min``, ``2.4 s``."""
    if seconds is None:
        return UNKNOWN
    if seconds < 60:
        return f"{seconds:.1f} s"
    for unit, name in _SPANS:
        if seconds >= unit:
            whole, rest = divmod(int(seconds), unit)
            smaller = {86_400: (3_600, "h"), 3_600: (60, "min"), 60: (1, "s")}[unit]
            below = rest // smaller[0]
            return f"{whole} {name}" + (f" {below} {smaller[1]}" if below else "")
    return f"{seconds:.0f} s"


def moment(time: "datetime") -> str:
    """Return a time for people, to the second: ``2026-11-21T08:00:00Z``."""
    from opsloop.clock import format_time

    return format_time(time.replace(microsecond=0))


def line(label: str, text: str) -> None:
    """Print one labelled line on stdout."""
    typer.echo(f"{label:<{LABEL}} {printable(text)}")


def show_verification(found: Mapping[str, Any], name: str) -> None:
    """Print the verdict, what it rests on, and what was found wrong."""
    line(found["verdict"], name)
    if found["reason"]:
        line("reason", found["reason"])
    line("detail", found["detail"])
    line("took", ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in found["phases"].items()))
    if found["compared"]:
        line("compared", counts(found["compared"]))
    if found["restored_bytes"]:
        line("restored", f"{size(found['restored_bytes'])}, peak memory {size(found['peak_memory_bytes'])}")
    show_findings(found["findings"], found["messages"])


def counts(compared: Mapping[str, int]) -> str:
    """Return what was found equal, counted: ``3 tables, 55,000 rows``."""
    return ", ".join(f"{number(count)} {what.replace('_', ' ')}" for what, count in compared.items() if count)


def show_findings(findings: Sequence[Mapping[str, Any]], messages: Sequence[str]) -> None:
    """Print what is not as it should be on stdout, and what the engine said on stderr."""
    if findings:
        columns = ["reason", "where", "expected", "found"]
        show_table(columns, [[str(one[column]) for column in columns] for one in findings[:SHOWN_FINDINGS]])
        _say_rest(len(findings), SHOWN_FINDINGS, "findings")
    for message in messages[:SHOWN_MESSAGES]:
        say(f"  {message}")
    _say_rest(len(messages), SHOWN_MESSAGES, "messages")


def event(at: Any, what: str, dump_id: str, detail: str) -> dict[str, Any]:
    """Return one thing that happened, as ``opsloop backup history`` shows it."""
    from opsloop.clock import format_time

    return {"at": at if isinstance(at, str) else format_time(at), "what": what, "dump_id": dump_id, "detail": detail}


def show_dumps(dumps: Iterable[Mapping[str, Any]]) -> None:
    """Print dumps, newest first, with what is known of each."""
    columns = ["taken", "database", "bytes", "rows", "verdict", "verified", "restored in", "dump"]
    rows = [
        [
            one["taken_at"][:19] + "Z",
            one["database"],
            size(one["bytes"]),
            number(one.get("rows")),
            _verdict(one),
            (one.get("verified_at") or "never")[:16],
            span(one.get("restore_s")),
            one["dump_id"],
        ]
        for one in dumps
    ]
    show_table(columns, rows, right=["bytes", "rows", "restored in"])


def show_history(events: Iterable[Mapping[str, Any]]) -> None:
    """Print what happened, newest first."""
    columns = ["time", "what", "dump", "detail"]
    show_table(columns, [[one["at"][:19] + "Z", one["what"], one["dump_id"], one["detail"]] for one in events])


def show_plan(plan: "Plan | None", name: str, target: "Target", obstacles: "Iterable[Obstacle]") -> None:
    """Print what a restore will do, what will be missing, and what stands in the way."""
    from opsloop.backup.restore_plan import describe

    line("restore", name)
    if plan is not None:
        for one in plan.passed_over:
            line("passed over", describe(one))
        line("lost", _loss(plan))
        line("takes", _forecast(plan))
    state = "empty" if target.exists else "will be created"
    line("into", f"{target.where}, PostgreSQL {target.server_version}, {state if not target.objects else 'not empty'}")
    for obstacle in obstacles:
        line("obstacle", obstacle.detail)
        line("", obstacle.remedy)


def _loss(plan: "Plan") -> str:
    """Return what will be missing; a dump that does not say when it was taken was taken before it was written."""
    since = moment(plan.dump.taken_at)
    if not plan.dump.has_manifest and plan.dump.taken_at == plan.dump.arrived_at:
        return f"what was written in the last {span(plan.lost_s)} at least; the file is of {since}, its dump is older"
    return f"what was written in the {span(plan.lost_s)} after {since}"


def _forecast(plan: "Plan") -> str:
    if plan.expected_s is None:
        return f"{UNKNOWN}: no restore of this database was measured yet"
    slowest = "" if plan.measured == 1 else f", {span(plan.slowest_s)} at the slowest pace"
    return f"about {span(plan.expected_s)}{slowest} (by {plan.measured} measured)"


def _verdict(one: Mapping[str, Any]) -> str:
    verdict = one.get("verdict") or "not verified"
    return f"{verdict}: {one['reason']}" if one.get("reason") else str(verdict)


def _say_rest(count: int, shown: int, what: str) -> None:
    if count > shown:
        say(f"... and {count - shown:,} more {what}; --json has them")

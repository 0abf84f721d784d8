"""``opsloop quarantine``: what could not be read is listed, shown, mended and replayed."""

from base64 import b64encode
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsloop_cli.context import JsonOption, Session, session_of
from opsloop_cli.failure import CommandError, ExitCode
from opsloop_cli.output import number, say, show_json, show_table

if TYPE_CHECKING:
    from opsloop_cli.client import Client

app = typer.Typer(help="List, show and replay what could not be read.", no_args_is_help=True)

KEYS_AT_ONCE = 100
SHOWN_REASON = 70
SHOWN_DIGITS = 12  # of 64: enough to tell objects apart; the API takes keys that are cut so
DUMPED_BYTES, BYTES_A_LINE = 512, 16
MOST_DOTS = 0.1  # of a text; more of them, and it is none
TOLD = (
    *("key", "state", "kind", "reason", "source", "arrived_at", "set_aside_at", "size_bytes", "part", "part_of"),
    *("signal", "content_type", "content_encoding", "correlation_id", "replayed_at", "replayed_items"),
)
DONE = ("replayed", "partly_replayed", "already_replayed")
WELL = ("replayed", "already_replayed")

KindOption = Annotated[str | None, typer.Option("--kind", help="One kind, such as malformed.")]
SourceOption = Annotated[str | None, typer.Option("--source", help="The function that set it aside.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="A part of the reason.")]
SinceOption = Annotated[str | None, typer.Option("--since", help="Arrived from then on: -2h, a date, ISO 8601.")]
UntilOption = Annotated[str | None, typer.Option("--until", help="Arrived before then; as --since.")]


class StateName(StrEnum):
    """Whether an object counted."""

    open = "open"
    replayed = "replayed"
    all = "all"


@app.command("list")
def list_(
    context: typer.Context,
    kind: KindOption = None,
    source: SourceOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    state: Annotated[StateName, typer.Option(help="What has not counted yet, what has, or both.")] = StateName.open,
    limit: Annotated[int, typer.Option(min=1, help="How many to show; the counts are of all.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List what was set aside, newest first, with counts by kind and source.

    Without --since: what arrived in the last 7 days.

    Examples:

        opsloop quarantine list

        opsloop quarantine list --since -2h --kind malformed --json | jq -r '.objects[].key'
    """
    session = session_of(context)
    query = {**_filters(session, kind, source, reason, since, until), "state": state.value}
    objects, counts, has_more = _pages(session.client(), query, limit)
    if as_json:
        show_json({"objects": objects, "counts": counts, "has_more": has_more})
        return
    if objects:
        columns = ["arrived", "kind", "bytes", "state", "reason", "key"]
        show_table(columns, [_row(one) for one in objects], right=["bytes"])
    least = "" if counts["is_complete"] else "at least "
    kinds = ", ".join(f"{count:,} {name}" for name, count in counts["by_kind"].items())
    say(f"{least}{counts['objects']:,} objects{': ' if kinds else ''}{kinds}")
    if has_more:
        say(f"the newest {len(objects)} are shown; --limit shows more")


@app.command("show")
def show(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="The key, as in opsloop quarantine list.")],
    body: Annotated[Path | None, typer.Option("--body", help="Write the bytes to this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show one object: why it was set aside, where it came from, and what our reader makes of it today.

    Example:

        opsloop quarantine show telemetry_ingest/2026-11-21/9f86d081884c  --body bad.bin
    """
    client = session_of(context).client()
    found = client.call("GET", "/v1/quarantine/item", scope="admin", query={"key": key})
    if body is not None:
        _write_body(client, key, body)
    if as_json:
        show_json(found)
        return
    for name in TOLD:
        if found[name] is not None:
            typer.echo(f"{name.replace('_', ' '):<16} {found[name]}")
    if found["position"]:
        position = ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in found["position"].items() if text)
        typer.echo(f"{'position':<16} {position}")
    _show_reading(found["reading"])
    _show_preview(found["preview"])


@app.command("replay")
def replay(
    context: typer.Context,
    keys: Annotated[list[str] | None, typer.Argument(help="Keys, as in opsloop quarantine list.")] = None,
    kind: KindOption = None,
    source: SourceOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    fixed: Annotated[Path | None, typer.Option("--fixed", help="The mended bytes of the one key.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would come of it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before replaying all that is selected.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Count what can be read now. An object counts once, however often it is replayed.

    Exit code 1 if something could not be counted.

    Examples:

        opsloop quarantine replay telemetry_ingest/2026-11-21/9f86d081884c --fixed mended.json

        opsloop quarantine replay --kind unsupported_format --since -1d --dry-run
    """
    session = session_of(context)
    query = _filters(session, kind, source, reason, since, until)
    if bool(keys) == bool(query):
        raise CommandError("give either keys, or what to select them by (--kind, --since, ...)", ExitCode.USAGE)
    if fixed is not None and len(keys or ()) != 1:
        raise CommandError("--fixed goes with one key", ExitCode.USAGE)
    client = session.client()
    if keys:
        documents = _documents(keys, fixed)
    else:
        if not (dry_run or yes):
            _confirm(client, query)
        documents = [query]
    results = [one for document in documents for one in _replay(client, {**document, "dry_run": dry_run})]
    if as_json:
        show_json({"results": results, "dry_run": dry_run})
    else:
        _show_results(results, is_dry_run=dry_run)
    if any(one["result"] not in WELL for one in results):
        raise typer.Exit(int(ExitCode.NO))


def _filters(
    session: Session, kind: str | None, source: str | None, reason: str | None, since: str | None, until: str | None
) -> dict[str, str]:
    from opsloop.clock import format_time
    from opsloop_cli.moment import read_moment

    texts = {"kind": kind, "source": source, "reason": reason}
    query = {name: text for name, text in texts.items() if text}
    for name, option, text in (("from", "--since", since), ("to", "--until", until)):
        if text:
            query[name] = format_time(read_moment(text, now=session.now, name=option))
    return query


def _pages(client: "Client", query: dict[str, str], limit: int) -> tuple[list[Any], dict[str, Any], bool]:
    """Return up to ``limit`` objects, the counts of all, and whether there are more."""
    objects: list[Any] = []
    counts: dict[str, Any] = {}
    cursor: dict[str, str] = {}
    while True:
        size = {"limit": str(min(limit - len(objects), 1_000))}
        page = client.call("GET", "/v1/quarantine", scope="read", query={**query, **size, **cursor})
        objects += page["objects"]
        counts = counts or page["counts"]
        if not page["next"] or len(objects) >= limit:
            return objects, counts, bool(page["next"])
        cursor = {"cursor": page["next"]}


def _documents(keys: list[str], fixed: Path | None) -> list[dict[str, Any]]:
    if fixed is None:
        return [{"keys": keys[at : at + KEYS_AT_ONCE]} for at in range(0, len(keys), KEYS_AT_ONCE)]
    try:
        data = fixed.read_bytes()
    except OSError as error:
        raise CommandError(f"--fixed: {fixed}: {error.strerror}", ExitCode.USAGE) from None
    return [{"key": keys[0], "body": b64encode(data).decode()}]


def _confirm(client: "Client", query: dict[str, str]) -> None:
    _, counts, _ = _pages(client, {**query, "state": "open"}, 1)
    least = "" if counts["is_complete"] else "at least "
    if not counts["objects"]:
        return
    typer.confirm(f"Replay {least}{counts['objects']:,} objects?", abort=True, err=True)


def _replay(client: "Client", document: dict[str, Any]) -> list[Any]:
    results: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.call("POST", "/v1/quarantine/replay", scope="operate", document={**document, **cursor})
        results += page["results"]
        if not page["next"]:
            return results
        cursor = {"cursor": page["next"]}


def _write_body(client: "Client", key: str, path: Path) -> None:
    from urllib.parse import urlencode

    from opsloop_cli.client import failure

    answer = client.send("GET", f"/v1/quarantine/body?{urlencode({'key': key})}", scope="admin")
    if answer.status != 200:
        raise failure(answer)
    try:
        path.write_bytes(answer.body)
    except OSError as error:
        raise CommandError(f"--body: {path}: {error.strerror}", ExitCode.USAGE) from None
    say(f"wrote {len(answer.body):,} bytes to {path}")


def _row(one: dict[str, Any]) -> list[str]:
    arrived = f"{one['arrived_at'][:19]}Z"
    return [arrived, one["kind"], number(one["size_bytes"]), one["state"], _cut(one["reason"]), _short(one["key"])]


def _cut(reason: str) -> str:
    return reason if len(reason) <= SHOWN_REASON else f"{reason[: SHOWN_REASON - 3]}..."


def _short(key: str) -> str:
    group, _, digits = key.rpartition("/")
    return f"{group}/{digits[:SHOWN_DIGITS]}"


def _show_reading(reading: dict[str, Any]) -> None:
    signals = ", ".join(reading["signals"]) or "no signal"
    typer.echo(f"\n{'read today':<16} {reading['outcome']}: {reading['form']}, {signals}")
    typer.echo(f"{'items':<16} {number(reading['items'])}")
    if reading["first_minute"]:
        services = ", ".join(f"{name} {number(count)}" for name, count in reading["services"].items())
        typer.echo(f"{'would count':<16} {services}; {reading['first_minute']} to {reading['last_minute']}")
    for name in ("clamped", "dropped"):
        if reading[name]:
            typer.echo(f"{name:<16} {number(reading[name])}")
    for part in reading["refused"]:
        typer.echo(f"{'refused':<16} {part['kind']}, {number(part['size_bytes'])} bytes: {part['reason']}")


def _show_preview(preview: dict[str, Any]) -> None:
    """Show the first bytes: as text if they are some, else their digits with what can be shown of them."""
    data, text = bytes.fromhex(preview["hex"]), preview["text"]
    if sum(letter in ".\ufffd" for letter in text) <= len(text) * MOST_DOTS:
        typer.echo(f"\nfirst {len(data):,} bytes\n{text}")
        return
    first = data[:DUMPED_BYTES]
    typer.echo(f"\nfirst {len(first):,} bytes")
    for at in range(0, len(first), BYTES_A_LINE):
        line = first[at : at + BYTES_A_LINE]
        letters = "".join(chr(one) if 32 <= one < 127 else "." for one in line)
        typer.echo(f"{at:06x}  {line.hex(' '):<{3 * BYTES_A_LINE}} {letters}")


def _show_results(results: list[Any], *, is_dry_run: bool) -> None:
    if results:
        columns = ["result", "items", "refused", "reason", "key"]
        rows = [_result(one) for one in results]
        show_table(columns, rows, right=["items", "refused"])
    counted = [one for one in results if one["result"] in DONE[:2]]
    items = sum(one["items"] for one in counted)
    verb = "would count" if is_dry_run else "counted"
    say(f"{len(counted):,} of {len(results):,} objects {verb}, {items:,} items")


def _result(one: dict[str, Any]) -> list[str]:
    items, refused = number(one["items"]), number(one["refused_parts"])
    return [one["result"], items, refused, _cut(one["reason"]), _short(one["key"])]

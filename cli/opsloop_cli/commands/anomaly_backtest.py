"""``opsloop anomaly backtest``: what would have been called, before a threshold is changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsloop_cli.anomaly_text import clock, cut, unknown_lines
from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.failure import CommandError, ExitCode
from opsloop_cli.output import say, show_json, show_table

if TYPE_CHECKING:
    from opsloop_cli.client import Client

PATH = "/v1/anomalies/backtest"


def backtest(
    context: typer.Context,
    start: Annotated[str, typer.Option("--from", help="Such as -7d, 2026-11-21, or ISO 8601.")],
    end: Annotated[str, typer.Option("--to", help="Not included; at most 15 days after --from.")] = "now",
    thresholds: Annotated[
        Path | None, typer.Option("--thresholds", help="YAML: an anomaly section as in the catalog.")
    ] = None,
    service: Annotated[str | None, typer.Option(help="One service; without it, all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what would have been called, with the catalog as it is and with other thresholds.

    The file has the fields of a service's anomaly section, and stands in
    its place for every service in question. Nothing is changed, nobody is
    told. Of 15 days before --from is learned what is usual.

    Examples:

        opsloop anomaly backtest --from -7d

        opsloop anomaly backtest --from -7d --service payments --thresholds proposed.yaml
    """
    session = session_of(context)
    from opsloop.clock import format_time
    from opsloop_cli.moment import read_moment

    given = (("from", "--from", start), ("to", "--to", end))
    document: dict[str, Any] = {
        name: format_time(read_moment(text, now=session.now, name=option)) for name, option, text in given
    }
    if service:
        document["service"] = service
    if thresholds is not None:
        document["thresholds"] = read_thresholds(thresholds)
    answer = _ask(session.client(), document)
    if as_json:
        show_json(answer)
        return
    _show(answer)


def read_thresholds(path: Path) -> dict[str, Any]:
    """Return the fields in the file, of an ``anomaly`` section or with that word above them.

    Raises ``CommandError`` for what is no YAML, and for fields that cannot be, which it names.
    """
    import yaml

    from opsloop.anomaly.thresholds import thresholds_of
    from opsloop.errors import InvalidInputError

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and set(content) == {"anomaly"}:
            content = content["anomaly"]
        return thresholds_of({} if content is None else content, name="anomaly")
    except OSError as error:
        raise CommandError(f"--thresholds: {path}: {error.strerror}", ExitCode.USAGE) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CommandError(f"--thresholds: {path}: {' '.join(str(error).split())}", ExitCode.USAGE) from None
    except InvalidInputError as error:
        raise CommandError(f"--thresholds: {path}: {error.message}", ExitCode.USAGE) from None


def _ask(client: "Client", document: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of the last slice."""
    more: dict[str, str] = {}
    while True:
        answer: dict[str, Any] = client.call("POST", PATH, scope="read", document={**document, **more})
        if answer["done"]:
            return answer
        say(f"learned and judged up to {clock(answer['judged_to'])}")
        more = {"continuation": answer["continuation"]}


def _show(answer: dict[str, Any]) -> None:
    now, proposed = answer["now"], answer["proposed"]
    called = list(now["anomalies"])
    if proposed is not None:
        new = set(answer["new"])
        called += [one for one in proposed["anomalies"] if one["anomaly_id"] in new]
    called.sort(key=lambda one: (one["first_minute"], one["anomaly_id"]), reverse=True)
    columns = [*(["proposed"] if proposed is not None else []), "begun", "severity", "reason"]
    if called:
        show_table(columns, [_row(one, answer) for one in called])
    days = f"{clock(answer['from'])} to {clock(answer['to'])}"
    say(f"{days}: {now['called']:,} called now{_difference(answer)}")
    for part in (now, proposed or now):
        if part["called"] > len(part["anomalies"]):
            say(f"the first {len(part['anomalies']):,} of {part['called']:,} are shown")
            break
    for line in unknown_lines(answer["unknown"], at=clock(answer["from"])):
        say(line)


def _row(one: dict[str, Any], answer: dict[str, Any]) -> list[str]:
    row = [clock(one["first_minute"]), one["severity"], cut(one["reason"])]
    if answer["proposed"] is None:
        return row
    identity = one["anomaly_id"]
    change = "gone" if identity in answer["gone"] else "new" if identity in answer["new"] else "called"
    return [change, *row]


def _difference(answer: dict[str, Any]) -> str:
    if answer["proposed"] is None:
        return ""
    called = answer["proposed"]["called"]
    return f", {called:,} as proposed: {len(answer['gone']):,} gone, {len(answer['new']):,} new"

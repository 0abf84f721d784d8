"""``opsloop alert``: whom we told, what could not be told, and telling again."""

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.failure import ExitCode
from opsloop_cli.output import say, show_json, show_table

if TYPE_CHECKING:
    from opsloop_cli.client import Client

app = typer.Typer(help="See whom opsloop told, tell again, try channels.", no_args_is_help=True)

SHOWN_TEXT = 60
PAUSE_S = 1.0
DONE = ("sent", "undeliverable", "unclear")


class StateName(StrEnum):
    """What became of a message."""

    all = "all"
    sending = "sending"
    sent = "sent"
    waiting = "waiting"
    undeliverable = "undeliverable"
    unclear = "unclear"
    superseded = "superseded"


@app.command("deliveries")
def deliveries(
    context: typer.Context,
    state: Annotated[StateName, typer.Option(help="What became of them.")] = StateName.all,
    anomaly: Annotated[str | None, typer.Option(help="The id of an anomaly, or another topic.")] = None,
    channel: Annotated[str | None, typer.Option(help="The name of a channel.")] = None,
    since: Annotated[str | None, typer.Option(help="About that day or later: -2d, a date, ISO 8601.")] = None,
    until: Annotated[str | None, typer.Option(help="About that day or earlier; as --since.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List what became of every message on every channel, newest first.

    Without --since: of the last 7 days.

    Examples:

        opsloop alert deliveries --state undeliverable

        opsloop alert deliveries --anomaly 20261121T0831-4f3a9c1e2b7d4f60
    """
    from opsloop.clock import format_time
    from opsloop_cli.moment import read_moment

    session = session_of(context)
    query = {"state": state.value}
    query |= {name: text for name, text in (("anomaly", anomaly), ("channel", channel)) if text}
    for name, option, text in (("from", "--since", since), ("to", "--until", until)):
        if text:
            query[name] = format_time(read_moment(text, now=session.now, name=option))
    found = session.client().all_pages("/v1/alerts/deliveries", "deliveries", scope="read", query=query)
    if as_json:
        show_json({"deliveries": found})
        return
    _show(found)
    say(f"{len(found):,} deliveries")


@app.command("resend")
def resend(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(help="Ids, as in opsloop alert deliveries.")],
    as_json: JsonOption = False,
) -> None:
    """Have messages sent that could not be. Asked for twice, each is sent once.

    Example:

        opsloop alert resend 2026-11-21.20261121T0831-4f3a9c1e2b7d4f60.detected.shop-slack
    """
    from urllib.parse import quote

    client = session_of(context).client()
    found = [client.call("POST", f"/v1/alerts/deliveries/{quote(one, safe='')}/resend", scope="operate") for one in ids]
    if as_json:
        show_json({"deliveries": found})
        return
    _show(found)
    say(f"{len(found):,} will be sent")


@app.command("test")
def try_channels(
    context: typer.Context,
    channel: Annotated[str | None, typer.Argument(help="The name of a channel; without it, all of them.")] = None,
    wait_s: Annotated[int, typer.Option("--wait", min=0, help="Seconds to wait for what becomes of it.")] = 60,
    as_json: JsonOption = False,
) -> None:
    """Send a test message, and say which channels took it. Exit code 1 if one did not.

    Examples:

        opsloop alert test

        opsloop alert test shop-slack
    """
    client = session_of(context).client()
    asked = client.call("POST", "/v1/alerts/test", scope="operate", document={"channel": channel or ""})
    found = _outcomes(client, asked["topic"], len(asked["channels"]), wait_s)
    if as_json:
        show_json({**asked, "deliveries": found})
    else:
        _show(found)
    missing = sorted(set(asked["channels"]) - {one["channel"] for one in found})
    if missing:
        say(f"nothing is known yet of {', '.join(missing)}")
    if missing or any(one["state"] != "sent" for one in found):
        raise typer.Exit(int(ExitCode.NO))


def _outcomes(client: "Client", topic: str, count: int, wait_s: int) -> list[Any]:
    """Return what became of a test on every channel, waiting for it up to ``wait_s`` seconds."""
    deadline = time.monotonic() + wait_s
    while True:
        found = client.all_pages("/v1/alerts/deliveries", "deliveries", scope="read", query={"anomaly": topic})
        if time.monotonic() >= deadline or (len(found) >= count and all(one["state"] in DONE for one in found)):
            return found
        time.sleep(PAUSE_S)


def _show(found: list[Any]) -> None:
    if found:
        columns = ["changed", "state", "channel", "told", "subject or reason", "id"]
        show_table(columns, [_row(one) for one in found])


def _row(one: dict[str, Any]) -> list[str]:
    text = one["reason"] or one["subject"]
    cut = text if len(text) <= SHOWN_TEXT else f"{text[: SHOWN_TEXT - 3]}..."
    return [f"{one['changed_at'][:19]}Z", one["state"], one["channel"], one["told"], cut, one["id"]]

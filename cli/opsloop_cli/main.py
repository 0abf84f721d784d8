"""The ``opsloop`` command: global options, and the boundary at which failures become sentences and exit codes."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from opsloop_cli.commands import (
    alert,
    anomaly,
    backup,
    dashboard,
    graph,
    keys,
    kpi,
    log,
    quarantine,
    search,
    send,
    services,
    status,
    telemetry,
)
from opsloop_cli.context import Session
from opsloop_cli.failure import CommandError
from opsloop_cli.output import say

CONFIG = "~/.config/opsloop/config.toml"
HELP = """Look at your services, send telemetry, prove backups, manage keys.

Which opsloop: --url and --key, or --profile from the configuration file,
or else the local cloud whose .local/stack.json is nearest, upwards from here.

Exit codes: 0 ok; 1 the answer is no, or it failed; 2 usage;
3 cannot reach it, or it asks to try later; 4 not allowed;
5 a backup of which nobody can say whether it restores.
"""


class OpsloopGroup(TyperGroup):
    """The outermost command: shows a ``CommandError`` as one sentence and exits with its code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except CommandError as error:
            say(f"opsloop: {error.message}")
            raise typer.Exit(int(error.code)) from None


app = typer.Typer(name="opsloop", cls=OpsloopGroup, help=HELP, no_args_is_help=True, pretty_exceptions_enable=False)
app.command("status")(status.status)
app.command("services")(services.services)
app.command("kpi")(kpi.kpi)
app.command("graph")(graph.graph)
app.command("send")(send.send)
app.add_typer(keys.app, name="keys")
app.add_typer(anomaly.app, name="anomaly")
app.add_typer(alert.app, name="alert")
app.add_typer(telemetry.app, name="telemetry")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(log.app, name="log")
app.add_typer(search.app, name="search")
app.add_typer(dashboard.app, name="dashboard")
app.add_typer(backup.app, name="backup")


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version  # 15 ms that only this option needs

        typer.echo(version("opsloop"))
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    url: Annotated[str | None, typer.Option(envvar="OPSLOOP_URL", help="Where the API is.")] = None,
    key: Annotated[
        str | None, typer.Option(envvar="OPSLOOP_KEY", help="The key to use; better given by the environment.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(envvar="OPSLOOP_PROFILE", help="A profile of the configuration file.")
    ] = None,
    config: Annotated[Path, typer.Option(envvar="OPSLOOP_CONFIG", help="The configuration file.")] = Path(CONFIG),
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    # no docstring: it would become the help text
    context.obj = Session(
        url=url, key=key, profile=profile, config=config.expanduser(), directory=Path.cwd(), now=datetime.now(UTC)
    )

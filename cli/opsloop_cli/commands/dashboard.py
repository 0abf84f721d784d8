"""``opsloop dashboard``: the console's panels as files, for those who stay with Grafana."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from opsloop_cli.context import JsonOption, Session, session_of
from opsloop_cli.failure import CommandError, ExitCode
from opsloop_cli.output import say, show_json, show_table

app = typer.Typer(help="Write dashboards for Grafana.", no_args_is_help=True)


class FormatName(StrEnum):
    """For whom the dashboards are."""

    grafana = "grafana"


class DatasourceName(StrEnum):
    """Grafana's plugin that asks the API."""

    infinity = "infinity"
    json = "json"


@app.command("export")
def export(
    context: typer.Context,
    form: Annotated[FormatName, typer.Option("--format", help="For whom.")] = FormatName.grafana,
    datasource: Annotated[
        DatasourceName, typer.Option(help="Infinity, or the JSON API plugin (in maintenance mode, one page per query).")
    ] = DatasourceName.infinity,
    api_url: Annotated[
        str | None, typer.Option(help="Where Grafana and its readers find opsloop; else the URL of this command.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("grafana"),
    check: Annotated[
        Path | None, typer.Option(help="Write nothing; end with 1 if the files in this folder are not what would be.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write Production health and Database health as Grafana dashboards, and the data source that they ask.

    Nothing is asked of opsloop, and no key is written: Grafana takes it from its environment.

    Examples:

        opsloop dashboard export --api-url https://opsloop.example.com --out grafana

        opsloop dashboard export --datasource json

        opsloop dashboard export --api-url https://opsloop.example.com --check grafana
    """
    url = _url(session_of(context), api_url)
    from opsloop_cli.dashboard_files import SAME, compare, files_of, write  # 0.3 s of Grafana's library
    from opsloop_cli.dashboard_queries import Source

    files = files_of(Source(datasource.value), url)
    folder = check or out
    if check:
        states = compare(files, check)
    else:
        try:
            write(files, out)
        except OSError as error:
            raise CommandError(f"{out}: {error.strerror or error}", ExitCode.USAGE) from None
        states = dict.fromkeys((file.name for file in files), "written")
    if as_json:
        show_json({"format": form.value, "api_url": url, "folder": str(folder), "files": states})
    else:
        show_table(["file", "state"], [[str(folder / name), state] for name, state in states.items()])
    if check and set(states.values()) != {SAME}:
        say(f"{check} is not what would be exported with these options: export again, or give those it was made with")
        raise typer.Exit(int(ExitCode.NO))


def _url(session: Session, given: str | None) -> str:
    from opsloop_cli.profile import find_target

    url = given or session.url
    return find_target(
        url=url, key=None, profile=session.profile, config=session.config, directory=session.directory
    ).url

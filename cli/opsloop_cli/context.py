"""What the global options say, handed to each command."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from opsloop_cli.client import Client

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]


@dataclass(frozen=True)
class Session:
    """The global options, the current directory, and the time at which the command was given."""

    url: str | None
    key: str | None
    profile: str | None
    config: Path
    directory: Path
    now: datetime

    def client(self) -> "Client":
        """Return a client of the opsloop that the options mean."""
        from opsloop_cli.client import Client  # 40 ms of http and ssl that --help does not need
        from opsloop_cli.profile import find_target

        return Client(
            find_target(url=self.url, key=self.key, profile=self.profile, config=self.config, directory=self.directory)
        )


def session_of(context: typer.Context) -> Session:
    """Return the session that the global options made."""
    session = context.obj
    if not isinstance(session, Session):
        raise TypeError("a command ran without the global options")
    return session

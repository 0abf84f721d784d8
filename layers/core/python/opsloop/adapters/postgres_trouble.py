"""What fails while a dump is restored or looked at, told apart: because of us, or because of the dump."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from opsloop.adapters.postgres_server import Server, ServerError
from opsloop.adapters.postgres_watch import LimitPassedError
from opsloop.backup.archive import DamagedError
from opsloop.backup.engine_messages import reason_of
from opsloop.backup.model import Reason
from opsloop.backup.order import OURS
from opsloop.backup.ports import NotTriedError
from opsloop.errors import OpsloopError


@contextmanager
def ours(server: Server) -> Iterator[None]:
    """Turn what fails because of us into ``NotTriedError``: a bound that was passed, a server that is not there."""
    try:
        yield
    except (NotTriedError, DamagedError):
        raise
    except LimitPassedError as error:
        raise NotTriedError(Reason.TOO_LARGE, error.message) from error
    except (psycopg.Error, OpsloopError, OSError, subprocess.SubprocessError) as error:
        with suppress(ServerError):
            try:
                server.check()
            except LimitPassedError as passed:
                raise NotTriedError(Reason.TOO_LARGE, passed.message) from error
        reason = reason_of(str(error))
        said = " ".join(str(error).split())[:500]
        raise NotTriedError(reason if reason in OURS else Reason.NOT_STARTED, said) from error

"""What adapters raise becomes one sentence for people, and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

from opsloop.errors import ForbiddenError, InvalidInputError, OpsloopError, TransientError
from opsloop_cli.failure import CommandError, ExitCode


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn what went wrong into one sentence for people and an exit code."""
    try:
        yield
    except ForbiddenError as error:
        raise CommandError(error.message, ExitCode.NOT_ALLOWED) from None
    except InvalidInputError as error:
        raise CommandError(error.message, ExitCode.USAGE) from None
    except TransientError as error:
        raise CommandError(error.message, ExitCode.UNREACHABLE) from None
    except OpsloopError as error:
        raise CommandError(error.message, ExitCode.NO) from None

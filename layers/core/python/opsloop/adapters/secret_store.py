"""Secrets by name: Secrets Manager, each read once in a while. What they hold is in no message of ours."""

from collections.abc import Callable
from time import monotonic

from opsloop.adapters.aws_client import SECRETS_MANAGER, AwsError, JsonClient
from opsloop.errors import DependencyUnavailableError, PermanentError

KEPT_S = 300.0


class Secrets:
    """The secrets whose names begin with ``prefix``."""

    def __init__(self, prefix: str, *, clock: Callable[[], float] = monotonic) -> None:
        self._prefix, self._clock = prefix, clock
        self._client = JsonClient(SECRETS_MANAGER)
        self._kept: dict[str, tuple[float, str]] = {}

    def read(self, name: str, *, is_fresh: bool = False) -> str:
        """Return what the secret holds, as it was within the last five minutes, or as it is now.

        Raises ``PermanentError`` if there is no such secret or we may not read it, else ``DependencyUnavailableError``.
        """
        kept = self._kept.get(name)
        if kept and not is_fresh and self._clock() - kept[0] < KEPT_S:
            return kept[1]
        full_name = f"{self._prefix}{name}"
        try:
            answer = self._client.call("GetSecretValue", {"SecretId": full_name})
        except AwsError as error:
            text = f"secret {full_name}: {error.code}"
            raise (DependencyUnavailableError(text) if error.is_passing else PermanentError(text)) from error
        value = answer.get("SecretString")
        if not isinstance(value, str):
            raise PermanentError(f"secret {full_name} holds no text")
        self._kept[name] = (self._clock(), value.strip())
        return value.strip()

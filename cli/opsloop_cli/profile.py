"""Where to send requests, and with which key: options, environment, profiles, or the nearest local cloud.

Keys stay where they belong: one found in a profile goes only to that profile's URL, and none travels unencrypted
except over loopback.
"""

import json
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from opsloop_cli.failure import CommandError, ExitCode

Scope = Literal["ingest", "read", "operate", "admin"]

LOCAL = "local"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
KEY_COMMAND_TIMEOUT_S = 30


@dataclass(frozen=True)
class Target:
    """An opsloop to talk to. ``find_key`` returns the key for a scope, or None where there is none."""

    url: str
    origin: str
    find_key: Callable[[Scope], str | None]

    def key(self, scope: Scope) -> str:
        """Return the key to use for ``scope``."""
        key = self.find_key(scope)
        if not key:
            raise CommandError(
                f"this needs a key with the scope {scope}, and {self.origin} has none: use --key or OPSLOOP_KEY",
                ExitCode.NOT_ALLOWED,
            )
        parts = urlsplit(self.url)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK_HOSTS:
            raise CommandError(f"a key is only sent over https or to this machine, not to {self.url}", ExitCode.USAGE)
        return key


def find_target(*, url: str | None, key: str | None, profile: str | None, config: Path, directory: Path) -> Target:
    """Return the opsloop that the options, the profile or ``directory`` mean.

    Parameters
    ----------
    url, key : str or None
        ``--url`` and ``--key`` or their environment variables; they win over every profile.
    profile : str or None
        ``--profile``. None means ``local``.
    config : Path
        The file of profiles; it need not exist for ``local``.
    directory : Path
        Where the search for ``.local/stack.json`` starts, upwards.
    """
    if url:
        return Target(_checked(url, "--url"), "--url", lambda _: key)
    name = profile or LOCAL
    profiles = _read_profiles(config)
    if name in profiles:
        found = _from_profile(name, profiles[name], config)
    elif name == LOCAL:
        found = _from_stack(directory)
    else:
        known = ", ".join(sorted({*profiles, LOCAL}))
        raise CommandError(f"{config} has no profile {name!r}; there is {known}", ExitCode.USAGE)
    return Target(found.url, found.origin, lambda _: key) if key else found


def _from_stack(directory: Path) -> Target:
    for folder in (directory, *directory.parents):
        path = folder / ".local" / "stack.json"
        if path.is_file():
            break
    else:
        raise CommandError(
            f"no .local/stack.json in {directory} or above: make run starts a local cloud; or use --url or --profile",
            ExitCode.USAGE,
        )
    try:
        stack: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        url = _checked(stack["api_url"], str(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path} cannot be used: {error!r}", ExitCode.USAGE) from None
    return Target(url, str(path), lambda scope: key_of(scope, stack))


def key_of(scope: Scope, stack: Mapping[str, Any]) -> str | None:
    """Return the key for ``scope`` of a stack file; for ``operate`` the admin key will do as well."""
    return stack.get(f"{scope}_key") or (stack.get("admin_key") if scope == "operate" else None)


def _from_profile(name: str, entry: object, config: Path) -> Target:
    if not isinstance(entry, dict) or not isinstance(entry.get("url"), str):
        raise CommandError(f'{config}: profile {name!r} needs url = "https://..."', ExitCode.USAGE)
    if unknown := sorted(set(entry) - {"url", "key", "key_command"}):
        raise CommandError(
            f"{config}: profile {name!r} has {unknown[0]!r}; it may have url, key, key_command", ExitCode.USAGE
        )
    command = entry.get("key_command")
    key = entry.get("key")
    origin = f"profile {name}"
    return Target(_checked(entry["url"], origin), origin, lambda _: _run_key_command(command, name) if command else key)


def _run_key_command(command: str, profile: str) -> str:
    try:
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, check=True, timeout=KEY_COMMAND_TIMEOUT_S
        )
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip() or f"exit code {error.returncode}"
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    else:
        return done.stdout.strip()
    raise CommandError(f"the key_command of profile {profile} failed: {reason}", ExitCode.NOT_ALLOWED)


def _read_profiles(config: Path) -> dict[str, object]:
    try:
        document = tomllib.loads(config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CommandError(f"{config}: {error}", ExitCode.USAGE) from None
    profiles = document.get("profiles", {})
    return profiles if isinstance(profiles, dict) else {}


def _checked(url: str, origin: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandError(f"{origin}: {url!r} is not a URL such as https://opsloop.example.com", ExitCode.USAGE)
    return url.rstrip("/")

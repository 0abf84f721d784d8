"""The processes of a local cloud, for tests that kill some of them."""

from pathlib import Path

from local.processes import group_members
from local.state import StateDir


def processes_of(state_dir: Path) -> dict[str, list[int]]:
    """Return the process ids by name (cloud, pump, ...) of what the supervisor has running at this moment."""
    return {name: [who["pid"]] for name, who in StateDir(state_dir).read("processes").items()}


def workers_of(state_dir: Path) -> list[int]:
    """Return the Lambda workers: what runs in the cloud's process group beside the cloud itself."""
    leaders = processes_of(state_dir).get("cloud", [])
    return [pid for leader in leaders for pid in group_members(leader) if pid != leader]

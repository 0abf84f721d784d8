"""Settings of the server that restores: quick and small, since what it holds is thrown away, and shut to strangers.

Nothing of it survives a crash, nor has to: no WAL beyond the least, nothing is flushed. Who restores is no superuser;
what only a superuser may set (``session_preload_libraries``, ``dynamic_library_path``, ``temp_file_limit``,
``log_*``) is out of its reach, and ``local_preload_libraries`` takes libraries from a folder that does not exist.
A session may lift its own ``statement_timeout``, as every dump does in its first lines: bounds that must hold are
those of ``postgres_watch``.
"""

from collections.abc import Mapping
from pathlib import Path

from opsloop.dataclass import dataclass

MEBIBYTE = 1_024 * 1_024
GIBIBYTE = 1_024 * MEBIBYTE


@dataclass(frozen=True)
class Limits:
    """What a server may use. Sizes in bytes, times in seconds.

    ``memory_bytes`` is the sum of its processes and of ours; ``disk_bytes`` its folder with everything in it;
    ``lifetime_s`` counts from its start. A server that passes one of these three is stopped. ``statement_timeout_s``,
    ``lock_timeout_s`` and ``idle_timeout_s`` (of a transaction) are defaults that a session can change.
    """

    memory_bytes: int = GIBIBYTE
    disk_bytes: int = 8 * GIBIBYTE
    lifetime_s: float = 840.0
    statement_timeout_s: float = 840.0
    lock_timeout_s: float = 60.0
    idle_timeout_s: float = 300.0
    max_connections: int = 12

    @property
    def shared_buffers_bytes(self) -> int:
        """Return the memory for pages: a tenth of the bound, between 16 and 96 MiB."""
        return max(16 * MEBIBYTE, min(96 * MEBIBYTE, self.memory_bytes // 10))

    @property
    def maintenance_bytes(self) -> int:
        """Return the memory for building one index: a tenth of the bound, between 16 and 80 MiB."""
        return max(16 * MEBIBYTE, min(80 * MEBIBYTE, self.memory_bytes // 10))


def settings_of(limits: Limits, socket_folder: Path, own: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the settings of ``postgresql.conf``; those in ``own`` win."""
    return {
        "listen_addresses": "",
        "unix_socket_directories": str(socket_folder),
        "unix_socket_permissions": "0700",
        "max_connections": str(limits.max_connections),
        "superuser_reserved_connections": "3",
        "max_locks_per_transaction": "2048",  # a restore is one transaction: some six locks for each table
        "password_encryption": "scram-sha-256",
        "scram_iterations": "1",  # more would make weak passwords harder to guess: ours are 192 random bits
        # nothing has to survive a crash
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "512MB",
        "min_wal_size": "32MB",
        "checkpoint_timeout": "30min",
        "autovacuum": "off",
        # memory
        "shared_buffers": f"{limits.shared_buffers_bytes // 1024}kB",
        "maintenance_work_mem": f"{limits.maintenance_bytes // 1024}kB",
        "work_mem": "8MB",
        "dynamic_shared_memory_type": "mmap",
        "huge_pages": "off",
        "io_method": "sync",
        # processes
        "max_worker_processes": "2",
        "max_parallel_workers": "0",
        "max_parallel_workers_per_gather": "0",
        "max_parallel_maintenance_workers": "0",
        "max_logical_replication_workers": "0",
        "jit": "off",
        # strangers
        "shared_preload_libraries": "",
        "session_preload_libraries": "",
        "local_preload_libraries": "",
        "archive_mode": "off",
        "event_triggers": "on",
        "temp_file_limit": f"{limits.disk_bytes // 1024}kB",
        "statement_timeout": f"{round(limits.statement_timeout_s * 1000)}ms",
        "lock_timeout": f"{round(limits.lock_timeout_s * 1000)}ms",
        "idle_in_transaction_session_timeout": f"{round(limits.idle_timeout_s * 1000)}ms",
        # what it says
        "lc_messages": "C",
        "timezone": "UTC",
        "log_destination": "stderr",
        "logging_collector": "off",
        "log_min_messages": "log",  # errors go to the client alone: they quote rows
        "log_line_prefix": "",
        **(own or {}),
    }


def configuration(settings: Mapping[str, str]) -> str:
    """Return the content of ``postgresql.conf``."""
    return "".join(f"{name} = '{_quoted(value)}'\n" for name, value in settings.items())


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


HOST_RULES = "# who -> database, user: all by password, over the Unix socket alone\nlocal all all scram-sha-256\n"

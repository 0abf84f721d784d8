"""Backup: taking reads databases' secrets and writes dumps; verifying reads dumps and writes verdicts."""

from tests.unit.stacks.promises import GET, PUT, QUERY, WRITE_KEY, Promises

PROMISES = Promises(
    may={
        "backup_take": {
            "Access": {GET},
            "Backup": {GET, PUT, QUERY},
            "Bus": {"events:PutEvents"},
            "Key": WRITE_KEY,
        },
    },
    routes=frozenset({"POST /v1/backups/{database}/take"}),
    started_by={"backup_take": {"rate(15 minutes)"}},
    fed_with={"backup_take": {"backup.requested"}},
)

"""Where the tests and the pictures go: every page of the console, with something to see on it."""

from tests.browser.answers_anomaly import ORIGIN_ID
from tests.browser.answers_backup import FAILED_PROOF, NEVER_TAKEN
from tests.browser.answers_exercise import RUNNING
from tests.browser.answers_log import QUARANTINED
from tests.browser.shop import TRACE

PLACES = {
    "overview": "/",
    "services": "/services",
    "service": "/services/payments",
    "logs": "/logs?service=payments",
    "line": "/logs?service=payments&line=payments-0",
    "patterns": "/logs?service=payments&view=patterns",
    "trace": f"/logs/trace/{TRACE}",
    "map": "/map",
    "anomalies": "/anomalies",
    "anomaly": f"/anomalies/{ORIGIN_ID}",
    "backups": "/backups",
    "backup": "/backups/orders",
    "backup never taken": f"/backups/{NEVER_TAKEN}",
    "verification": f"/backups/payments?proof={FAILED_PROOF}",
    "exercise": f"/backups/exercises/{RUNNING}",
    "platform": "/platform",
    "functions": "/platform?tab=functions",
    "quarantine": f"/platform?tab=quarantine&object={QUARANTINED}",
    "dead letters": "/platform?tab=queues",
    "deliveries": "/platform?tab=deliveries",
    "keys": "/platform?tab=keys",
    "configuration": "/platform?tab=configuration",
    "cost": "/platform?tab=cost",
    "senders": "/platform?tab=senders",
}

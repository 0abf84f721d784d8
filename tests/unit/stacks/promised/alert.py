"""Alert: the one that tells keeps its records, sends mail and reads webhooks' secrets; the other asks it to."""

from tests.unit.stacks.promises import GET, PUT, QUERY, WRITE_KEY, Promises

PROMISES = Promises(
    may={
        "alert_notify": {
            "Alert": {GET, PUT, QUERY},
            "Backup": {GET},
            "Bus": {"events:PutEvents"},
            "Key": WRITE_KEY,
        },
        "alert_respond": {
            "Access": {GET},
            "Alert": {GET, PUT, QUERY},
            "Bus": {"events:PutEvents"},
            "Key": WRITE_KEY,
        },
    },
    beyond={"alert_notify": {"secretsmanager:GetSecretValue"}},
    routes=frozenset(
        {"GET /v1/alerts/deliveries", "POST /v1/alerts/deliveries/{id}/resend", "POST /v1/alerts/test"},
    ),
    fed_with={
        "alert_notify": {
            "anomaly.detected",
            "anomaly.ended",
            "alert.delivery_failed",
            "alert.resend_requested",
            "alert.test_requested",
            "backup.failed",
            "backup.verified",
            "backup.verification_failed",
            "backup.objective_missed",
            "backup.objective_met",
            "backup.drill_failed",
            "backup.drill_passed",
            "backup.exercise_due",
            "backup.exercise_finished",
            "backup.exercise_abandoned",
        },
    },
)

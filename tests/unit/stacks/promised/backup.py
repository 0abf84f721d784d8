"""Backup: taking reads databases' secrets and writes dumps; verifying reads dumps and writes verdicts."""

from tests.unit.stacks.promises import GET, PUT, QUERY, READ_KEY, WRITE_KEY, Promises

READ_DUMPS = {"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:GetObjectLegalHold"}
WRITE_DUMPS = {"s3:PutObject", "s3:PutObjectRetention", "s3:PutObjectLegalHold"}

PROMISES = Promises(
    may={
        "backup_take": {
            "Access": {GET},
            "Backup": {GET, PUT, QUERY, "dynamodb:DeleteItem"},
            "Backups": {"s3:ListBucket"},
            "Backups/*": READ_DUMPS
            | WRITE_DUMPS
            | {"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObjectTagging", "s3:PutObjectVersionTagging"},
            "Bus": {"events:PutEvents"},
            "Key": WRITE_KEY,
        },
        "backup_verify": {
            "Backup": {GET, PUT, QUERY, "dynamodb:DeleteItem"},
            "Backups": {"s3:ListBucket"},
            "Backups/*": READ_DUMPS | WRITE_DUMPS,
            "Bus": {"events:PutEvents"},
            "Key": WRITE_KEY,
        },
        "backup_audit": {
            "Backup": {GET, PUT, QUERY},
            "Backups": {"s3:ListBucket"},
            "Backups/*": {"s3:GetObject"},
            "Bus": {"events:PutEvents"},
            "Key": WRITE_KEY,
        },
        "backup_query": {
            "Access": {GET},
            "Backup": {GET, QUERY},
            "Backups": {"s3:ListBucket"},
            "Backups/*": {"s3:GetObject"},
            "Bus": {"events:PutEvents"},
            "Key": READ_KEY,
        },
        "backup_prune": {
            "Access": {GET},
            "Backup": {GET, PUT, QUERY, "dynamodb:DeleteItem"},
            "Backups": {"s3:ListBucket", "s3:ListBucketVersions"},
            "Backups/*": READ_DUMPS  # and nothing that destroys a version
            | {
                *("s3:DeleteObject", "s3:PutObject", "s3:PutObjectLegalHold"),
                *("s3:GetObjectVersionTagging", "s3:PutObjectTagging"),
            },
            "Bus": {"events:PutEvents"},
            "Key": WRITE_KEY,
        },
        "backup_drill": {"Backup": {PUT}, "Bus": {"events:PutEvents"}, "Key": WRITE_KEY},
        "backup_exercise": {
            "Access": {GET},
            "Backup": {GET, PUT, QUERY, "dynamodb:DeleteItem"},
            "Backups/*": {"s3:PutObject"},
            "Bus": {"events:PutEvents"},
            "Key": WRITE_KEY,
        },
    },
    routes=frozenset(
        {
            "POST /v1/backups/{database}/take",
            "GET /v1/backups",
            "GET /v1/backups/{database}",
            "GET /v1/backups/{database}/dumps",
            "GET /v1/backups/{database}/history",
            "POST /v1/backups/{database}/verify",
            "GET /v1/backups/verifications/{id}",
            "GET /v1/backups/verifications/{id}/evidence",
            "GET /v1/backups/prune",
            "GET /v1/backups/deletions",
            "POST /v1/backups/deletions/{id}/undo",
            "POST /v1/backups/{database}/hold",
            "POST /v1/backups/{database}/release",
            "GET /v1/backups/drills",
            "GET /v1/backups/exercises",
            "POST /v1/backups/exercises",
            "GET /v1/backups/exercises/{id}",
            "POST /v1/backups/exercises/{id}/steps/{n}",
            "POST /v1/backups/exercises/{id}/finish",
        }
    ),
    started_by={
        "backup_take": {"rate(15 minutes)"},
        "backup_audit": {
            "cron(7/15 * * * ? *)",
            "backup.verified",
            "backup.verification_failed",
            "backup.failed",
        },
        "backup_prune": {"cron(20 3 * * ? *)"},
        "backup_drill": {"cron(40 2 * * ? *)"},
        "backup_exercise": {"cron(0 7 * * ? *)"},
    },
    beyond={
        "backup_take": {"secretsmanager:GetSecretValue"},
        "backup_verify": {"ecs:RunTask", "iam:PassRole"},
        "backup_audit": {
            "rds:DescribeDBInstances",
            "rds:DescribeDBSnapshots",
            "rds:DescribeDBClusters",
            "rds:DescribeDBClusterSnapshots",
        },
    },
    fed_with={
        "backup_take": {"backup.requested"},
        "backup_verify": {"Backups/dumps/*", "backup.verification_requested"},
    },
)

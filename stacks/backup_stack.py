"""Backup: could we get it all back, and how soon?"""

from typing import Any

from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.event_queue import EventQueue, ObjectQueue
from stacks.constructs.event_rule import EventRule
from stacks.constructs.grants import allow_bucket, allow_bus, allow_objects, allow_table
from stacks.constructs.larger_runner import LargerRunner, Network
from stacks.constructs.layer_versions import Layers
from stacks.constructs.ops_function import OpsFunction
from stacks.constructs.schedule import Schedule
from stacks.constructs.webhook import Webhook
from stacks.state_stack import StateStack

LONGEST_S = 900  # that Lambda lets a function run
TAKE_DELIVERIES = 60  # of one request: most of them find that another dump of the database is under way
VERIFY_DELIVERIES = 60  # of one dump: most of them find that the larger runner is at it
RECORDS = ("dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem")
READ_DUMPS = ("s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:GetObjectLegalHold")
LOCK_DUMPS = ("s3:PutObjectRetention", "s3:PutObjectLegalHold")
WRITE_DUMPS = (
    "s3:PutObject",
    *LOCK_DUMPS,
    "s3:PutObjectTagging",
    "s3:PutObjectVersionTagging",
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",  # the manifest of a dump that did not come to be
)
HIDE_DUMPS = (  # by a delete marker: whoever may not delete versions destroys nothing
    "s3:DeleteObject",
    "s3:PutObject",  # brings an old version back, with its tags
    "s3:GetObjectVersionTagging",
    "s3:PutObjectTagging",
    "s3:PutObjectLegalHold",
)
NO_RUNNER = {"RUNNER_CLUSTER": "", "RUNNER_TASK": "", "RUNNER_SUBNETS": "", "RUNNER_GROUP": ""}


class BackupStack(Stack):
    """Backup: dumps taken, proven by a real restore, kept, and measured against their objectives."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        state: StateStack,
        runner: Network | None = None,
        databases: Network | None = None,
        **kwargs: Any,
    ) -> None:
        """``runner`` says where dumps are restored that are too large for Lambda; None: such a dump stays unknown.

        ``databases`` says from where databases are reached; None: from the internet.
        """
        super().__init__(scope, id_, **kwargs)
        layers = Layers(self, "Layers", target=state.deployment.target)
        self._take(layers, state, databases)
        self._verify(layers, state, runner)
        self._audit(layers, state)
        self._query(layers, state)
        self._prune(layers, state)
        self._drill(layers, state)
        self._exercise(layers, state)

    def _take(self, layers: Layers, state: StateStack, databases: Network | None) -> None:
        prefix = f"{state.deployment.prefix}/backup/"
        take = OpsFunction(
            self,
            "Take",
            name="backup_take",
            layers=layers,
            state=state,
            environment={
                "ACCESS_TABLE": state.access.table_name,
                "BACKUP_TABLE": state.backup.table_name,
                "BACKUP_BUCKET": state.backups.bucket_name,
                "BUS_NAME": state.bus.event_bus_name,
                "SECRET_PREFIX": prefix,
            },
            memory_mb=1769,  # one whole virtual CPU
            timeout_s=LONGEST_S,
        )
        take.started_asynchronously()
        Schedule(
            self,
            "TakeSchedule",
            function=take,
            schedule=events.Schedule.rate(Duration.minutes(15)),
            description="Every 15 minutes: ask for the dumps that are due",
            silent_after=Duration.hours(1),
        )
        EventQueue(
            self,
            "ToTake",
            function=take,
            state=state,
            types=["backup.requested"],
            timeout_s=LONGEST_S,
            attempts=TAKE_DELIVERIES,
            late_after=Duration.hours(1),
            runbook="backup-late",
            batch_size=1,
        )
        Webhook(self, "TakeApi", function=take, api=state.api, routes=["POST /v1/backups/{database}/take"])
        take.alarms.backups_not_taken()
        allow_table(take, state.access, "dynamodb:GetItem")
        allow_table(take, state.backup, *RECORDS)
        allow_objects(take, state.backups, *READ_DUMPS, *WRITE_DUMPS)
        allow_bucket(take, state.backups, "s3:ListBucket")  # without it, what is not there is refused instead
        allow_bus(take, state.bus, "events:PutEvents")
        self._allow_secrets(take, prefix)
        if databases:
            take.join_network(databases.subnet_ids, databases.group_id)

    def _allow_secrets(self, take: OpsFunction, prefix: str) -> None:
        arn = f"arn:{self.partition}:secretsmanager:{self.region}:{self.account}:secret:{prefix}*"
        iam.Grant.add_to_principal(
            grantee=take.function, actions=["secretsmanager:GetSecretValue"], resource_arns=[arn]
        )
        region = "<AWS::Region>" if Token.is_unresolved(self.region) else self.region
        account = "<AWS::AccountId>" if Token.is_unresolved(self.account) else self.account
        shown = f"arn:<AWS::Partition>:secretsmanager:{region}:{account}:secret:{prefix}*"
        reason = "Secrets of databases alone, by their prefix: the catalog names them, and their ARNs end in chance."
        acknowledge(take.role, f"IAM5[Resource::{shown}]", reason)

    def _verify(self, layers: Layers, state: StateStack, network: Network | None) -> None:
        runner = self._runner(layers, state, network) if network else None
        place = runner.settings if runner else NO_RUNNER
        verify = OpsFunction(
            self,
            "Verify",
            name="backup_verify",
            layers=layers,
            state=state,
            environment={
                "BACKUP_TABLE": state.backup.table_name,
                "BACKUP_BUCKET": state.backups.bucket_name,
                "BUS_NAME": state.bus.event_bus_name,
                "RUNNER_CLUSTER": place["RUNNER_CLUSTER"],
                "RUNNER_TASK": place["RUNNER_TASK"],
                "RUNNER_SUBNETS": place["RUNNER_SUBNETS"],
                "RUNNER_GROUP": place["RUNNER_GROUP"],
            },
            memory_mb=3008,  # nearly two virtual CPUs, and room for PostgreSQL's sorts
            timeout_s=LONGEST_S,
            disk_mb=10_240,  # the most that Lambda gives: the dump and what it is restored to
        )
        ObjectQueue(
            self,
            "Dumps",
            function=verify,
            state=state,
            bucket=state.backups,
            prefix="dumps/",
            timeout_s=LONGEST_S,
            batch_size=1,
            attempts=VERIFY_DELIVERIES,
            types=["backup.verification_requested"],
            late_after=Duration.hours(2),
            runbook="backup-late",
        )
        verify.alarms.dumps_not_proven()
        for worker in (verify, runner) if runner else (verify,):
            allow_table(worker, state.backup, *RECORDS)
            allow_objects(worker, state.backups, *READ_DUMPS, "s3:PutObject", *LOCK_DUMPS)
            allow_bucket(worker, state.backups, "s3:ListBucket")
            allow_bus(worker, state.bus, "events:PutEvents")
        if runner:
            runner.allow_start(verify)

    def _runner(self, layers: Layers, state: StateStack, network: Network) -> LargerRunner:
        return LargerRunner(
            self,
            "Runner",
            name="backup_verify",
            layers=layers,
            state=state,
            environment={
                "BACKUP_TABLE": state.backup.table_name,
                "BACKUP_BUCKET": state.backups.bucket_name,
                "BUS_NAME": state.bus.event_bus_name,
                **NO_RUNNER,  # there is no larger one than this
            },
            network=network,
        )

    def _audit(self, layers: Layers, state: StateStack) -> None:
        audit = OpsFunction(
            self,
            "Audit",
            name="backup_audit",
            layers=layers,
            state=state,
            environment={
                "BACKUP_TABLE": state.backup.table_name,
                "BACKUP_BUCKET": state.backups.bucket_name,
                "BUS_NAME": state.bus.event_bus_name,
            },
            memory_mb=1769,  # one whole virtual CPU
            timeout_s=290,
        )
        audit.started_asynchronously()
        Schedule(
            self,
            "AuditSchedule",
            function=audit,
            schedule=events.Schedule.cron(minute="7/15"),
            description="Seven minutes after every quarter of an hour: measure backups against their objectives",
            silent_after=Duration.hours(1),
        )
        verdicts = ["backup.verified", "backup.verification_failed", "backup.failed"]
        EventRule(self, "AuditVerdicts", function=audit, bus=state.bus, types=verdicts)
        audit.alarms.objectives_missed()
        allow_table(audit, state.backup, "dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem")
        allow_objects(audit, state.backups, "s3:GetObject")
        allow_bucket(audit, state.backups, "s3:ListBucket")  # without it, a report that is not there is refused instead
        allow_bus(audit, state.bus, "events:PutEvents")
        self._allow_rds(audit)

    def _allow_rds(self, audit: OpsFunction) -> None:
        """Let the function read what RDS says of instances and snapshots of this account and region."""
        region = "<AWS::Region>" if Token.is_unresolved(self.region) else self.region
        account = "<AWS::AccountId>" if Token.is_unresolved(self.account) else self.account
        reason = "Instances and their snapshots, read only: the catalog names them, and it changes without the stacks."
        snapshots = ["rds:DescribeDBSnapshots", "rds:DescribeDBClusterSnapshots"]
        allowed = ((["rds:DescribeDBInstances"], "db"), (["rds:DescribeDBClusters"], "cluster"), (snapshots, "*"))
        for actions, kind in allowed:
            arn = f"arn:{self.partition}:rds:{self.region}:{self.account}:{kind}:*"
            iam.Grant.add_to_principal(grantee=audit.function, actions=actions, resource_arns=[arn])
            acknowledge(audit.role, f"IAM5[Resource::arn:<AWS::Partition>:rds:{region}:{account}:{kind}:*]", reason)

    def _query(self, layers: Layers, state: StateStack) -> None:
        query = OpsFunction(
            self,
            "Query",
            name="backup_query",
            layers=layers,
            state=state,
            environment={
                "ACCESS_TABLE": state.access.table_name,
                "BACKUP_TABLE": state.backup.table_name,
                "BACKUP_BUCKET": state.backups.bucket_name,
                "BUS_NAME": state.bus.event_bus_name,
            },
            memory_mb=1769,  # one whole virtual CPU
            timeout_s=29,
        )
        routes = [
            "GET /v1/backups",
            "GET /v1/backups/{database}",
            "GET /v1/backups/{database}/dumps",
            "GET /v1/backups/{database}/history",
            "POST /v1/backups/{database}/verify",
            "GET /v1/backups/verifications/{id}",
            "GET /v1/backups/verifications/{id}/evidence",
        ]
        Webhook(self, "QueryApi", function=query, api=state.api, routes=routes)
        allow_table(query, state.access, "dynamodb:GetItem")
        allow_table(query, state.backup, "dynamodb:GetItem", "dynamodb:Query")
        allow_objects(query, state.backups, "s3:GetObject")
        allow_bucket(query, state.backups, "s3:ListBucket")
        allow_bus(query, state.bus, "events:PutEvents")

    def _prune(self, layers: Layers, state: StateStack) -> None:
        prune = OpsFunction(
            self,
            "Prune",
            name="backup_prune",
            layers=layers,
            state=state,
            environment={
                "ACCESS_TABLE": state.access.table_name,
                "BACKUP_TABLE": state.backup.table_name,
                "BACKUP_BUCKET": state.backups.bucket_name,
                "BUS_NAME": state.bus.event_bus_name,
            },
            memory_mb=1024,
            timeout_s=300,
        )
        routes = [
            "GET /v1/backups/prune",
            "GET /v1/backups/deletions",
            "POST /v1/backups/deletions/{id}/undo",
            "POST /v1/backups/{database}/hold",
            "POST /v1/backups/{database}/release",
        ]
        Webhook(self, "PruneApi", function=prune, api=state.api, routes=routes)
        prune.started_asynchronously()
        Schedule(
            self,
            "PruneSchedule",
            function=prune,
            schedule=events.Schedule.cron(hour="3", minute="20"),
            description="Daily: list the dumps that may go, and delete them where their class says so",
        )
        prune.alarms.prunes_failed()
        allow_table(prune, state.access, "dynamodb:GetItem")
        allow_table(prune, state.backup, *RECORDS)
        allow_bucket(prune, state.backups, "s3:ListBucket", "s3:ListBucketVersions")
        allow_objects(prune, state.backups, *READ_DUMPS, *HIDE_DUMPS)
        allow_bus(prune, state.bus, "events:PutEvents")

    def _drill(self, layers: Layers, state: StateStack) -> None:
        drill = OpsFunction(
            self,
            "Drill",
            name="backup_drill",
            layers=layers,
            state=state,
            environment={"BACKUP_TABLE": state.backup.table_name, "BUS_NAME": state.bus.event_bus_name},
            memory_mb=2048,  # more than one virtual CPU, and room for two small PostgreSQLs
            timeout_s=600,
            disk_mb=1024,
        )
        drill.started_asynchronously()
        Schedule(
            self,
            "DrillSchedule",
            function=drill,
            schedule=events.Schedule.cron(hour="2", minute="40"),
            description="Nightly: damaged dumps that the verifier must reject, and sound ones that it must not",
        )
        drill.alarms.drills_failed()
        allow_table(drill, state.backup, "dynamodb:PutItem")
        allow_bus(drill, state.bus, "events:PutEvents")

    def _exercise(self, layers: Layers, state: StateStack) -> None:
        exercise = OpsFunction(
            self,
            "Exercise",
            name="backup_exercise",
            layers=layers,
            state=state,
            environment={
                "ACCESS_TABLE": state.access.table_name,
                "BACKUP_TABLE": state.backup.table_name,
                "BACKUP_BUCKET": state.backups.bucket_name,
                "BUS_NAME": state.bus.event_bus_name,
            },
            memory_mb=1024,
        )
        routes = [
            "GET /v1/backups/drills",
            "GET /v1/backups/exercises",
            "POST /v1/backups/exercises",
            "GET /v1/backups/exercises/{id}",
            "POST /v1/backups/exercises/{id}/steps/{n}",
            "POST /v1/backups/exercises/{id}/finish",
        ]
        Webhook(self, "ExerciseApi", function=exercise, api=state.api, routes=routes)
        exercise.started_asynchronously()
        Schedule(
            self,
            "ExerciseSchedule",
            function=exercise,
            schedule=events.Schedule.cron(hour="7", minute="0"),
            description="Daily: tell, once a quarter, of disasters that wait for their exercise",
        )
        exercise.alarms.exercises_unchecked()
        allow_table(exercise, state.access, "dynamodb:GetItem")
        allow_table(exercise, state.backup, *RECORDS)
        allow_objects(exercise, state.backups, "s3:PutObject")
        allow_bus(exercise, state.bus, "events:PutEvents")

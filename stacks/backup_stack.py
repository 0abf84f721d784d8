"""Backup: could we get it all back, and how soon?"""

from typing import Any

from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.event_queue import EventQueue
from stacks.constructs.grants import allow_bus, allow_objects, allow_table
from stacks.constructs.layer_versions import Layers
from stacks.constructs.ops_function import OpsFunction
from stacks.constructs.schedule import Schedule
from stacks.constructs.webhook import Webhook
from stacks.state_stack import StateStack

LONGEST_S = 900  # that Lambda lets a function run
TAKE_DELIVERIES = 30  # of one request: most of them find that another dump of the database is under way


class BackupStack(Stack):
    """Backup: dumps taken, proven by a real restore, kept, and measured against their objectives."""

    def __init__(self, scope: Construct, id_: str, *, state: StateStack, **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        layers = Layers(self, "Layers", target=state.deployment.target)
        self._take(layers, state)
        self._audit(layers, state)
        self._query(layers, state)

    def _take(self, layers: Layers, state: StateStack) -> None:
        take = OpsFunction(
            self,
            "Take",
            name="backup_take",
            layers=layers,
            state=state,
            environment={
                "ACCESS_TABLE": state.access.table_name,
                "BACKUP_TABLE": state.backup.table_name,
                "BUS_NAME": state.bus.event_bus_name,
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
        allow_table(take, state.access, "dynamodb:GetItem")
        allow_table(take, state.backup, "dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem")
        allow_bus(take, state.bus, "events:PutEvents")

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
        audit.alarms.objectives_missed()
        allow_table(audit, state.backup, "dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem")
        allow_objects(audit, state.backups, "s3:GetObject")
        allow_bus(audit, state.bus, "events:PutEvents")
        self._allow_rds(audit)

    def _allow_rds(self, audit: OpsFunction) -> None:
        """Let the function read what RDS says of instances and snapshots of this account and region."""
        region = "<AWS::Region>" if Token.is_unresolved(self.region) else self.region
        account = "<AWS::AccountId>" if Token.is_unresolved(self.account) else self.account
        reason = "Instances and their snapshots, read only: the catalog names them, and it changes without the stacks."
        for action, kind in (("rds:DescribeDBInstances", "db"), ("rds:DescribeDBSnapshots", "*")):
            arn = f"arn:{self.partition}:rds:{self.region}:{self.account}:{kind}:*"
            iam.Grant.add_to_principal(grantee=audit.function, actions=[action], resource_arns=[arn])
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
            },
            memory_mb=1769,  # one whole virtual CPU
            timeout_s=29,
        )
        routes = [
            "GET /v1/backups",
            "GET /v1/backups/{database}",
            "GET /v1/backups/{database}/dumps",
            "GET /v1/backups/{database}/history",
            "GET /v1/backups/verifications/{id}",
            "GET /v1/backups/verifications/{id}/evidence",
        ]
        Webhook(self, "QueryApi", function=query, api=state.api, routes=routes)
        allow_table(query, state.access, "dynamodb:GetItem")
        allow_table(query, state.backup, "dynamodb:GetItem", "dynamodb:Query")
        allow_objects(query, state.backups, "s3:GetObject")

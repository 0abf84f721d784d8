"""Backup: could we get it all back, and how soon?"""

from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from constructs import Construct

from stacks.constructs.event_queue import EventQueue
from stacks.constructs.grants import allow_bus, allow_table
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

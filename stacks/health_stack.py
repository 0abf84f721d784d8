"""Health: does the platform itself work?"""

from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from constructs import Construct

from stacks.constructs.grants import allow_bucket, allow_bus, allow_stream, allow_table
from stacks.constructs.layer_versions import Layers
from stacks.constructs.ops_function import OpsFunction
from stacks.constructs.schedule import Schedule
from stacks.constructs.webhook import Webhook
from stacks.state_stack import StateStack


class HealthStack(Stack):
    """Health: look at every dependency in the background, and answer at once from what was seen."""

    def __init__(self, scope: Construct, id_: str, *, state: StateStack, **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        layers = Layers(self, "Layers", target=state.deployment.target)
        self._probe(layers, state)
        self._check(layers, state)

    def _probe(self, layers: Layers, state: StateStack) -> None:
        probe = OpsFunction(
            self,
            "Probe",
            name="health_probe",
            layers=layers,
            state=state,
            environment={
                "TABLES": " ".join(f"{word}={table.table_name}" for word, table in state.tables.items()),
                "TELEMETRY_TABLE": state.telemetry.table_name,
                "ALERT_TABLE": state.alert.table_name,
                "KPI_TABLE": state.kpi.table_name,
                "HEALTH_TABLE": state.health.table_name,
                "STREAM_NAME": state.stream.stream_name,
                "SEGMENT_BUCKET": state.segments.bucket_name,
                "QUARANTINE_BUCKET": state.quarantine.bucket_name,
                "LOG_TABLE": state.log.table_name,
                "LOG_BUCKET": state.logs.bucket_name,
                "SEARCH_ENDPOINT": state.search_endpoint,
                "BUS_NAME": state.bus.event_bus_name,
            },
            timeout_s=50,
        )
        probe.started_asynchronously()
        Schedule(
            self,
            "ProbeSchedule",
            function=probe,
            schedule=events.Schedule.rate(Duration.minutes(1)),
            description="Every minute: look at every dependency",
            silent_after=Duration.minutes(10),
        )
        for table in state.tables.values():
            allow_table(probe, table, "dynamodb:DescribeTable")
        allow_table(probe, state.telemetry, "dynamodb:GetItem", "dynamodb:Query")
        allow_table(probe, state.kpi, "dynamodb:GetItem")
        allow_table(probe, state.alert, "dynamodb:Query")
        allow_table(probe, state.health, "dynamodb:GetItem", "dynamodb:PutItem")
        allow_stream(probe, state.stream, "kinesis:DescribeStreamSummary")
        allow_bucket(probe, state.segments, "s3:ListBucket")
        allow_bucket(probe, state.quarantine, "s3:ListBucket")
        allow_bucket(probe, state.logs, "s3:ListBucket")
        allow_table(probe, state.log, "dynamodb:Query")
        allow_bus(probe, state.bus, "events:DescribeEventBus")

    def _check(self, layers: Layers, state: StateStack) -> None:
        check = OpsFunction(
            self,
            "Check",
            name="health_check",
            layers=layers,
            state=state,
            environment={"HEALTH_TABLE": state.health.table_name},
        )
        Webhook(
            self,
            "CheckApi",
            function=check,
            api=state.api,
            routes=["GET /health/live", "GET /health/ready"],
            open_because="Load balancers and monitors ask without a key; the answer names no data.",
        )
        allow_table(check, state.health, "dynamodb:GetItem")

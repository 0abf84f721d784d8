"""Health: does the platform itself work?"""

from typing import Any

from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.grants import allow_bucket, allow_bus, allow_stream, allow_table
from stacks.constructs.layer_versions import Layers
from stacks.constructs.ops_function import OpsFunction
from stacks.constructs.schedule import Schedule
from stacks.constructs.webhook import Webhook
from stacks.retention import LOG_DAYS
from stacks.state_stack import (
    ACCESS_LOG_DAYS,
    IMPORT_DAYS,
    PATTERN_DAYS,
    QUARANTINE_DAYS,
    RAW_LOG_DAYS,
    SEGMENT_DAYS,
    StateStack,
)

RETENTION = {
    "telemetry segments": SEGMENT_DAYS,
    "quarantine": QUARANTINE_DAYS,
    "import": IMPORT_DAYS,
    "logs": LOG_DAYS,
    "raw logs": RAW_LOG_DAYS,
    "log patterns": PATTERN_DAYS,
    "access logs of buckets": ACCESS_LOG_DAYS,
}


class HealthStack(Stack):
    """Health: look at every dependency in the background, and answer at once from what was seen.

    Every ``metrics_every`` CloudWatch is asked what the functions did, which costs (docs/domains/health.md).
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        state: StateStack,
        metrics_every: Duration | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        layers = Layers(self, "Layers", target=state.deployment.target)
        self._probe(layers, state)
        self._check(layers, state)
        self._measure(layers, state, metrics_every or Duration.minutes(30))
        self._platform(layers, state)

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

    def _measure(self, layers: Layers, state: StateStack, metrics_every: Duration) -> None:
        buckets = {
            "segment": state.segments,
            "quarantine": state.quarantine,
            "import": state.imports,
            "log": state.logs,
        }
        measure = OpsFunction(
            self,
            "Measure",
            name="health_measure",
            layers=layers,
            state=state,
            environment={
                "DEPLOYMENT": state.deployment.prefix,
                "TABLES": " ".join(f"{word}={table.table_name}" for word, table in state.tables.items()),
                "BUCKETS": " ".join(f"{word}={bucket.bucket_name}" for word, bucket in buckets.items()),
                "STREAM_NAME": state.stream.stream_name,
                "API_ID": state.api.api_id,
                "HEALTH_TABLE": state.health.table_name,
                "METRICS_EVERY": f"{metrics_every.to_minutes():.0f}m",
            },
            timeout_s=120,
        )
        measure.started_asynchronously()
        Schedule(
            self,
            "MeasureSchedule",
            function=measure,
            schedule=events.Schedule.rate(Duration.minutes(5)),
            description="Every five minutes: what functions, queues and alarms did",
            silent_after=Duration.minutes(30),
        )
        for table in state.tables.values():
            allow_table(measure, table, "dynamodb:DescribeTable")
        allow_table(measure, state.health, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem")
        allow_stream(measure, state.stream, "kinesis:DescribeStreamSummary")
        self._allow_looking(measure, state.deployment.prefix)

    def _allow_looking(self, measure: OpsFunction, prefix: str) -> None:
        """Let the function look at what is named like ours, and ask CloudWatch, which knows no resources here."""
        region = "<AWS::Region>" if Token.is_unresolved(self.region) else self.region
        account = "<AWS::AccountId>" if Token.is_unresolved(self.account) else self.account
        for service, name, actions in (
            ("lambda", f"function:{prefix}-*", ["lambda:GetFunctionConfiguration"]),
            ("sqs", f"{prefix}-*", ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]),
        ):
            arn = f"arn:{self.partition}:{service}:{self.region}:{self.account}:{name}"
            iam.Grant.add_to_principal(grantee=measure.function, actions=actions, resource_arns=[arn])
            shown = f"arn:<AWS::Partition>:{service}:{region}:{account}:{name}"
            reason = "All that is named like this deployment, to be looked at: the other stacks make and name it."
            acknowledge(measure.role, f"IAM5[Resource::{shown}]", reason)
        actions = ["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics"]
        iam.Grant.add_to_principal(grantee=measure.function, actions=actions, resource_arns=["*"])

    def _platform(self, layers: Layers, state: StateStack) -> None:
        show = OpsFunction(
            self,
            "Platform",
            name="health_platform",
            layers=layers,
            state=state,
            environment={
                "STAGE": state.deployment.stage,
                "RETENTION": " ".join(f"{what.replace(' ', '_')}={days}" for what, days in RETENTION.items()),
                "HEALTH_TABLE": state.health.table_name,
                "ACCESS_TABLE": state.access.table_name,
            },
        )
        Webhook(self, "PlatformApi", function=show, api=state.api, routes=["GET /v1/platform"])
        allow_table(show, state.health, "dynamodb:GetItem")
        allow_table(show, state.access, "dynamodb:GetItem")

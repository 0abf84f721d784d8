"""Anomaly: is this unusual?"""

from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from constructs import Construct

from stacks.constructs.grants import allow_bus, allow_objects, allow_table
from stacks.constructs.layer_versions import Layers
from stacks.constructs.ops_function import OpsFunction
from stacks.constructs.schedule import Schedule
from stacks.constructs.webhook import Webhook
from stacks.state_stack import StateStack


class AnomalyStack(Stack):
    """Anomaly: judge every series every five minutes, tell what begins and ends, and answer questions about it."""

    def __init__(self, scope: Construct, id_: str, *, state: StateStack, **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        layers = Layers(self, "Layers", target=state.deployment.target)
        self._detect(layers, state)
        self._query(layers, state)

    def _detect(self, layers: Layers, state: StateStack) -> None:
        detect = OpsFunction(
            self,
            "Detect",
            name="anomaly_detect",
            layers=layers,
            state=state,
            environment={
                "TELEMETRY_TABLE": state.telemetry.table_name,
                "SEGMENT_BUCKET": state.segments.bucket_name,
                "LOG_TABLE": state.log.table_name,
                "LOG_BUCKET": state.logs.bucket_name,
                "ANOMALY_TABLE": state.anomaly.table_name,
                "BUS_NAME": state.bus.event_bus_name,
                "STREAM_NAME": state.stream.stream_name,
            },
            memory_mb=1769,  # one whole CPU
            timeout_s=290,  # the next run begins after 300
        )
        detect.started_asynchronously()
        Schedule(
            self,
            "DetectSchedule",
            function=detect,
            schedule=events.Schedule.cron(minute="1/5"),
            description="One minute after every five: judge them",
            silent_after=Duration.minutes(15),
        )
        detect.alarms.not_judged(detect.name)
        allow_table(detect, state.telemetry, "dynamodb:Query", "dynamodb:GetItem")
        allow_objects(detect, state.segments, "s3:GetObject", "s3:PutObject")
        allow_table(detect, state.log, "dynamodb:Query")
        allow_objects(detect, state.logs, "s3:GetObject")
        allow_table(detect, state.anomaly, "dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem")
        allow_bus(detect, state.bus, "events:PutEvents")

    def _query(self, layers: Layers, state: StateStack) -> None:
        query = OpsFunction(
            self,
            "Query",
            name="anomaly_query",
            layers=layers,
            state=state,
            environment={
                "ACCESS_TABLE": state.access.table_name,
                "ANOMALY_TABLE": state.anomaly.table_name,
                "TELEMETRY_TABLE": state.telemetry.table_name,
                "SEGMENT_BUCKET": state.segments.bucket_name,
                "LOG_TABLE": state.log.table_name,
                "LOG_BUCKET": state.logs.bucket_name,
            },
            memory_mb=1769,  # one whole CPU
            timeout_s=29,
        )
        routes = [
            "GET /v1/anomalies",
            "GET /v1/anomalies/bands",
            "GET /v1/anomalies/{id}",
            "POST /v1/anomalies/{id}/feedback",
            "GET /v1/anomalies/exclusions",
            "POST /v1/anomalies/exclusions",
            "DELETE /v1/anomalies/exclusions/{id}",
            "POST /v1/anomalies/backtest",
        ]
        Webhook(self, "QueryApi", function=query, api=state.api, routes=routes)
        allow_table(query, state.access, "dynamodb:GetItem")
        reads = ("dynamodb:GetItem", "dynamodb:Query", "dynamodb:BatchGetItem")
        allow_table(query, state.anomaly, *reads, "dynamodb:PutItem", "dynamodb:DeleteItem")
        allow_table(query, state.telemetry, "dynamodb:Query")
        allow_objects(query, state.segments, "s3:GetObject", "s3:PutObject")
        allow_table(query, state.log, "dynamodb:Query")
        allow_objects(query, state.logs, "s3:GetObject")

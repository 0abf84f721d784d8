"""KPI: how are we doing, per hour and day?"""

from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from constructs import Construct

from stacks.constructs.event_rule import EventRule
from stacks.constructs.grants import allow_bus, allow_objects, allow_table
from stacks.constructs.layer_versions import Layers
from stacks.constructs.ops_function import OpsFunction
from stacks.constructs.schedule import Schedule
from stacks.constructs.webhook import Webhook
from stacks.state_stack import StateStack


class KpiStack(Stack):
    """KPI: roll closed hours and days up, again when late data changes them, and answer questions about them."""

    def __init__(self, scope: Construct, id_: str, *, state: StateStack, **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        layers = Layers(self, "Layers", target=state.deployment.target)
        self._rollup(layers, state)
        self._query(layers, state)
        self._series(layers, state)

    def _rollup(self, layers: Layers, state: StateStack) -> None:
        rollup = OpsFunction(
            self,
            "Rollup",
            name="kpi_rollup",
            layers=layers,
            state=state,
            environment={
                "TELEMETRY_TABLE": state.telemetry.table_name,
                "SEGMENT_BUCKET": state.segments.bucket_name,
                "KPI_TABLE": state.kpi.table_name,
                "BUS_NAME": state.bus.event_bus_name,
            },
            memory_mb=1024,
            timeout_s=300,
        )
        rollup.started_asynchronously()
        Schedule(
            self,
            "HourlySchedule",
            function=rollup,
            schedule=events.Schedule.cron(minute="2"),
            description="Two minutes after each hour: roll it up",
            silent_after=Duration.hours(2),
        )
        Schedule(
            self,
            "DailySchedule",
            function=rollup,
            schedule=events.Schedule.cron(hour="0", minute="10"),
            description="Ten minutes after each UTC day: roll it up",
        )
        EventRule(self, "LateData", function=rollup, bus=state.bus, types=["telemetry.late_data_folded"])
        allow_table(rollup, state.telemetry, "dynamodb:Query", "dynamodb:GetItem")
        allow_objects(rollup, state.segments, "s3:GetObject")
        reads = ("dynamodb:Query", "dynamodb:GetItem", "dynamodb:BatchGetItem")
        allow_table(rollup, state.kpi, *reads, "dynamodb:PutItem", "dynamodb:UpdateItem")
        allow_bus(rollup, state.bus, "events:PutEvents")

    def _query(self, layers: Layers, state: StateStack) -> None:
        query = OpsFunction(
            self,
            "Query",
            name="kpi_query",
            layers=layers,
            state=state,
            environment={
                "TELEMETRY_TABLE": state.telemetry.table_name,
                "SEGMENT_BUCKET": state.segments.bucket_name,
                "KPI_TABLE": state.kpi.table_name,
                "ACCESS_TABLE": state.access.table_name,
            },
            memory_mb=1024,
            timeout_s=29,
        )
        Webhook(self, "QueryApi", function=query, api=state.api, routes=["GET /v1/services", "GET /v1/kpis"])
        _allow_reading(query, state)

    def _series(self, layers: Layers, state: StateStack) -> None:
        series = OpsFunction(
            self,
            "Series",
            name="kpi_series",
            layers=layers,
            state=state,
            environment={
                "TELEMETRY_TABLE": state.telemetry.table_name,
                "SEGMENT_BUCKET": state.segments.bucket_name,
                "KPI_TABLE": state.kpi.table_name,
                "ACCESS_TABLE": state.access.table_name,
            },
            memory_mb=1769,  # one whole virtual CPU: a day of every service is merged while somebody waits
            timeout_s=29,
        )
        Webhook(
            self,
            "SeriesApi",
            function=series,
            api=state.api,
            routes=[
                "GET /v1/kpis/series",
                "GET /v1/kpis/heatmap",
                "GET /v1/kpis/operations",
                "GET /v1/kpis/metrics",
            ],
        )
        _allow_reading(series, state)


def _allow_reading(function: OpsFunction, state: StateStack) -> None:
    """Allow ``function`` to read blocks, pages and keys."""
    allow_table(function, state.telemetry, "dynamodb:Query", "dynamodb:GetItem")
    allow_objects(function, state.segments, "s3:GetObject")
    allow_table(function, state.kpi, "dynamodb:Query", "dynamodb:GetItem", "dynamodb:BatchGetItem")
    allow_table(function, state.access, "dynamodb:GetItem")

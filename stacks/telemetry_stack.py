"""Telemetry: what did our systems emit?"""

from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from constructs import Construct

from stacks.constructs.grants import allow_bucket, allow_bus, allow_objects, allow_stream, allow_table
from stacks.constructs.layer_versions import Layers
from stacks.constructs.object_rule import ObjectRule
from stacks.constructs.ops_function import OpsFunction
from stacks.constructs.schedule import Schedule
from stacks.constructs.webhook import Webhook
from stacks.state_stack import StateStack


class TelemetryStack(Stack):
    """Telemetry: receive it over HTTP, write it from the stream to the log, fold the log into hourly blocks."""

    def __init__(
        self, scope: Construct, id_: str, *, state: StateStack, batch_size: int = 500, window_s: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        layers = Layers(self, "Layers", target=state.deployment.target)
        self._receive(layers, state)
        self._ingest(layers, state, batch_size, window_s)
        self._fold(layers, state)
        self._quarantine(layers, state)
        self._watch(layers, state)
        self._import(layers, state)
        self._describe(layers, state)
        self._graph(layers, state)

    def _receive(self, layers: Layers, state: StateStack) -> None:
        receive = OpsFunction(
            self,
            "Receive",
            name="telemetry_receive",
            layers=layers,
            state=state,
            environment={
                "STREAM_NAME": state.stream.stream_name,
                "ACCESS_TABLE": state.access.table_name,
                "TELEMETRY_TABLE": state.telemetry.table_name,
                "QUARANTINE_BUCKET": state.quarantine.bucket_name,
            },
            memory_mb=1024,
            timeout_s=29,
        )
        routes = ["POST /v1/traces", "POST /v1/metrics", "POST /v1/logs", "POST /v1/firehose", "GET /v1/senders"]
        routes += ["POST /v1/prometheus/write", "POST /api/v1/write"]  # the second is where Prometheus itself has it
        Webhook(self, "ReceiveApi", function=receive, api=state.api, routes=routes)
        allow_stream(receive, state.stream, "kinesis:PutRecords", "kinesis:DescribeStreamSummary")
        allow_table(receive, state.access, "dynamodb:GetItem")
        allow_table(receive, state.telemetry, "dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem")
        allow_objects(receive, state.quarantine, "s3:PutObject")

    def _ingest(self, layers: Layers, state: StateStack, batch_size: int, window_s: int) -> None:
        ingest = OpsFunction(
            self,
            "Ingest",
            name="telemetry_ingest",
            layers=layers,
            state=state,
            environment={
                "TELEMETRY_TABLE": state.telemetry.table_name,
                "SEGMENT_BUCKET": state.segments.bucket_name,
                "QUARANTINE_BUCKET": state.quarantine.bucket_name,
                "LOG_BUCKET": state.logs.bucket_name,
            },
            memory_mb=1769,  # one whole virtual CPU
            timeout_s=120,
        )
        ingest.consume(state.stream, batch_size=batch_size, window_s=window_s)
        actions = ("dynamodb:PutItem", "dynamodb:ConditionCheckItem", "dynamodb:Query")
        allow_table(ingest, state.telemetry, *actions)
        allow_objects(ingest, state.segments, "s3:GetObject", "s3:PutObject")
        allow_objects(ingest, state.quarantine, "s3:PutObject")
        allow_objects(ingest, state.logs, "s3:PutObject")

    def _fold(self, layers: Layers, state: StateStack) -> None:
        fold = OpsFunction(
            self,
            "Fold",
            name="telemetry_fold",
            layers=layers,
            state=state,
            environment={
                "TELEMETRY_TABLE": state.telemetry.table_name,
                "SEGMENT_BUCKET": state.segments.bucket_name,
                "BUS_NAME": state.bus.event_bus_name,
            },
            memory_mb=1769,
            timeout_s=300,
        )
        fold.started_asynchronously()
        Schedule(
            self,
            "FoldSchedule",
            function=fold,
            schedule=events.Schedule.rate(Duration.minutes(1)),
            description="Every minute: fold what was ingested into hourly blocks",
            silent_after=Duration.minutes(10),
        )
        actions = ("dynamodb:Query", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
        allow_table(fold, state.telemetry, *actions)
        allow_objects(fold, state.segments, "s3:GetObject", "s3:PutObject")
        allow_bus(fold, state.bus, "events:PutEvents")

    def _quarantine(self, layers: Layers, state: StateStack) -> None:
        quarantine = OpsFunction(
            self,
            "Quarantine",
            name="telemetry_quarantine",
            layers=layers,
            state=state,
            environment={
                "TELEMETRY_TABLE": state.telemetry.table_name,
                "SEGMENT_BUCKET": state.segments.bucket_name,
                "QUARANTINE_BUCKET": state.quarantine.bucket_name,
                "LOG_BUCKET": state.logs.bucket_name,
                "ACCESS_TABLE": state.access.table_name,
            },
            memory_mb=1769,  # it decodes as ingest does, and asks about many objects at once
            timeout_s=29,
        )
        routes = ["GET /v1/quarantine", "GET /v1/quarantine/item", "GET /v1/quarantine/body"]
        Webhook(
            self, "QuarantineApi", function=quarantine, api=state.api, routes=[*routes, "POST /v1/quarantine/replay"]
        )
        allow_table(quarantine, state.access, "dynamodb:GetItem")
        allow_table(quarantine, state.telemetry, "dynamodb:Query", "dynamodb:PutItem")
        allow_objects(quarantine, state.segments, "s3:PutObject")
        allow_bucket(quarantine, state.quarantine, "s3:ListBucket")
        allow_objects(quarantine, state.quarantine, "s3:GetObject", "s3:PutObject")
        allow_objects(quarantine, state.logs, "s3:PutObject")
        quarantine.alarms.quarantined()

    def _watch(self, layers: Layers, state: StateStack) -> None:
        watch = OpsFunction(
            self,
            "Watch",
            name="telemetry_watch",
            layers=layers,
            state=state,
            environment={
                "STREAM_NAME": state.stream.stream_name,
                "TELEMETRY_TABLE": state.telemetry.table_name,
                "SEGMENT_BUCKET": state.segments.bucket_name,
            },
            timeout_s=50,  # before the next minute's
        )
        watch.started_asynchronously()
        Schedule(
            self,
            "WatchSchedule",
            function=watch,
            schedule=events.Schedule.rate(Duration.minutes(1)),
            description="Every minute: how old is the oldest record that was not ingested?",
            silent_after=Duration.minutes(10),
        )
        reads = ("kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator")
        allow_stream(watch, state.stream, *reads, "kinesis:ListShards")
        allow_table(watch, state.telemetry, "dynamodb:Query", "dynamodb:PutItem")
        allow_objects(watch, state.segments, "s3:PutObject")
        watch.alarms.backlog(state.stream, watch.name)

    def _import(self, layers: Layers, state: StateStack) -> None:
        import_ = OpsFunction(
            self,
            "Import",
            name="telemetry_import",
            layers=layers,
            state=state,
            environment={
                "TELEMETRY_TABLE": state.telemetry.table_name,
                "SEGMENT_BUCKET": state.segments.bucket_name,
                "QUARANTINE_BUCKET": state.quarantine.bucket_name,
                "IMPORT_BUCKET": state.imports.bucket_name,
                "LOG_BUCKET": state.logs.bucket_name,
            },
            memory_mb=3008,  # an object is read whole
            timeout_s=300,
        )
        import_.started_asynchronously()
        ObjectRule(self, "Imports", function=import_, bucket=state.imports, prefix="import/")
        allow_table(import_, state.telemetry, "dynamodb:Query", "dynamodb:PutItem")
        allow_objects(import_, state.imports, "s3:GetObject", "s3:GetObjectVersion")
        allow_objects(import_, state.segments, "s3:PutObject")
        allow_objects(import_, state.quarantine, "s3:PutObject")
        allow_objects(import_, state.logs, "s3:PutObject")

    def _describe(self, layers: Layers, state: StateStack) -> None:
        describe = OpsFunction(
            self,
            "Describe",
            name="telemetry_describe",
            layers=layers,
            state=state,
            environment={
                "TELEMETRY_TABLE": state.telemetry.table_name,
                "SEGMENT_BUCKET": state.segments.bucket_name,
                "ACCESS_TABLE": state.access.table_name,
            },
            memory_mb=1024,
            timeout_s=29,
        )
        Webhook(self, "DescribeApi", function=describe, api=state.api, routes=["GET /v1/telemetry/cardinality"])
        allow_table(describe, state.access, "dynamodb:GetItem")
        allow_table(describe, state.telemetry, "dynamodb:GetItem")
        allow_objects(describe, state.segments, "s3:GetObject")

    def _graph(self, layers: Layers, state: StateStack) -> None:
        graph = OpsFunction(
            self,
            "Graph",
            name="telemetry_graph",
            layers=layers,
            state=state,
            environment={"TELEMETRY_TABLE": state.telemetry.table_name, "ACCESS_TABLE": state.access.table_name},
            memory_mb=1024,
            timeout_s=29,
        )
        Webhook(self, "GraphApi", function=graph, api=state.api, routes=["GET /v1/graph"])
        allow_table(graph, state.access, "dynamodb:GetItem")
        allow_table(graph, state.telemetry, "dynamodb:Query")

"""Log: what did they say, line by line?"""

from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from constructs import Construct

from stacks.constructs.event_queue import ObjectQueue
from stacks.constructs.grants import allow_bucket, allow_objects, allow_search, allow_table
from stacks.constructs.layer_versions import Layers
from stacks.constructs.ops_function import OpsFunction
from stacks.constructs.schedule import Schedule
from stacks.constructs.webhook import Webhook
from stacks.state_stack import StateStack


class LogStack(Stack):
    """Log: keep what was said as documents, count its patterns, and make it searchable."""

    def __init__(self, scope: Construct, id_: str, *, state: StateStack, **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        layers = Layers(self, "Layers", target=state.deployment.target)
        self._keep(layers, state)
        self._index(layers, state)
        self._rebuild(layers, state)
        self._query(layers, state)
        self._restore(layers, state)

    def _keep(self, layers: Layers, state: StateStack) -> None:
        keep = OpsFunction(
            self,
            "Keep",
            name="log_keep",
            layers=layers,
            state=state,
            environment={
                "TELEMETRY_TABLE": state.telemetry.table_name,
                "SEGMENT_BUCKET": state.segments.bucket_name,
                "LOG_TABLE": state.log.table_name,
                "LOG_BUCKET": state.logs.bucket_name,
                "QUARANTINE_BUCKET": state.quarantine.bucket_name,
            },
            memory_mb=1769,  # one whole virtual CPU
            timeout_s=300,
        )
        keep.started_asynchronously()
        ObjectQueue(self, "Raw", function=keep, state=state, bucket=state.logs, prefix="raw/", timeout_s=300)
        Schedule(
            self,
            "KeepSchedule",
            function=keep,
            schedule=events.Schedule.rate(Duration.minutes(1)),
            description="Every minute: keep the log records of what was ingested",
            silent_after=Duration.minutes(10),
        )
        allow_table(keep, state.telemetry, "dynamodb:Query")
        actions = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem")
        allow_table(keep, state.log, *actions)
        allow_objects(keep, state.logs, "s3:GetObject", "s3:PutObject", "s3:DeleteObject")
        allow_objects(keep, state.quarantine, "s3:PutObject")
        keep.alarms.logs_lost(keep.name)

    def _index(self, layers: Layers, state: StateStack) -> None:
        index = OpsFunction(
            self,
            "Index",
            name="log_index",
            layers=layers,
            state=state,
            environment={
                "LOG_TABLE": state.log.table_name,
                "LOG_BUCKET": state.logs.bucket_name,
                "SEARCH_ENDPOINT": state.search_endpoint,
            },
            memory_mb=1024,
            timeout_s=300,
        )
        index.started_asynchronously()
        ObjectQueue(self, "Documents", function=index, state=state, bucket=state.logs, prefix="logs/", timeout_s=300)
        Schedule(
            self,
            "IndexSchedule",
            function=index,
            schedule=events.Schedule.rate(Duration.minutes(1)),
            description="Every minute: make searchable what waits for it",
            silent_after=Duration.minutes(10),
        )
        actions = ("dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:BatchWriteItem")
        allow_table(index, state.log, *actions)
        allow_objects(index, state.logs, "s3:GetObject")
        allow_search(index, state, "write")
        index.alarms.search_behind(index.name)

    def _rebuild(self, layers: Layers, state: StateStack) -> None:
        rebuild = OpsFunction(
            self,
            "Rebuild",
            name="log_rebuild",
            layers=layers,
            state=state,
            environment={"ACCESS_TABLE": state.access.table_name, "LOG_TABLE": state.log.table_name},
        )
        routes = ["GET /v1/search/rebuild", "POST /v1/search/rebuild"]
        Webhook(self, "RebuildApi", function=rebuild, api=state.api, routes=routes)
        allow_table(rebuild, state.access, "dynamodb:GetItem")
        allow_table(rebuild, state.log, "dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem")

    def _query(self, layers: Layers, state: StateStack) -> None:
        query = OpsFunction(
            self,
            "Query",
            name="log_query",
            layers=layers,
            state=state,
            environment={
                "ACCESS_TABLE": state.access.table_name,
                "LOG_TABLE": state.log.table_name,
                "LOG_BUCKET": state.logs.bucket_name,
                "SEARCH_ENDPOINT": state.search_endpoint,
            },
            memory_mb=1024,
        )
        routes = ["GET /v1/logs", "GET /v1/logs/tail", "GET /v1/logs/patterns", "GET /v1/logs/trace/{trace_id}"]
        Webhook(self, "QueryApi", function=query, api=state.api, routes=[*routes, "GET /v1/search"])
        allow_table(query, state.access, "dynamodb:GetItem")
        allow_table(query, state.log, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
        allow_objects(query, state.logs, "s3:GetObject")
        allow_search(query, state, "read")

    def _restore(self, layers: Layers, state: StateStack) -> None:
        restore = OpsFunction(
            self,
            "Restore",
            name="log_restore",
            layers=layers,
            state=state,
            environment={
                "ACCESS_TABLE": state.access.table_name,
                "LOG_TABLE": state.log.table_name,
                "LOG_BUCKET": state.logs.bucket_name,
                "SEARCH_ENDPOINT": state.search_endpoint,
            },
            timeout_s=300,
        )
        routes = ["POST /v1/logs/restore", "GET /v1/logs/restores"]
        Webhook(self, "RestoreApi", function=restore, api=state.api, routes=routes)
        restore.started_asynchronously()
        Schedule(
            self,
            "RestoreSchedule",
            function=restore,
            schedule=events.Schedule.rate(Duration.minutes(15)),
            description="Every 15 minutes: bring cold logs back, and let old ones leave the search store",
            silent_after=Duration.hours(1),
        )
        actions = ("dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:BatchWriteItem")
        allow_table(restore, state.access, "dynamodb:GetItem")
        allow_table(restore, state.log, *actions)
        allow_objects(restore, state.logs, "s3:GetObject", "s3:RestoreObject")
        allow_bucket(restore, state.logs, "s3:ListBucket")
        allow_search(restore, state, "write")

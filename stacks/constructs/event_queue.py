"""Hand events to a function through a queue, which keeps each until the function is done with it."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.deployment import Shared
from stacks.constructs.object_rule import object_pattern
from stacks.constructs.ops_function import OpsFunction

VISIBILITY_TIMEOUTS = 3  # how many times as long as the function may run a message is hidden while it is worked on
OBJECTS_AT_ONCE, OBJECT_WINDOW_S, OBJECT_WORKERS, OBJECT_ATTEMPTS = 50, 3, 2, 5


class EventQueue(Construct):
    """The types of event that one function takes from a queue, some at a time, each by itself done or not.

    What is not done comes back when the function says, or after a while; what was received ``attempts`` times goes to
    the function's queue of failures. ``late_after``: an alarm tells of a message that waits for longer.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        function: OpsFunction,
        state: Shared,
        types: list[str],
        timeout_s: int,
        attempts: int,
        late_after: Duration,
        runbook: str,
        batch_size: int = 5,
    ) -> None:
        super().__init__(scope, id_)
        self.queue = _queue(self, function, state, timeout_s=timeout_s, attempts=attempts)
        self.rule = events.Rule(
            self,
            "Rule",
            event_bus=state.bus,
            description=f"{', '.join(types)} for {function.name}",
            event_pattern=events.EventPattern(detail_type=types),
            targets=[targets.SqsQueue(self.queue, dead_letter_queue=function.failures, retry_attempts=185)],
        )
        function.function.add_event_source(
            sources.SqsEventSource(self.queue, batch_size=batch_size, report_batch_item_failures=True)
        )
        function.alarms.late(self.queue, function.name, limit=late_after, runbook=runbook)


class ObjectQueue(Construct):
    """The objects under a prefix of a bucket that one function is told of, many at a time, by few workers.

    A burst of a thousand small objects would start a thousand functions side by side, each for one of them. Where each
    is much work, ``batch_size`` is 1. ``types`` of event on our bus go the same way. ``late_after``: an alarm tells of
    a message that waits for longer.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        function: OpsFunction,
        state: Shared,
        bucket: s3.Bucket,
        prefix: str,
        timeout_s: int,
        batch_size: int = OBJECTS_AT_ONCE,
        attempts: int = OBJECT_ATTEMPTS,
        types: Sequence[str] = (),
        late_after: Duration | None = None,
        runbook: str = "",
    ) -> None:
        super().__init__(scope, id_)
        self.queue = _queue(self, function, state, timeout_s=timeout_s, attempts=attempts)
        target = targets.SqsQueue(self.queue, dead_letter_queue=function.failures, retry_attempts=185)
        self.rule = events.Rule(
            self,
            "Rule",
            description=f"Objects under {prefix} for {function.name}",
            event_pattern=object_pattern(bucket, prefix),
            targets=[target],
        )
        if types:
            events.Rule(
                self,
                "OnRequest",
                event_bus=state.bus,
                description=f"{', '.join(types)} for {function.name}",
                event_pattern=events.EventPattern(detail_type=list(types)),
                targets=[target],
            )
        function.function.add_event_source(
            sources.SqsEventSource(
                self.queue,
                batch_size=batch_size,
                max_batching_window=Duration.seconds(OBJECT_WINDOW_S) if batch_size > 1 else None,
                max_concurrency=OBJECT_WORKERS,
                report_batch_item_failures=True,
            )
        )
        if late_after is not None:
            function.alarms.late(self.queue, function.name, limit=late_after, runbook=runbook)


def _queue(scope: Construct, function: OpsFunction, state: Shared, *, timeout_s: int, attempts: int) -> sqs.Queue:
    queue = sqs.Queue(
        scope,
        "Queue",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=state.deployment.requires_tls,
        retention_period=Duration.days(14),
        visibility_timeout=Duration.seconds(VISIBILITY_TIMEOUTS * timeout_s),
        dead_letter_queue=sqs.DeadLetterQueue(queue=function.failures, max_receive_count=attempts),
    )
    state.deployment.accept_plain_http(queue, "SQS4")
    return queue

"""Hand facts from the bus to a function through a queue, which keeps each until the function is done with it."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.deployment import Shared
from stacks.constructs.ops_function import OpsFunction

VISIBILITY_TIMEOUTS = 3  # how many times as long as the function may run a message is hidden while it is worked on


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
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=state.deployment.requires_tls,
            retention_period=Duration.days(14),
            visibility_timeout=Duration.seconds(VISIBILITY_TIMEOUTS * timeout_s),
            dead_letter_queue=sqs.DeadLetterQueue(queue=function.failures, max_receive_count=attempts),
        )
        state.deployment.accept_plain_http(self.queue, "SQS4")
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

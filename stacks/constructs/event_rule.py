"""Start a function with facts from the bus."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from stacks.constructs.ops_function import OpsFunction


class EventRule(Construct):
    """The types of event that start one function."""

    def __init__(
        self, scope: Construct, id_: str, *, function: OpsFunction, bus: events.IEventBus, types: list[str]
    ) -> None:
        super().__init__(scope, id_)
        self.rule = events.Rule(
            self,
            "Rule",
            event_bus=bus,
            description=f"{', '.join(types)} starts {function.name}",
            event_pattern=events.EventPattern(detail_type=types),
            targets=[targets.LambdaFunction(function.function, dead_letter_queue=function.failures, retry_attempts=2)],
        )

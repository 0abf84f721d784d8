"""Start a function by the clock. Its event carries the time for which it runs."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from stacks.constructs.ops_function import OpsFunction


class Schedule(Construct):
    """One clock that starts one function; watched for silence when ``silent_after`` is given."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        function: OpsFunction,
        schedule: events.Schedule,
        description: str,
        silent_after: Duration | None = None,
    ) -> None:
        super().__init__(scope, id_)
        target = targets.LambdaFunction(function.function, dead_letter_queue=function.failures, retry_attempts=2)
        self.rule = events.Rule(self, "Rule", schedule=schedule, description=description, targets=[target])
        if silent_after is not None:
            function.alarms.not_running(function.function, function.name, within=silent_after)

"""Start a function with every object that is put under a prefix of a bucket."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.ops_function import OpsFunction


class ObjectRule(Construct):
    """The objects that start one function. The bucket tells the account's default bus, where S3's events arrive."""

    def __init__(self, scope: Construct, id_: str, *, function: OpsFunction, bucket: s3.Bucket, prefix: str) -> None:
        super().__init__(scope, id_)
        self.rule = events.Rule(
            self,
            "Rule",
            description=f"An object under {prefix} starts {function.name}",
            event_pattern=object_pattern(bucket, prefix),
            targets=[targets.LambdaFunction(function.function, dead_letter_queue=function.failures, retry_attempts=2)],
        )


def object_pattern(bucket: s3.Bucket, prefix: str) -> events.EventPattern:
    """Return what S3's events of new objects under ``prefix`` look like."""
    return events.EventPattern(
        source=["aws.s3"],
        detail_type=["Object Created"],
        detail={"bucket": {"name": [bucket.bucket_name]}, "object": {"key": [{"prefix": prefix}]}},
    )

"""Who may do what, by named actions. The key that protects a resource is opened as far as the actions need it."""

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.ops_function import OpsFunction

READ_KEY = ("kms:Decrypt", "kms:DescribeKey")
WRITE_KEY = (*READ_KEY, "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo")
WRITES = ("Put", "Update", "Delete", "BatchWrite")


def allow_table(function: OpsFunction, table: dynamodb.Table, *actions: str) -> None:
    """Let ``function`` do ``actions`` such as ``dynamodb:GetItem`` on ``table``."""
    table.grant(function.function, *actions)
    _open_key(function, table.encryption_key, actions)


def allow_objects(function: OpsFunction, bucket: s3.Bucket, *actions: str) -> None:
    """Let ``function`` do ``actions`` such as ``s3:PutObject`` on all objects of ``bucket``."""
    objects = bucket.arn_for_objects("*")
    iam.Grant.add_to_principal(grantee=function.function, actions=list(actions), resource_arns=[objects])
    _open_key(function, bucket.encryption_key, actions)
    owner = Stack.of(bucket)
    export = owner.resolve(owner.export_value(bucket.bucket_arn))["Fn::ImportValue"]
    reason = "All objects of this one bucket, by named actions: their names are not known before."
    acknowledge(function.role, f"IAM5[Resource::{export}/*]", reason)


def allow_bucket(function: OpsFunction, bucket: s3.Bucket, *actions: str) -> None:
    """Let ``function`` do ``actions`` such as ``s3:ListBucket`` on ``bucket`` itself."""
    iam.Grant.add_to_principal(grantee=function.function, actions=list(actions), resource_arns=[bucket.bucket_arn])


def allow_stream(function: OpsFunction, stream: kinesis.Stream, *actions: str) -> None:
    """Let ``function`` do ``actions`` such as ``kinesis:PutRecords`` on ``stream``."""
    stream.grant(function.function, *actions)
    _open_key(function, stream.encryption_key, actions)


def allow_bus(function: OpsFunction, bus: events.EventBus, *actions: str) -> None:
    """Let ``function`` do ``actions`` such as ``events:PutEvents`` on ``bus``."""
    iam.Grant.add_to_principal(grantee=function.function, actions=list(actions), resource_arns=[bus.event_bus_arn])


def _open_key(function: OpsFunction, key: kms.IKey | None, actions: tuple[str, ...]) -> None:
    if key is None:
        return
    writes = any(action.partition(":")[2].startswith(WRITES) for action in actions)
    key.grant(function.function, *(WRITE_KEY if writes else READ_KEY))

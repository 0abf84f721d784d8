"""Who may do what, by named actions. The key that protects a resource is opened as far as the actions need it."""

from typing import Literal, Protocol

from aws_cdk import Stack, Token
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.ops_function import OpsFunction
from stacks.constructs.search_domain import SearchDomain

READ_KEY = ("kms:Decrypt", "kms:DescribeKey")
WRITE_KEY = (*READ_KEY, "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo")
# access to a search store -> action -> paths in the domain
_ASKED = ("{prefix}-*/_search", "{prefix}-*/_count")
_INDEXES = ("{prefix}-*", "_index_template/{prefix}-*")
SEARCH: dict[str, dict[str, tuple[str, ...]]] = {
    "read": {"es:ESHttpPost": _ASKED, "es:ESHttpGet": ("_cluster/health",)},
    "write": {
        "es:ESHttpPost": ("{prefix}-*", "_bulk"),
        "es:ESHttpPut": _INDEXES,
        "es:ESHttpGet": (*_INDEXES, "_cluster/health"),
        "es:ESHttpDelete": ("{prefix}-*",),
    },
}
WRITES = ("Put", "Update", "Delete", "BatchWrite")


def allow_table(function: "Worker", table: dynamodb.Table, *actions: str) -> None:
    """Let ``function`` do ``actions`` such as ``dynamodb:GetItem`` on ``table``."""
    table.grant(function.function, *actions)
    _open_key(function, table.encryption_key, actions)


def allow_objects(function: "Worker", bucket: s3.Bucket, *actions: str) -> None:
    """Let ``function`` do ``actions`` such as ``s3:PutObject`` on all objects of ``bucket``."""
    objects = bucket.arn_for_objects("*")
    iam.Grant.add_to_principal(grantee=function.function, actions=list(actions), resource_arns=[objects])
    _open_key(function, bucket.encryption_key, actions)
    owner = Stack.of(bucket)
    export = owner.resolve(owner.export_value(bucket.bucket_arn))["Fn::ImportValue"]
    reason = "All objects of this one bucket, by named actions: their names are not known before."
    acknowledge(function.role, f"IAM5[Resource::{export}/*]", reason)


def allow_bucket(function: "Worker", bucket: s3.Bucket, *actions: str) -> None:
    """Let ``function`` do ``actions`` such as ``s3:ListBucket`` on ``bucket`` itself."""
    iam.Grant.add_to_principal(grantee=function.function, actions=list(actions), resource_arns=[bucket.bucket_arn])


def allow_stream(function: OpsFunction, stream: kinesis.Stream, *actions: str) -> None:
    """Let ``function`` do ``actions`` such as ``kinesis:PutRecords`` on ``stream``."""
    stream.grant(function.function, *actions)
    _open_key(function, stream.encryption_key, actions)


def allow_bus(function: "Worker", bus: events.EventBus, *actions: str) -> None:
    """Let ``function`` do ``actions`` such as ``events:PutEvents`` on ``bus``."""
    iam.Grant.add_to_principal(grantee=function.function, actions=list(actions), resource_arns=[bus.event_bus_arn])


def allow_search(function: OpsFunction, state: "HasSearch", access: Literal["read", "write"]) -> None:
    """Let ``function`` ask the search store of the stage (``read``), or change what is in it as well (``write``).

    Where the store is in a VPC, the function is put beside it. Nothing happens where there is nothing to grant.
    """
    place = state.search
    if place.domain_arn:
        for action, paths in SEARCH[access].items():
            arns = [f"{place.domain_arn}/{path.format(prefix=place.prefix)}" for path in paths]
            iam.Grant.add_to_principal(grantee=function.function, actions=[action], resource_arns=arns)
        owner, domain = Stack.of(place), place.domain_arn
        if Token.is_unresolved(domain):
            domain = owner.resolve(owner.export_value(domain))["Fn::ImportValue"]
        reason = "Indexes are named by day: those of this stage alone, by named paths."
        for path in sorted({path for paths in SEARCH[access].values() for path in paths if "*" in path}):
            acknowledge(function.role, f"IAM5[Resource::{domain}/{path.format(prefix=place.prefix)}]", reason)
    if place.security_group_id:
        function.join_network(place.subnet_ids, place.security_group_id)


class Worker(Protocol):
    """Who is granted something: a function of ours, or a task that does the same."""

    @property
    def function(self) -> iam.IGrantable:
        """Return whom actions are granted to."""

    @property
    def role(self) -> iam.IRole:
        """Return the role on which findings are accepted."""


class HasSearch(Protocol):
    """What is asked of the state stack here."""

    search: SearchDomain


def _open_key(function: "Worker", key: kms.IKey | None, actions: tuple[str, ...]) -> None:
    if key is None:
        return
    writes = any(action.partition(":")[2].startswith(WRITES) for action in actions)
    key.grant(function.function, *(WRITE_KEY if writes else READ_KEY))

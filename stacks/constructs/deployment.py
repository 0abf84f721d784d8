"""What is the same for everything of one deployment, and what every capability finds in the state stack."""

from dataclasses import dataclass
from typing import Protocol

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigwv2
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import IConstruct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.layer_build import Target


@dataclass(frozen=True)
class Deployment:
    """One deployment of opsloop, as ``app.py`` decides it.

    ``requires_tls`` refuses plain HTTP by policy of every bucket, queue and topic; the local cloud speaks nothing
    else, on loopback, and would refuse every function.
    """

    stage: str
    target: Target
    removal_policy: RemovalPolicy = RemovalPolicy.RETAIN
    log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH
    requires_tls: bool = True

    @property
    def prefix(self) -> str:
        """Return what the names of this deployment begin with."""
        return f"opsloop-{self.stage}"

    def accept_plain_http(self, resource: IConstruct, rule: str) -> None:
        """Accept what cdk-nag says of a ``resource`` of a deployment without TLS."""
        if not self.requires_tls:
            acknowledge(resource, rule, "The local cloud speaks plain HTTP, on loopback alone.")


class Shared(Protocol):
    """What functions and their triggers need of the state stack; capabilities use the rest of it by name."""

    deployment: Deployment
    key: kms.Key
    alarms: sns.Topic
    api: apigwv2.HttpApi
    bus: events.EventBus

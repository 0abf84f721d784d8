"""Accept one finding of cdk-nag on one resource, for a reason that is written down."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(resource: IConstruct, rule: str, reason: str) -> None:
    """Accept the AwsSolutions ``rule``, such as ``SQS3``, on ``resource`` and nothing else."""
    Validations.of(resource).acknowledge(Acknowledgment(id=f"AwsSolutions-{rule}", reason=reason))

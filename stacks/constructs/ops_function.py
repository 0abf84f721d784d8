"""One function of ``functions/`` with what is the same for all of them."""

from collections.abc import Mapping, Sequence

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Size, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.alarms import Alarms
from stacks.constructs.deployment import Shared
from stacks.constructs.function_build import build_function
from stacks.constructs.layer_versions import Layers, architecture_of, runtime_of
from stacks.constructs.layers import layer_environment

NAMESPACE = {"POWERTOOLS_METRICS_NAMESPACE": "Opsloop"}


class OpsFunction(Construct):
    """One function with our layers, logs, tracing, a role of its own, and alarms on errors and throttles."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        layers: Layers,
        state: Shared,
        environment: Mapping[str, str] | None = None,
        memory_mb: int = 512,
        timeout_s: int = 30,
        disk_mb: int | None = None,
    ) -> None:
        super().__init__(scope, id_)
        self.name = name
        self._deployment = state.deployment
        full_name = f"{state.deployment.prefix}-{name}"
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/lambda/{full_name}",
            retention=state.deployment.log_retention,
            encryption_key=state.key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        code = build_function(name, layers.target)  # its handler.py alone, compiled
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=full_name,
            description=f"opsloop {name}",
            code=lambda_.Code.from_asset(str(code), asset_hash=code.name),
            handler="handler.lambda_handler",
            runtime=runtime_of(layers.target),
            architecture=architecture_of(layers.target),
            layers=layers.needed_by(name),
            environment={
                **NAMESPACE,
                **layer_environment(name),
                "POWERTOOLS_SERVICE_NAME": name.partition("_")[0],
                **(environment or {}),
            },
            memory_size=memory_mb,
            timeout=Duration.seconds(timeout_s),
            ephemeral_storage_size=None if disk_mb is None else Size.mebibytes(disk_mb),
            tracing=lambda_.Tracing.ACTIVE,
            # our lines are JSON already and pass unchanged; this makes JSON of the runtime's own lines too
            logging_format=lambda_.LoggingFormat.JSON,
            log_group=log_group,
            role=self.role,
        )
        self.alarms = Alarms(self, "Alarms", topic=state.alarms)
        self.alarms.errors(self.function, name)
        self.alarms.throttles(self.function, name)
        self._failures: sqs.Queue | None = None
        self._acknowledge(layers)
        CfnOutput(Stack.of(self), f"{_camel(name)}Function", value=self.function.function_name)

    @property
    def failures(self) -> sqs.Queue:
        """Return the queue for what this function gave up on, made when a trigger first needs it."""
        if self._failures is None:
            self._failures = sqs.Queue(
                self,
                "Failures",
                encryption=sqs.QueueEncryption.SQS_MANAGED,
                enforce_ssl=self._deployment.requires_tls,
                retention_period=Duration.days(14),
            )
            self._deployment.accept_plain_http(self._failures, "SQS4")
            acknowledge(self._failures, "SQS3", "This is a dead-letter queue itself; an alarm watches it.")
            self.alarms.dead_letters(self._failures, self.name)
        return self._failures

    def join_network(self, subnet_ids: Sequence[str], security_group_id: str) -> None:
        """Run this function in those subnets, with that security group; AWS's APIs must be reachable from there."""
        below = self.function.node.default_child
        assert isinstance(below, lambda_.CfnFunction)  # noqa: S101 -- the construct's own promise, for the type checker
        below.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=list(subnet_ids), security_group_ids=[security_group_id]
        )
        interfaces = ("CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface")
        actions = [f"ec2:{action}" for action in (*interfaces, "DescribeSubnets")]
        iam.Grant.add_to_principal(grantee=self.function, actions=actions, resource_arns=["*"])

    def started_asynchronously(self) -> None:
        """Keep events that fail after two retries: with their error, in the queue of failures."""
        self.function.configure_async_invoke(
            on_failure=destinations.SqsDestination(self.failures), retry_attempts=2, max_event_age=Duration.hours(6)
        )

    def consume(self, stream: kinesis.Stream, *, batch_size: int, window_s: int) -> None:
        """Start this function with batches of ``stream``, in order, one at a time per shard, for ever.

        The function sets unusable records aside itself. Bisecting, a limit of retries or of age would each drop
        data silently, and a parallelization factor above 1 breaks the order that its log depends on.
        """
        self.function.add_event_source(
            sources.KinesisEventSource(
                stream,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=batch_size,
                max_batching_window=Duration.seconds(window_s),
                parallelization_factor=1,
                bisect_batch_on_error=False,
                report_batch_item_failures=False,
                on_failure=sources.SqsDlq(self.failures),
            )
        )
        self.alarms.oldest_record(self.function, self.name)

    def _acknowledge(self, layers: Layers) -> None:
        """Accept what the checks find on resources of this function, each for its reason."""
        acknowledge(self.function, "L1", f"The layers are made for Python {layers.target.python}, see app.py.")
        acknowledge(self.role, "IAM5[Resource::*]", "AWS X-Ray, and it alone here, knows no resources.")


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))

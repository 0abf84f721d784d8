"""A function's code on a machine without Lambda's limits: a task of ECS on Fargate, started for one job at a time.

The container is a public image of Lambda's own Python; at its start it fetches the very function and layers that the
stack deploys (``layers/runner/start.py``), so that nothing is built and nothing can differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.deployment import Shared
from stacks.constructs.function_build import build_function
from stacks.constructs.layer_versions import Layers
from stacks.constructs.ops_function import NAMESPACE, OpsFunction

CONTAINER = "verify"  # opsloop.adapters.backup_runner names it, too
IMAGE = "public.ecr.aws/lambda/python"
START = Path(__file__).parents[2] / "layers" / "runner" / "start.py"
MAX_DISK_GIB = 200  # that Fargate gives
HTTPS = 443


@dataclass(frozen=True)
class Network:
    """A place in a VPC that is there already: its subnets lead to AWS's APIs. Without any, tasks run in one of ours."""

    vpc_id: str = ""
    subnet_ids: Sequence[str] = ()
    group_id: str = ""  # a security group that is there already, for functions


class LargerRunner(Construct):
    """One task definition for the function ``name``, its cluster, its place in the network, and a role of its own.

    ``role`` is that of the task: grant it what the function may do. ``environment`` holds the function's settings.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        layers: Layers,
        state: Shared,
        environment: Mapping[str, str],
        network: Network,
        cpu: int = 4096,
        memory_mb: int = 16_384,
    ) -> None:
        super().__init__(scope, id_)
        self._state, self._prefix = state, state.deployment.prefix
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        self.function = self.role  # who is granted something, as of a function
        self._start_role = iam.Role(self, "StartRole", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        self.cluster = ecs.CfnCluster(
            self,
            "Cluster",
            cluster_settings=[ecs.CfnCluster.ClusterSettingsProperty(name="containerInsights", value="enabled")],
        )
        self.has_own_network = not network.vpc_id
        vpc_id, self.subnet_ids = (network.vpc_id, list(network.subnet_ids)) if network.vpc_id else self._network()
        self.group = self._group(vpc_id)
        archives = self._assets(name, layers)
        given = {**NAMESPACE, "POWERTOOLS_SERVICE_NAME": name.partition("_")[0], "ASSETS": " ".join(archives)}
        self.task = self._task(layers, {**given, **environment}, cpu, memory_mb)

    def _assets(self, name: str, layers: Layers) -> list[str]:
        """Return ``bucket/key`` of every layer and, last, of the function's code, which the task may read."""
        code = build_function(name, layers.target)
        found = []
        for number, folder in enumerate([*layers.folders_of(name), code]):
            one = assets.Asset(self, f"Asset{number}", path=str(folder), asset_hash=folder.name)
            found.append(f"{one.s3_bucket_name}/{one.s3_object_key}")
            arn = one.bucket.arn_for_objects(one.s3_object_key)
            iam.Grant.add_to_principal(grantee=self.role, actions=["s3:GetObject"], resource_arns=[arn])
        return found

    def _network(self) -> tuple[str, list[str]]:
        """Return a VPC of ours with public subnets: without a gateway that costs, reached by nobody."""
        vpc = ec2.Vpc(
            self,
            "Network",
            max_azs=2,
            nat_gateways=0,
            restrict_default_security_group=False,  # the CDK does that by a function of its own; nothing is in it
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24, map_public_ip_on_launch=False
                )
            ],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
            },
        )
        refused = self._log_group("NetworkLogs", "verify-network")
        vpc.add_flow_log(
            "Refused",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(refused),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )
        return vpc.vpc_id, [subnet.subnet_id for subnet in vpc.public_subnets]

    def _group(self, vpc_id: str) -> ec2.CfnSecurityGroup:
        """Return a security group that lets nothing in, and nothing out but HTTPS."""
        https = ec2.CfnSecurityGroup.EgressProperty(
            ip_protocol="tcp", from_port=HTTPS, to_port=HTTPS, cidr_ip="0.0.0.0/0", description="AWS's APIs"
        )
        return ec2.CfnSecurityGroup(
            self,
            "Group",
            vpc_id=vpc_id,
            group_description=f"{self._prefix}: dumps that are restored on a larger machine",
            security_group_egress=[https],
        )

    def _log_group(self, id_: str, name: str) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            id_,
            log_group_name=f"/aws/vendedlogs/{self._prefix}-{name}",
            retention=self._state.deployment.log_retention,
            encryption_key=self._state.key,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _task(
        self, layers: Layers, environment: Mapping[str, str], cpu: int, memory_mb: int
    ) -> ecs.FargateTaskDefinition:
        arm = layers.target.architecture == "arm64"
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            family=f"{self._prefix}-verify",
            cpu=cpu,
            memory_limit_mib=memory_mb,
            ephemeral_storage_gib=MAX_DISK_GIB,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64 if arm else ecs.CpuArchitecture.X86_64,
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
            task_role=self.role,
            execution_role=self._start_role,
        )
        log_group = self._log_group("Logs", "verify-runner")
        log_group.grant_write(self._start_role)
        task.add_container(
            CONTAINER,
            image=ecs.ContainerImage.from_registry(f"{IMAGE}:{layers.target.python}"),
            entry_point=["python3", "-c", START.read_text(encoding="utf-8")],
            command=["{}"],  # each run has its own
            environment=dict(environment),
            logging=ecs.LogDriver.aws_logs(log_group=log_group, stream_prefix="verify"),
            linux_parameters=ecs.LinuxParameters(self, "Init", init_process_enabled=True),
        )
        acknowledge(task, "ECS2", "Names of tables and buckets, as every function has them; no secret is among them.")
        return task

    def allow_start(self, function: OpsFunction) -> None:
        """Let the function start this task on this cluster, and hand it these two roles."""
        function.function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["ecs:RunTask"],
                resources=[self.task.task_definition_arn],
                conditions={"ArnEquals": {"ecs:cluster": self.cluster.attr_arn}},
            )
        )
        function.function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[self.role.role_arn, self._start_role.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            )
        )

    @property
    def settings(self) -> dict[str, str]:
        """Return what the function must know to start it: the values of its ``RUNNER_`` settings."""
        return {
            "RUNNER_CLUSTER": self.cluster.attr_arn,
            "RUNNER_TASK": self.task.task_definition_arn,
            "RUNNER_SUBNETS": ",".join(self.subnet_ids),
            "RUNNER_GROUP": self.group.attr_group_id,
        }

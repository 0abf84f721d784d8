"""Where a stage searches: a domain of OpenSearch Service of its own, one that is there already, a file, or nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_opensearchservice as opensearch
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.alarms import Alarms
from stacks.constructs.deployment import Deployment

ENGINE = "OpenSearch_2.19"
LOG_TYPES = ("ES_APPLICATION_LOGS", "SEARCH_SLOW_LOGS", "INDEX_SLOW_LOGS")


@dataclass(frozen=True)
class SearchChoice:
    """What a stage decides about search; the default is to have none.

    ``endpoint`` names a store that is there already: ``https://host`` with ``domain_arn``, ``http://127.0.0.1:port`` or
    ``file:///path``. ``has_domain`` makes one of ``nodes`` machines of ``instance_type``, each with ``volume_gb`` of
    disk, in the subnets of ``vpc_id`` if one is given (as many subnets as nodes, in different zones).
    """

    endpoint: str = ""
    domain_arn: str = ""
    has_domain: bool = False
    nodes: int = 1
    instance_type: str = "t3.small.search"  # the smallest that can encrypt what it stores
    volume_gb: int = 10
    vpc_id: str = ""
    subnet_ids: Sequence[str] = ()


class SearchDomain(Construct):
    """The search store of a stage as functions see it: its endpoint, and what must be granted to reach it.

    ``endpoint`` ends in the prefix of index names, so that stages can share a domain. ``domain_arn`` is empty where
    nothing needs to be granted.
    """

    def __init__(
        self, scope: Construct, id_: str, *, choice: SearchChoice, deployment: Deployment, key: kms.IKey
    ) -> None:
        super().__init__(scope, id_)
        self._deployment, self._choice = deployment, choice
        self.prefix = deployment.prefix
        self.domain_arn, self.endpoint = choice.domain_arn, choice.endpoint
        self.subnet_ids: Sequence[str] = choice.subnet_ids
        self.security_group_id = self._name = ""
        if choice.has_domain:
            domain = self._domain(key)
            self.domain_arn, self.endpoint = domain.attr_arn, f"https://{domain.attr_domain_endpoint}"
            self._name = domain.ref
        if self.endpoint.startswith("http"):
            self.endpoint = f"{self.endpoint.rstrip('/')}/{self.prefix}"

    def _domain(self, key: kms.IKey) -> opensearch.CfnDomain:
        choice, stack = self._choice, Stack.of(self)
        in_zones = choice.nodes > 1
        log_group = self._log_group(key)
        options = opensearch.CfnDomain
        domain = opensearch.CfnDomain(
            self,
            "Domain",
            engine_version=ENGINE,
            cluster_config=options.ClusterConfigProperty(
                instance_type=choice.instance_type,
                instance_count=choice.nodes,
                zone_awareness_enabled=in_zones,
                zone_awareness_config=options.ZoneAwarenessConfigProperty(availability_zone_count=2)
                if in_zones
                else None,
            ),
            ebs_options=options.EBSOptionsProperty(ebs_enabled=True, volume_type="gp3", volume_size=choice.volume_gb),
            encryption_at_rest_options=options.EncryptionAtRestOptionsProperty(enabled=True, kms_key_id=key.key_id),
            node_to_node_encryption_options=options.NodeToNodeEncryptionOptionsProperty(enabled=True),
            domain_endpoint_options=options.DomainEndpointOptionsProperty(
                enforce_https=True, tls_security_policy="Policy-Min-TLS-1-2-PFS-2023-10"
            ),
            vpc_options=self._vpc_options() if choice.vpc_id else None,
            log_publishing_options={
                kind: options.LogPublishingOptionProperty(
                    cloud_watch_logs_log_group_arn=log_group.log_group_arn, enabled=True
                )
                for kind in LOG_TYPES
            },
            off_peak_window_options=options.OffPeakWindowOptionsProperty(enabled=True),
            software_update_options=options.SoftwareUpdateOptionsProperty(auto_software_update_enabled=True),
            access_policies=self._roles_of_this_stage(stack),
        )
        # what it holds is made anew from S3 and DynamoDB, by `opsloop search rebuild`
        domain.apply_removal_policy(self._deployment.removal_policy)
        domain.node.add_dependency(self._log_policy(log_group, stack))
        self._acknowledge(domain)
        return domain

    def _roles_of_this_stage(self, stack: Stack) -> iam.PolicyDocument:
        """Return who may reach the domain at all: roles of this account with our names; their policies say for what."""
        names = f"arn:{stack.partition}:iam::{stack.account}:role/{self.prefix}-*"
        return iam.PolicyDocument(
            statements=[
                iam.PolicyStatement(
                    principals=[iam.AccountRootPrincipal()],
                    actions=["es:ESHttp*"],
                    resources=["*"],  # of the domain that carries this policy
                    conditions={"ArnLike": {"aws:PrincipalArn": names}},
                )
            ]
        )

    def _vpc_options(self) -> opensearch.CfnDomain.VPCOptionsProperty:
        """Return the domain's place in the VPC, in a security group that talks to itself alone, by HTTPS."""
        group = ec2.CfnSecurityGroup(
            self,
            "Members",
            vpc_id=self._choice.vpc_id,
            group_description=f"{self.prefix}: the search domain and the functions that ask it",
        )
        self.security_group_id = group.attr_group_id
        ec2.CfnSecurityGroupIngress(
            self,
            "Https",
            group_id=group.attr_group_id,
            source_security_group_id=group.attr_group_id,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            description="members ask each other by HTTPS",
        )
        return opensearch.CfnDomain.VPCOptionsProperty(
            subnet_ids=list(self.subnet_ids), security_group_ids=[group.attr_group_id]
        )

    def _log_group(self, key: kms.IKey) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/vendedlogs/{self.prefix}-search",
            retention=self._deployment.log_retention,
            encryption_key=key,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _log_policy(self, log_group: logs.LogGroup, stack: Stack) -> logs.CfnResourcePolicy:
        statement = iam.PolicyStatement(
            principals=[iam.ServicePrincipal("es.amazonaws.com")],
            actions=["logs:PutLogEvents", "logs:CreateLogStream"],
            resources=[log_group.log_group_arn],
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        )
        document = stack.to_json_string(iam.PolicyDocument(statements=[statement]))
        return logs.CfnResourcePolicy(self, "LogPolicy", policy_name=f"{self.prefix}-search", policy_document=document)

    def _acknowledge(self, domain: opensearch.CfnDomain) -> None:
        """Accept what the checks find on a small domain, each for its reason."""
        if not self._choice.vpc_id:
            acknowledge(domain, "OS1", "A stage may name a VPC; without one, signed requests of our roles alone pass.")
        acknowledge(domain, "OS3", "Who may ask is decided by role and signature, not by address.")
        acknowledge(domain, "OS4", "What it holds is made anew from S3: dedicated masters would cost more than it.")
        if self._choice.nodes == 1:
            acknowledge(domain, "OS7", "One node is enough where an hour without search is acceptable.")

    def watch(self, alarms: Alarms) -> None:
        """Add alarms on a domain of our own that refuses documents or is about to."""
        if self._choice.has_domain:
            alarms.search_domain(self._name, Stack.of(self).account)

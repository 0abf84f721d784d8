"""What must never be replaced: tables, stream, buckets, bus, key, and the API that every sender is pointed at."""

import json
from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigwv2
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.alarms import Alarms
from stacks.constructs.deployment import Deployment
from stacks.constructs.search_domain import SearchChoice, SearchDomain
from stacks.retention import FROZEN_LOG_DAYS, HOT_LOG_DAYS, LOG_DAYS

SEGMENT_DAYS = 40  # longer than the 35 days that blocks, which name these objects, are kept
QUARANTINE_DAYS = 90
IMPORT_DAYS = 30
ACCESS_LOG_DAYS = 90
RAW_LOG_DAYS = 3  # of what log_keep has not read by then, an alarm has told before
PATTERN_DAYS = 60  # longer than the 35 days that the table's items, which name these objects, are kept
LOG_LIFECYCLE = (  # state/ is named by items that do not expire: no rule may touch it
    s3.LifecycleRule(prefix="raw/", expiration=Duration.days(RAW_LOG_DAYS)),
    s3.LifecycleRule(prefix="hours/", expiration=Duration.days(PATTERN_DAYS)),
    s3.LifecycleRule(
        prefix="logs/",
        transitions=[
            s3.Transition(storage_class=s3.StorageClass.GLACIER, transition_after=Duration.days(HOT_LOG_DAYS)),
            s3.Transition(storage_class=s3.StorageClass.DEEP_ARCHIVE, transition_after=Duration.days(FROZEN_LOG_DAYS)),
        ],
        expiration=Duration.days(LOG_DAYS),
    ),
    s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(7)),
)
BACKUP_LIFECYCLE = (  # how long dumps are kept is backup_prune's; what it deletes can be brought back for a while
    s3.LifecycleRule(
        noncurrent_version_expiration=Duration.days(30),
        expired_object_delete_marker=True,
        abort_incomplete_multipart_upload_after=Duration.days(1),
    ),
)
ACCESS_LOG = {
    "time": "$context.requestTime",
    "request_id": "$context.requestId",
    "source_ip": "$context.identity.sourceIp",
    "route": "$context.routeKey",
    "status": "$context.status",
    "response_bytes": "$context.responseLength",
    "latency_ms": "$context.responseLatency",
    "integration_latency_ms": "$context.integrationLatency",
    "integration_error": "$context.integrationErrorMessage",
}


class StateStack(Stack):
    """State: one table per capability, the stream, the buckets, the bus, the API, and the key that protects them."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployment: Deployment,
        shards: int,
        stream_retention_h: int = 48,
        is_protected: bool = True,
        requests_per_s: int = 1000,
        search: SearchChoice | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        self.deployment = deployment
        self._is_protected = is_protected
        self.key = self._key()
        self.tables: dict[str, dynamodb.Table] = {}  # every table, by capability
        self.telemetry = self._table("Telemetry", sorted_by="sk", expires=True)
        self.kpi = self._table("Kpi", sorted_by="sk", expires=True)
        self.access = self._table("Access", key="key_id", expires_by="purge_after")  # a key stays listed
        self.health = self._table("Health")
        self.log = self._table("Log", sorted_by="sk", expires=True)
        self.anomaly = self._table("Anomaly", sorted_by="sk", expires=True)
        self.alert = self._table("Alert", sorted_by="sk", expires=True)
        self.backup = self._table("Backup", sorted_by="sk", expires=True)  # dumps, proofs and deletions stay
        self.access_logs = self._access_log_bucket()
        self.segments = self._bucket("Segments", expires_after_days=SEGMENT_DAYS)
        self.quarantine = self._bucket("Quarantine", expires_after_days=QUARANTINE_DAYS, is_versioned=True)
        self.imports = self._bucket("Import", expires_after_days=IMPORT_DAYS, is_versioned=True, tells=True)
        self.logs = self._bucket("Logs", tells=True, lifecycle=LOG_LIFECYCLE)
        self.backups = self._bucket("Backups", is_versioned=True, tells=True, lifecycle=BACKUP_LIFECYCLE, has_lock=True)
        self.stream = self._stream(shards, stream_retention_h)
        self.bus = events.EventBus(self, "Bus", event_bus_name=deployment.prefix)
        self.bus.apply_removal_policy(deployment.removal_policy)
        self.alarms = self._alarm_topic()
        self.search = SearchDomain(self, "Search", choice=search or SearchChoice(), deployment=deployment, key=self.key)
        self.search_endpoint = self.search.endpoint  # for SEARCH_ENDPOINT; empty where the stage has no search store
        self.api = apigwv2.HttpApi(self, "Api", api_name=deployment.prefix, create_default_stage=False)
        self.api_stage = self._api_stage(requests_per_s)
        self._watch()
        self._tell()

    def _key(self) -> kms.Key:
        """Return the one key for data at rest, which logs and alarms may use for what is named like ours."""
        key = kms.Key(
            self,
            "Key",
            alias=f"alias/{self.deployment.prefix}",
            description=f"Data at rest of {self.deployment.prefix}",
            enable_key_rotation=True,
            removal_policy=self.deployment.removal_policy,
        )
        names = [f"/aws/lambda/{self.deployment.prefix}-*", f"/aws/vendedlogs/{self.deployment.prefix}-*"]
        arns = [f"arn:{self.partition}:logs:{self.region}:{self.account}:log-group:{name}" for name in names]
        for service, condition in (
            (f"logs.{self.region}.amazonaws.com", {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arns}}),
            ("cloudwatch.amazonaws.com", {"StringEquals": {"aws:SourceAccount": self.account}}),
        ):
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal(service)],
                    actions=[
                        "kms:Encrypt",
                        "kms:Decrypt",
                        "kms:ReEncryptFrom",
                        "kms:ReEncryptTo",
                        "kms:GenerateDataKey",
                        "kms:DescribeKey",
                    ],
                    resources=["*"],  # of the key that carries this policy
                    conditions=condition,
                )
            )
        return key

    def _table(
        self, id_: str, *, key: str = "pk", sorted_by: str = "", expires: bool = False, expires_by: str = ""
    ) -> dynamodb.Table:
        """Return a table of items found by ``key``, whose name is told as the output ``<id>Table``.

        Where items expire, ``expires_at`` says when (epoch seconds), or the attribute ``expires_by``.
        """
        text = dynamodb.AttributeType.STRING
        table = dynamodb.Table(
            self,
            id_,
            partition_key=dynamodb.Attribute(name=key, type=text),
            sort_key=dynamodb.Attribute(name=sorted_by, type=text) if sorted_by else None,
            time_to_live_attribute=expires_by or ("expires_at" if expires else None),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=self._is_protected,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self.key,
            removal_policy=self.deployment.removal_policy,
        )
        CfnOutput(self, f"{id_}Table", value=table.table_name)
        self.tables[id_.lower()] = table
        return table

    def _access_log_bucket(self) -> s3.Bucket:
        """Return the bucket for the other buckets' access logs; S3 delivers these to its own encryption only."""
        bucket = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=self.deployment.requires_tls,
            minimum_tls_version=1.2 if self.deployment.requires_tls else None,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(ACCESS_LOG_DAYS))],
            removal_policy=self.deployment.removal_policy,
        )
        self.deployment.accept_plain_http(bucket, "S10")
        return bucket

    def _bucket(
        self,
        id_: str,
        *,
        expires_after_days: int = 0,
        is_versioned: bool = False,
        tells: bool = False,
        lifecycle: Sequence[s3.LifecycleRule] = (),
        has_lock: bool = False,
    ) -> s3.Bucket:
        """Return a bucket; objects that are named by their content need no versions, others do.

        One that ``tells`` has an event on the account's default bus for every object. ``lifecycle`` is in the place of
        one age at which all objects expire. In one that ``has_lock`` objects may be locked against deletion, each by
        itself.
        """
        old = s3.LifecycleRule(
            expiration=Duration.days(expires_after_days),
            noncurrent_version_expiration=Duration.days(30) if is_versioned else None,
            abort_incomplete_multipart_upload_after=Duration.days(7),
        )
        bucket = s3.Bucket(
            self,
            id_,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            enforce_ssl=self.deployment.requires_tls,
            minimum_tls_version=1.2 if self.deployment.requires_tls else None,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            versioned=is_versioned,
            object_lock_enabled=has_lock or None,
            lifecycle_rules=list(lifecycle) or [old],
            server_access_logs_bucket=self.access_logs,
            server_access_logs_prefix=f"{id_.lower()}/",
            removal_policy=self.deployment.removal_policy,
        )
        if tells:  # as a property: the CDK's own switch is a function of its own that sets it
            below = bucket.node.default_child
            assert isinstance(below, s3.CfnBucket)  # noqa: S101 -- the construct's own promise, for the type checker
            below.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
                event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
            )
        self.deployment.accept_plain_http(bucket, "S10")
        return bucket

    def _stream(self, shards: int, retention_h: int) -> kinesis.Stream:
        stream = kinesis.Stream(
            self,
            "Stream",
            stream_mode=kinesis.StreamMode.PROVISIONED,
            shard_count=shards,
            retention_period=Duration.hours(retention_h),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=self.key,
            removal_policy=self.deployment.removal_policy,
        )
        acknowledge(stream, "KDS3", "One key of our own protects all data at rest: one policy says who may read.")
        return stream

    def _alarm_topic(self) -> sns.Topic:
        topic = sns.Topic(
            self,
            "Alarms",
            display_name=f"{self.deployment.prefix} alarms",
            master_key=self.key,
            enforce_ssl=self.deployment.requires_tls,
        )
        self.deployment.accept_plain_http(topic, "SNS3")
        topic.apply_removal_policy(self.deployment.removal_policy)
        return topic

    def _api_stage(self, requests_per_s: int) -> apigwv2.HttpStage:
        log_group = logs.LogGroup(
            self,
            "ApiLogs",
            log_group_name=f"/aws/vendedlogs/{self.deployment.prefix}-api",
            retention=self.deployment.log_retention,
            encryption_key=self.key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        stage = apigwv2.HttpStage(
            self,
            "ApiStage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigwv2.ThrottleSettings(rate_limit=requests_per_s, burst_limit=2 * requests_per_s),
        )
        below = stage.node.default_child
        assert isinstance(below, apigwv2.CfnStage)  # noqa: S101 -- the construct's own promise, for the type checker
        below.access_log_settings = apigwv2.CfnStage.AccessLogSettingsProperty(
            destination_arn=log_group.log_group_arn, format=json.dumps(ACCESS_LOG)
        )
        return stage

    def _watch(self) -> None:
        alarms = Alarms(self, "Watch", topic=self.alarms)
        alarms.full_stream(self.stream)
        alarms.no_telemetry(self.stream)
        alarms.api_errors(self.api.api_id)
        self.search.watch(alarms)

    def _tell(self) -> None:
        """Name what scripts and people need to know."""
        for name, value in (
            ("ApiUrl", self.api_stage.url),
            ("ApiId", self.api.api_id),
            ("StreamName", self.stream.stream_name),
            ("SegmentBucket", self.segments.bucket_name),
            ("QuarantineBucket", self.quarantine.bucket_name),
            ("ImportBucket", self.imports.bucket_name),
            ("LogBucket", self.logs.bucket_name),
            ("BackupBucket", self.backups.bucket_name),
            ("BusName", self.bus.event_bus_name),
            ("AlarmTopic", self.alarms.topic_arn),
            ("SearchEndpoint", self.search_endpoint or "none"),
        ):
            CfnOutput(self, name, value=value)

"""What must never be replaced, is not; what holds data, is protected."""

from typing import Any

import pytest

from stacks.generate_docs import read_functions
from tests.unit.stacks.reading import Template, every, resources

# A change here means that CloudFormation replaces the resource, and its data is gone or orphaned.
FROZEN = {
    "Access9901B1FF": "AWS::DynamoDB::Table",
    "Alert8B5C7F27": "AWS::DynamoDB::Table",
    "Anomaly40552F63": "AWS::DynamoDB::Table",
    "BackupDA3807AC": "AWS::DynamoDB::Table",
    "Health02A586CD": "AWS::DynamoDB::Table",
    "KpiAE9C2AE0": "AWS::DynamoDB::Table",
    "Log95422804": "AWS::DynamoDB::Table",
    "Telemetry1B1C5A07": "AWS::DynamoDB::Table",
    "Stream790BDEE4": "AWS::Kinesis::Stream",
    "Segments06F6163E": "AWS::S3::Bucket",
    "Quarantine23FF09FE": "AWS::S3::Bucket",
    "Import98530AF4": "AWS::S3::Bucket",
    "Logs6819BB44": "AWS::S3::Bucket",
    "Backups9A29A52D": "AWS::S3::Bucket",
    "AccessLogs8B620ECA": "AWS::S3::Bucket",
    "BusEA82B648": "AWS::Events::EventBus",
    "Key961B73FD": "AWS::KMS::Key",
    "ApiF70053CD": "AWS::ApiGatewayV2::Api",
    "Alarms04B5A0BF": "AWS::SNS::Topic",
}
STATEFUL = set(FROZEN.values())
OUTPUTS = {f"{id_[:-8]}Table" for id_, kind in FROZEN.items() if kind == "AWS::DynamoDB::Table"} | {
    "ApiUrl",
    "ApiId",
    "StreamName",
    "SegmentBucket",
    "QuarantineBucket",
    "ImportBucket",
    "LogBucket",
    "BackupBucket",
    "BusName",
    "AlarmTopic",
    "SearchEndpoint",
}


@pytest.mark.parametrize("stage", ["prod", "local"])
def test_what_holds_state_keeps_its_logical_id(stage: str, request: pytest.FixtureRequest) -> None:
    template: Template = request.getfixturevalue(stage)["State"]
    found = {id_: body["Type"] for id_, body in template["Resources"].items() if body["Type"] in STATEFUL}
    assert found == FROZEN


def test_on_aws_nothing_that_holds_state_is_deleted_with_its_stack(prod: dict[str, Template]) -> None:
    kept = {"AWS::DynamoDB::Table", "AWS::Kinesis::Stream", "AWS::S3::Bucket", "AWS::KMS::Key"}
    kept |= {"AWS::Events::EventBus", "AWS::SNS::Topic"}
    for id_, body in prod["State"]["Resources"].items():
        if body["Type"] in kept:
            assert body["DeletionPolicy"] == "Retain", id_
            assert body["UpdateReplacePolicy"] == "Retain", id_


def test_a_local_deployment_can_be_thrown_away(local: dict[str, Template]) -> None:
    for id_, body in resources(local["State"], "DynamoDB::Table").items():
        assert body["DeletionPolicy"] == "Delete", id_
        assert not body["Properties"].get("DeletionProtectionEnabled"), id_


def test_every_table_can_be_restored_to_any_second_and_cannot_be_deleted(prod: dict[str, Template]) -> None:
    for id_, body in resources(prod["State"], "DynamoDB::Table").items():
        table = body["Properties"]
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, id_
        assert table["DeletionProtectionEnabled"] is True, id_
        assert table["BillingMode"] == "PAY_PER_REQUEST", id_
        assert table["SSESpecification"] == {
            "KMSMasterKeyId": {"Fn::GetAtt": ["Key961B73FD", "Arn"]},
            "SSEEnabled": True,
            "SSEType": "KMS",
        }, id_


def test_items_expire_where_the_adapters_write_expires_at_as_a_number(prod: dict[str, Template]) -> None:
    expiring = {
        id_[: -len("00000000")]
        for id_, body in resources(prod["State"], "DynamoDB::Table").items()
        if body["Properties"].get("TimeToLiveSpecification") == {"AttributeName": "expires_at", "Enabled": True}
    }
    assert expiring >= {"Telemetry", "Kpi"}
    assert "Access" not in expiring  # an expired key stays listed


def test_of_the_access_table_only_what_says_so_is_dropped(prod: dict[str, Template]) -> None:
    tables = resources(prod["State"], "DynamoDB::Table")
    (access,) = (body for id_, body in tables.items() if id_ == "Access9901B1FF")
    assert access["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "purge_after", "Enabled": True}


def test_keys_of_tables_are_those_that_the_adapters_use(prod: dict[str, Template]) -> None:
    keys = {
        id_[:-8]: [part["AttributeName"] for part in body["Properties"]["KeySchema"]]
        for id_, body in resources(prod["State"], "DynamoDB::Table").items()
    }
    used = {"Telemetry": ["pk", "sk"], "Kpi": ["pk", "sk"], "Access": ["key_id"], "Health": ["pk"]}
    assert used.items() <= keys.items()  # other capabilities' integration tests run on the keys that the stack names


def test_the_key_rotates(prod: dict[str, Template]) -> None:
    (key,) = resources(prod["State"], "KMS::Key").values()
    assert key["Properties"]["EnableKeyRotation"] is True


def test_the_stream_is_encrypted_and_keeps_records_longer_than_a_bad_night(prod: dict[str, Template]) -> None:
    (stream,) = resources(prod["State"], "Kinesis::Stream").values()
    assert stream["Properties"]["StreamEncryption"]["EncryptionType"] == "KMS"
    assert stream["Properties"]["RetentionPeriodHours"] >= 48
    assert stream["Properties"]["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}


def test_buckets_are_private_encrypted_logged_and_cleaned(prod: dict[str, Template]) -> None:
    for id_, body in resources(prod["State"], "S3::Bucket").items():
        bucket = body["Properties"]
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, id_
        rules = bucket["LifecycleConfiguration"]["Rules"]
        assert all(rule["Status"] == "Enabled" for rule in rules), id_
        is_backup = id_.startswith("Backups")  # backup_prune deletes dumps, by their retention class
        assert any(rule.get("ExpirationInDays", 0) > 0 for rule in rules) is not is_backup, id_
        (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        is_log = id_.startswith("AccessLogs")
        algorithm = encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        assert algorithm == ("AES256" if is_log else "aws:kms"), id_
        assert ("LoggingConfiguration" in bucket) is not is_log, id_


def test_buckets_refuse_requests_without_tls(prod: dict[str, Template]) -> None:
    protected = set()
    for body in resources(prod["State"], "S3::BucketPolicy").values():
        denials = [one for one in body["Properties"]["PolicyDocument"]["Statement"] if one["Effect"] == "Deny"]
        assert any(one["Condition"].get("Bool") == {"aws:SecureTransport": "false"} for one in denials)
        protected.add(body["Properties"]["Bucket"]["Ref"])
    assert protected == set(resources(prod["State"], "S3::Bucket"))


def test_nothing_refuses_the_plain_http_of_the_local_cloud(local: dict[str, Template]) -> None:
    assert all("aws:SecureTransport" not in str(template) for template in local.values())
    assert all("s3:TlsVersion" not in str(template) for template in local.values())


def test_quarantined_input_can_be_brought_back_after_a_mistake(prod: dict[str, Template]) -> None:
    bucket = prod["State"]["Resources"]["Quarantine23FF09FE"]["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def test_segments_outlive_the_blocks_that_name_them(prod: dict[str, Template]) -> None:
    (rule,) = prod["State"]["Resources"]["Segments06F6163E"]["Properties"]["LifecycleConfiguration"]["Rules"]
    fold = next(one for one in read_functions() if one.name == "telemetry_fold")
    (kept,) = [setting.default for setting in fold.settings if setting.variable == "BLOCK_RETENTION_DAYS"]
    assert kept is not None
    assert rule["ExpirationInDays"] > int(kept)


def test_logs_are_hot_for_90_days_then_in_glacier_and_deleted_after_7_years(prod: dict[str, Template]) -> None:
    (logs,) = [id_ for id_ in resources(prod["State"], "S3::Bucket") if id_.startswith("Logs")]
    rules = prod["State"]["Resources"][logs]["Properties"]["LifecycleConfiguration"]["Rules"]
    of = {rule.get("Prefix", ""): rule for rule in rules}
    moves = [(one["TransitionInDays"], one["StorageClass"]) for one in of["logs/"]["Transitions"]]
    assert moves == [(90, "GLACIER"), (180, "DEEP_ARCHIVE")]
    assert of["logs/"]["ExpirationInDays"] == 2557  # 7 years with two leap days
    assert of["raw/"]["ExpirationInDays"] == 3
    assert of[""]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert "ExpirationInDays" not in of[""]  # the states of the miners, under state/, stay


def test_dumps_can_be_locked_and_brought_back_and_tell_of_their_arrival(prod: dict[str, Template]) -> None:
    (backups,) = [body for id_, body in resources(prod["State"], "S3::Bucket").items() if id_.startswith("Backups")]
    bucket = backups["Properties"]
    assert bucket["ObjectLockEnabled"] is True
    assert "ObjectLockConfiguration" not in bucket  # each dump is locked by itself, as the catalog says of its database
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_no_dump_ends_by_its_age_alone_and_no_unfinished_one_stays(prod: dict[str, Template]) -> None:
    (backups,) = [body for id_, body in resources(prod["State"], "S3::Bucket").items() if id_.startswith("Backups")]
    (rule,) = backups["Properties"]["LifecycleConfiguration"]["Rules"]
    assert "Prefix" not in rule
    assert "ExpirationInDays" not in rule
    assert rule["ExpiredObjectDeleteMarker"] is True
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_large_pattern_counts_outlive_the_items_that_name_them(prod: dict[str, Template]) -> None:
    (logs,) = [body for id_, body in resources(prod["State"], "S3::Bucket").items() if id_.startswith("Logs")]
    (rule,) = [one for one in logs["Properties"]["LifecycleConfiguration"]["Rules"] if one.get("Prefix") == "hours/"]
    keep = next(one for one in read_functions() if one.name == "log_keep")
    (kept,) = [setting.default for setting in keep.settings if setting.variable == "PATTERN_RETENTION_DAYS"]
    assert kept is not None
    assert rule["ExpirationInDays"] > int(kept)


def test_the_api_logs_its_requests_and_has_a_limit(prod: dict[str, Template]) -> None:
    (stage,) = resources(prod["State"], "ApiGatewayV2::Stage").values()
    assert stage["Properties"]["StageName"] == "$default"
    assert "$context.status" in stage["Properties"]["AccessLogSettings"]["Format"]
    assert stage["Properties"]["DefaultRouteSettings"]["ThrottlingRateLimit"] == 1000


@pytest.mark.parametrize("stage", ["prod", "local"])
def test_scripts_find_what_they_need_in_the_outputs(stage: str, request: pytest.FixtureRequest) -> None:
    outputs: dict[str, Any] = request.getfixturevalue(stage)["State"]["Outputs"]
    assert {name for name in outputs if not name.startswith("ExportsOutput")} == OUTPUTS


def test_state_refers_to_no_other_stack(prod: dict[str, Template]) -> None:
    assert "Fn::ImportValue" not in str(prod["State"])


def test_nothing_but_state_holds_data(prod: dict[str, Template]) -> None:
    others = {id_: template for id_, template in prod.items() if id_ != "State"}
    for kind in ("DynamoDB::Table", "S3::Bucket", "Kinesis::Stream", "KMS::Key", "Events::EventBus"):
        assert list(every(others, kind)) == []

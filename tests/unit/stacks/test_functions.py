"""What every function is deployed with, what starts it, what becomes of what it fails at, and what it may touch."""

import copy
from pathlib import Path
from typing import Any

import pytest

from stacks.generate_docs import Function, read_functions
from tests.unit.stacks.reading import Template, allowed, every, functions, resources, statements

ROOT = Path(__file__).parents[3]
NAMES = {
    "access_describe",
    "access_keys",
    "health_check",
    "health_probe",
    "kpi_query",
    "kpi_rollup",
    "telemetry_fold",
    "telemetry_ingest",
    "telemetry_receive",
}
ASYNCHRONOUS = {"telemetry_fold", "kpi_rollup", "health_probe"}
READ = {"kms:Decrypt", "kms:DescribeKey"}
WRITE = READ | {"kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"}
GET, PUT, QUERY, UPDATE = (f"dynamodb:{verb}" for verb in ("GetItem", "PutItem", "Query", "UpdateItem"))
DESCRIBE = "dynamodb:DescribeTable"

# function -> state resource -> actions; own: its queue and log group, *: X-Ray, Key: the one for data at rest
MAY: dict[str, dict[str, set[str]]] = {
    "telemetry_receive": {
        "Stream": {"kinesis:PutRecords", "kinesis:DescribeStreamSummary"},
        "Access": {GET},
        "Quarantine/*": {"s3:PutObject"},
        "Key": WRITE,
    },
    "telemetry_ingest": {
        "Telemetry": {PUT, QUERY, GET, UPDATE},
        "Segments/*": {"s3:PutObject"},
        "Quarantine/*": {"s3:PutObject"},
        "Key": WRITE,
        "Stream": {
            "kinesis:DescribeStream",
            "kinesis:DescribeStreamConsumer",
            "kinesis:DescribeStreamSummary",
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:ListShards",
            "kinesis:ListStreams",
            "kinesis:SubscribeToShard",
        },
    },
    "telemetry_fold": {
        "Telemetry": {PUT, QUERY, GET, UPDATE},
        "Segments/*": {"s3:GetObject", "s3:PutObject"},
        "Bus": {"events:PutEvents"},
        "Key": WRITE,
    },
    "kpi_rollup": {
        "Telemetry": {QUERY, GET},
        "Segments/*": {"s3:GetObject"},
        "Kpi": {PUT, QUERY, GET, UPDATE, "dynamodb:BatchGetItem"},
        "Bus": {"events:PutEvents"},
        "Key": WRITE,
    },
    "kpi_query": {
        "Telemetry": {QUERY, GET},
        "Segments/*": {"s3:GetObject"},
        "Kpi": {QUERY, GET, "dynamodb:BatchGetItem"},
        "Access": {GET},
        "Key": READ,
    },
    "access_keys": {
        "Access": {GET, PUT, UPDATE, "dynamodb:Scan", "dynamodb:ConditionCheckItem"},
        "Key": WRITE,
    },
    "access_describe": {},
    "health_probe": {
        "Telemetry": {DESCRIBE, GET, QUERY},
        "Kpi": {DESCRIBE, GET, QUERY},
        "Access": {DESCRIBE, GET, QUERY},
        "Health": {DESCRIBE, GET, QUERY, PUT},
        "Stream": {"kinesis:DescribeStreamSummary"},
        "Segments": {"s3:ListBucket"},
        "Quarantine": {"s3:ListBucket"},
        "Bus": {"events:DescribeEventBus"},
        "Key": WRITE,
    },
    "health_check": {"Health": {GET}, "Key": READ},
}


def test_every_folder_of_functions_is_deployed_and_nothing_else(prod: dict[str, Template]) -> None:
    assert set(functions(prod)) == NAMES
    assert {path.parent.name for path in ROOT.glob("functions/*/handler.py")} == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_function_may_touch_this_and_no_more(name: str, prod: dict[str, Template]) -> None:
    found = allowed(prod, name)
    assert found.pop("*") == {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    own = {"logs:CreateLogStream", "logs:PutLogEvents"}
    has_queue = name in ASYNCHRONOUS or name == "telemetry_ingest"
    queue = {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"} if has_queue else set()
    assert found.pop("own") == own | queue
    assert found == MAY[name]


def test_no_policy_holds_a_wildcard_in_an_action(prod: dict[str, Template]) -> None:
    for id_, policy in every(prod, "IAM::Policy"):
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            assert "*" not in str(statement["Action"]), id_
    for _, role in every(prod, "IAM::Role"):
        assert "ManagedPolicyArns" not in role["Properties"]


def test_no_two_functions_share_a_role(prod: dict[str, Template]) -> None:
    roles = [str(properties["Role"]) for _, _, properties in functions(prod).values()]
    assert len(set(roles)) == len(NAMES)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_function_logs_json_to_a_group_of_its_own_that_ends(name: str, prod: dict[str, Template]) -> None:
    template, _, properties = functions(prod)[name]
    assert properties["LoggingConfig"]["LogFormat"] == "JSON"
    group = template["Resources"][properties["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"]
    assert group["LogGroupName"] == f"/aws/lambda/{properties['FunctionName']}"
    assert group["RetentionInDays"] == 180
    assert "Key" in str(group["KmsKeyId"])


@pytest.mark.parametrize("one", read_functions(), ids=lambda one: one.name)
def test_a_function_is_given_the_settings_that_it_reads(one: Function, prod: dict[str, Template]) -> None:
    _, _, properties = functions(prod)[one.name]
    given = dict(properties["Environment"]["Variables"])
    assert given.pop("POWERTOOLS_METRICS_NAMESPACE") == "Opsloop"
    assert given.pop("POWERTOOLS_SERVICE_NAME") == one.name.partition("_")[0]
    assert {setting.variable for setting in one.settings if setting.default is None} == set(given)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_function_is_traced_and_runs_what_its_layers_were_made_for(name: str, prod: dict[str, Template]) -> None:
    _, _, properties = functions(prod)[name]
    assert properties["TracingConfig"] == {"Mode": "Active"}
    assert (properties["Runtime"], properties["Architectures"]) == ("python3.13", ["arm64"])
    assert properties["Handler"] == "handler.lambda_handler"


def test_the_stream_is_read_in_order_for_ever_and_nothing_is_dropped(prod: dict[str, Template]) -> None:
    ((_, mapping),) = every(prod, "Lambda::EventSourceMapping")
    properties = mapping["Properties"]
    assert properties["ParallelizationFactor"] == 1
    assert properties["StartingPosition"] == "TRIM_HORIZON"
    assert properties["BatchSize"] == 500
    assert properties["BisectBatchOnFunctionError"] is False
    for forbidden in ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "FunctionResponseTypes"):
        assert forbidden not in properties
    queue = properties["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
    assert prod["Telemetry"]["Resources"][queue]["Type"] == "AWS::SQS::Queue"


def test_what_the_clock_or_the_bus_starts_keeps_its_failures(prod: dict[str, Template]) -> None:
    kept = set()
    for template in prod.values():
        for body in resources(template, "Lambda::EventInvokeConfig").values():
            properties = body["Properties"]
            queue = properties["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
            assert template["Resources"][queue]["Properties"]["MessageRetentionPeriod"] == 14 * 86_400
            function = template["Resources"][properties["FunctionName"]["Ref"]]
            kept.add(function["Properties"]["Description"].removeprefix("opsloop "))
    assert kept == ASYNCHRONOUS


def test_every_rule_has_a_queue_for_what_it_cannot_deliver(prod: dict[str, Template]) -> None:
    rules = list(every(prod, "Events::Rule"))
    assert len(rules) == 5
    for id_, rule in rules:
        for target in rule["Properties"]["Targets"]:
            assert "DeadLetterConfig" in target, id_


def test_the_clock_starts_what_the_design_says(prod: dict[str, Template]) -> None:
    schedules = sorted(
        rule["Properties"]["ScheduleExpression"]
        for _, rule in every(prod, "Events::Rule")
        if "ScheduleExpression" in rule["Properties"]
    )
    assert schedules == ["cron(10 0 * * ? *)", "cron(2 * * * ? *)", "rate(1 minute)", "rate(1 minute)"]


def test_late_data_starts_the_rollup(prod: dict[str, Template]) -> None:
    (rule,) = [one["Properties"] for _, one in every(prod, "Events::Rule") if "EventPattern" in one["Properties"]]
    assert rule["EventPattern"] == {"detail-type": ["telemetry.late_data_folded"]}
    assert "Bus" in str(rule["EventBusName"])


def test_queues_are_encrypted_and_refuse_requests_without_tls(prod: dict[str, Template]) -> None:
    queues = list(every(prod, "SQS::Queue"))
    assert len(queues) == 4
    assert all(queue["Properties"]["SqsManagedSseEnabled"] is True for _, queue in queues)
    policies = list(every(prod, "SQS::QueuePolicy"))
    assert len(policies) == 4
    assert all("aws:SecureTransport" in str(policy) for _, policy in policies)


def test_routes_are_those_of_the_design_and_each_reaches_its_function(prod: dict[str, Template]) -> None:
    found: dict[str, set[str]] = {}
    for stack, template in prod.items():
        for route in resources(template, "ApiGatewayV2::Route").values():
            found.setdefault(stack, set()).add(route["Properties"]["RouteKey"])
    assert found == {
        "Access": {"GET /v1/keys", "POST /v1/keys", "DELETE /v1/keys/{key_id}", "GET /", "GET /openapi.json"},
        "Telemetry": {"POST /v1/traces", "POST /v1/metrics", "POST /v1/logs"},
        "Kpi": {"GET /v1/services", "GET /v1/kpis"},
        "Health": {"GET /health/live", "GET /health/ready"},
    }


def test_no_layer_leaves_its_stack(prod: dict[str, Template]) -> None:
    for template, _, properties in functions(prod).values():
        assert all(layer["Ref"] in resources(template, "Lambda::LayerVersion") for layer in properties["Layers"])


def test_the_hot_path_has_no_runtime_layer(prod: dict[str, Template]) -> None:
    template, _, properties = functions(prod)["telemetry_ingest"]
    layers: dict[str, Any] = resources(template, "Lambda::LayerVersion")
    names = {layers[layer["Ref"]]["Properties"]["Description"] for layer in properties["Layers"]}
    assert names == {"opsloop core", "opsloop catalog", "opsloop numeric"}


def test_an_extra_grant_would_be_seen(prod: dict[str, Template]) -> None:
    changed = copy.deepcopy(prod)
    template, _, properties = functions(changed)["kpi_query"]
    statements(template, properties)[0]["Action"] = "s3:DeleteObject"
    assert "s3:DeleteObject" in str(allowed(changed, "kpi_query"))
    assert "s3:DeleteObject" not in str(allowed(prod, "kpi_query"))

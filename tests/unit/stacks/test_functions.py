"""What every function is deployed with, what starts it, what becomes of what it fails at, and what it may touch."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from stacks.constructs.layers import layer_names
from stacks.generate_docs import Function, read_functions
from tests.unit.stacks.promises import promised
from tests.unit.stacks.reading import Template, allowed, every, functions, resources, statements

ROOT = Path(__file__).parents[3]
PROMISED = promised()
MAY = {name: grants for promises in PROMISED.values() for name, grants in promises.may.items()}
STARTED_BY = {name: started for promises in PROMISED.values() for name, started in promises.started_by.items()}
FED_WITH = {name: types for promises in PROMISED.values() for name, types in promises.fed_with.items()}
EVERYWHERE = {name: actions for promises in PROMISED.values() for name, actions in promises.everywhere.items()}
BEYOND = {name: actions for promises in PROMISED.values() for name, actions in promises.beyond.items()}
WITH_QUEUE = set[str]().union(*(promises.with_queue for promises in PROMISED.values()))
NAMES = set(MAY)


def test_every_folder_of_functions_is_deployed_and_nothing_else(prod: dict[str, Template]) -> None:
    assert set(functions(prod)) == NAMES
    assert {path.parent.name for path in ROOT.glob("functions/*/handler.py")} == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_function_may_touch_this_and_no_more(name: str, prod: dict[str, Template]) -> None:
    found = allowed(prod, name)
    traces = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    assert found.pop("*") == traces | EVERYWHERE.get(name, set())
    own = {"logs:CreateLogStream", "logs:PutLogEvents"}
    queue = {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"} if name in WITH_QUEUE else set()
    if name in FED_WITH:  # the queue's own service puts aside what the function gives up
        consume = {"sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"}
        queue = (queue if name in STARTED_BY else queue - {"sqs:SendMessage"}) | consume
    assert found.pop("own") == own | queue | BEYOND.get(name, set())
    assert found == MAY[name]


def test_no_policy_holds_a_wildcard_in_an_action(prod: dict[str, Template]) -> None:
    for id_, policy in every(prod, "IAM::Policy"):
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            assert "*" not in str(statement["Action"]), id_
    for _, role in every(prod, "IAM::Role"):
        assert "ManagedPolicyArns" not in role["Properties"]


def test_no_two_functions_share_a_role(prod: dict[str, Template]) -> None:
    for stack, template in prod.items():
        roles = [str(properties["Role"]) for _, _, properties in functions({stack: template}).values()]
        assert len(set(roles)) == len(roles), stack


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
    assert given.pop("OPENBLAS_NUM_THREADS", None) == ("1" if "numeric" in layer_names(one.name) else None)
    assert {setting.variable for setting in one.settings if setting.default is None} == set(given)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_function_is_traced_and_runs_what_its_layers_were_made_for(name: str, prod: dict[str, Template]) -> None:
    _, _, properties = functions(prod)[name]
    assert properties["TracingConfig"] == {"Mode": "Active"}
    assert (properties["Runtime"], properties["Architectures"]) == ("python3.13", ["arm64"])
    assert properties["Handler"] == "handler.lambda_handler"


def test_the_stream_is_read_in_order_for_ever_and_nothing_is_dropped(prod: dict[str, Template]) -> None:
    (mapping,) = (
        one for _, one in every(prod, "Lambda::EventSourceMapping") if "StartingPosition" in one["Properties"]
    )
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
    assert kept == set(STARTED_BY)


def test_every_rule_has_a_queue_for_what_it_cannot_deliver(prod: dict[str, Template]) -> None:
    for id_, rule in every(prod, "Events::Rule"):
        for target in rule["Properties"]["Targets"]:
            assert "DeadLetterConfig" in target, id_


def test_the_clock_and_the_bus_start_what_is_promised(prod: dict[str, Template]) -> None:
    found: dict[str, set[str]] = {}
    for template in prod.values():
        for id_, rule in resources(template, "Events::Rule").items():
            (target,) = rule["Properties"]["Targets"]
            function = template["Resources"][target["Arn"]["Fn::GetAtt"][0]]
            if function["Type"] == "AWS::SQS::Queue":
                continue
            name = function["Properties"]["Description"].removeprefix("opsloop ")
            found.setdefault(name, set()).update(starts(id_, rule["Properties"]))
    assert found == STARTED_BY


def starts(id_: str, rule: dict[str, Any]) -> set[str]:
    """Return the schedule of ``rule``, the objects it waits for, or the types of event on our bus."""
    if "ScheduleExpression" in rule:
        return {rule["ScheduleExpression"]}
    if rule["EventPattern"].get("source") == ["aws.s3"]:
        assert rule["EventPattern"]["detail-type"] == ["Object Created"], id_
        detail = rule["EventPattern"]["detail"]
        [bucket] = detail["bucket"]["name"]
        [key] = detail["object"]["key"]
        [logical_id] = re.findall(r"Ref([A-Z][a-z]+)[0-9A-F]{8}", str(bucket))
        return {f"{logical_id}/{key['prefix']}*"}
    assert "Bus" in str(rule["EventBusName"]), id_
    assert set(rule["EventPattern"]) == {"detail-type"}, id_
    return set(rule["EventPattern"]["detail-type"])


def test_a_queue_hands_over_what_is_promised_each_by_itself_and_keeps_what_is_given_up(
    prod: dict[str, Template],
) -> None:
    found: dict[str, set[str]] = {}
    for template in prod.values():
        rules = resources(template, "Events::Rule")
        for mapping in resources(template, "Lambda::EventSourceMapping").values():
            properties = mapping["Properties"]
            if "StartingPosition" in properties:
                continue
            assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
            queue = properties["EventSourceArn"]["Fn::GetAtt"][0]
            function = template["Resources"][properties["FunctionName"]["Ref"]]["Properties"]
            details = template["Resources"][queue]["Properties"]
            assert details["VisibilityTimeout"] >= 3 * function["Timeout"]
            given_up = details["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
            assert template["Resources"][given_up]["Properties"]["MessageRetentionPeriod"] == 14 * 86_400
            name = function["Description"].removeprefix("opsloop ")
            for id_, one in rules.items():
                if queue in str(one["Properties"]["Targets"][0]["Arn"]):
                    found.setdefault(name, set()).update(starts(id_, one["Properties"]))
    assert found == FED_WITH


def test_queues_are_encrypted_and_refuse_requests_without_tls(prod: dict[str, Template]) -> None:
    queues = list(every(prod, "SQS::Queue"))
    assert len(queues) == len(WITH_QUEUE) + len(FED_WITH)
    assert all(queue["Properties"]["SqsManagedSseEnabled"] is True for _, queue in queues)
    policies = list(every(prod, "SQS::QueuePolicy"))
    assert len(policies) == len(queues)
    assert all("aws:SecureTransport" in str(policy) for _, policy in policies)


def test_routes_are_those_that_are_promised(prod: dict[str, Template]) -> None:
    for stack, promises in PROMISED.items():
        routes = {route["Properties"]["RouteKey"] for route in resources(prod[stack], "ApiGatewayV2::Route").values()}
        assert routes == promises.routes, stack


def test_every_stack_but_state_makes_promises(prod: dict[str, Template]) -> None:
    assert set(PROMISED) == set(prod) - {"State"}
    for stack, promises in PROMISED.items():
        assert set(promises.may) == set(functions({stack: prod[stack]})), stack


def test_no_layer_leaves_its_stack(prod: dict[str, Template]) -> None:
    for template, _, properties in functions(prod).values():
        assert all(layer["Ref"] in resources(template, "Lambda::LayerVersion") for layer in properties["Layers"])


def test_the_hot_path_has_no_runtime_layer(prod: dict[str, Template]) -> None:
    template, _, properties = functions(prod)["telemetry_ingest"]
    layers: dict[str, Any] = resources(template, "Lambda::LayerVersion")
    names = {layers[layer["Ref"]]["Properties"]["Description"] for layer in properties["Layers"]}
    assert names == {"opsloop core", "opsloop catalog", "opsloop codec", "opsloop numeric"}


def test_an_extra_grant_would_be_seen(prod: dict[str, Template]) -> None:
    changed = copy.deepcopy(prod)
    template, _, properties = functions(changed)["kpi_query"]
    statements(template, properties)[0]["Action"] = "s3:DeleteObject"
    assert "s3:DeleteObject" in str(allowed(changed, "kpi_query"))
    assert "s3:DeleteObject" not in str(allowed(prod, "kpi_query"))

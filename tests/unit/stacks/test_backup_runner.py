"""A dump too large for Lambda is restored by a task of the same code, which may do what the function may."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.unit.stacks.reading import Template, functions, resources, statements

START = Path(__file__).parents[3] / "layers" / "runner" / "start.py"


def only(template: Template, kind: str) -> dict[str, Any]:
    (found,) = resources(template, kind).values()
    properties: dict[str, Any] = found["Properties"]
    return properties


def granted(template: Template, role: str) -> set[tuple[str, str]]:
    found = set()
    for body in resources(template, "IAM::Policy").values():
        if {"Ref": role} in body["Properties"]["Roles"]:
            for one in body["Properties"]["PolicyDocument"]["Statement"]:
                actions = one["Action"] if isinstance(one["Action"], list) else [one["Action"]]
                named = one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]
                found |= {(action, json.dumps(resource)) for action in actions for resource in named}
    return found


@pytest.fixture(scope="module")
def backup(prod: dict[str, Template]) -> Template:
    return prod["Backup"]


def test_the_task_has_the_disk_and_the_memory_that_lambda_lacks(backup: Template) -> None:
    task = only(backup, "ECS::TaskDefinition")
    assert task["EphemeralStorage"] == {"SizeInGiB": 200}
    assert (task["Cpu"], task["Memory"], task["NetworkMode"]) == ("4096", "16384", "awsvpc")
    assert task["RuntimePlatform"] == {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"}


def test_the_task_runs_the_very_function_and_layers_on_lambdas_own_python(backup: Template) -> None:
    from stacks.constructs.larger_runner import CONTAINER

    (container,) = only(backup, "ECS::TaskDefinition")["ContainerDefinitions"]
    assert (container["Name"], container["Image"]) == (CONTAINER, "public.ecr.aws/lambda/python:3.13")
    assert container["EntryPoint"] == ["python3", "-c", START.read_text()]
    given = {one["Name"]: one["Value"] for one in container["Environment"]}
    _, _, function = functions({"Backup": backup})["backup_verify"]
    settings = function["Environment"]["Variables"]
    assert {name: given[name] for name in settings if not name.startswith("RUNNER")} == {
        name: value for name, value in settings.items() if not name.startswith("RUNNER")
    }
    assert all(given[name] == "" for name in settings if name.startswith("RUNNER"))  # it asks nobody larger
    assets = json.dumps(given["ASSETS"])
    layers = [backup["Resources"][one["Ref"]]["Properties"]["Content"]["S3Key"] for one in function["Layers"]]
    wanted = [*layers, function["Code"]["S3Key"]]
    assert re.findall(r"[0-9a-f]{64}\.zip|[\w-]+\.zip", assets) == wanted


def test_the_task_may_do_what_the_function_may_and_read_its_own_code(backup: Template) -> None:
    template, _, function = functions({"Backup": backup})["backup_verify"]
    task = only(backup, "ECS::TaskDefinition")["TaskRoleArn"]["Fn::GetAtt"][0]
    runner = granted(backup, task)
    code = {one for one in runner if one[0] == "s3:GetObject" and "cdk-hnb659fds-assets" in one[1]}
    assert len(code) >= 1
    own = {
        (action, json.dumps(resource))
        for one in statements(template, function)
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
        for resource in ([one["Resource"]] if not isinstance(one["Resource"], list) else one["Resource"])
        if action.partition(":")[0] in {"dynamodb", "s3", "events", "kms"}
    }
    assert runner - code == own


def test_only_its_own_cluster_task_and_roles_are_the_functions_to_use(backup: Template) -> None:
    template, _, function = functions({"Backup": backup})["backup_verify"]
    ours = statements(template, function)
    (run,) = [one for one in ours if one["Action"] == "ecs:RunTask"]
    (cluster,) = resources(backup, "ECS::Cluster")
    assert run["Condition"] == {"ArnEquals": {"ecs:cluster": {"Fn::GetAtt": [cluster, "Arn"]}}}
    (task,) = resources(backup, "ECS::TaskDefinition")
    assert run["Resource"] == {"Ref": task}
    (hand,) = [one for one in ours if one["Action"] == "iam:PassRole"]
    assert hand["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    body = only(backup, "ECS::TaskDefinition")
    assert hand["Resource"] == [body["TaskRoleArn"], body["ExecutionRoleArn"]]


def test_nothing_comes_in_and_only_https_goes_out(backup: Template) -> None:
    group = only(backup, "EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group
    (out,) = group["SecurityGroupEgress"]
    assert (out["IpProtocol"], out["FromPort"], out["ToPort"]) == ("tcp", 443, 443)
    assert resources(backup, "EC2::SecurityGroupIngress") == {}


def test_its_own_network_costs_nothing_and_reaches_s3_and_dynamodb_by_itself(backup: Template) -> None:
    assert resources(backup, "EC2::NatGateway") == {}
    assert len(resources(backup, "EC2::Subnet")) == 2
    ends = resources(backup, "EC2::VPCEndpoint").values()
    assert {one["Properties"]["VpcEndpointType"] for one in ends} == {"Gateway"}
    assert {json.dumps(one["Properties"]["ServiceName"]).split(".")[-1][:8] for one in ends} == {'s3"]]}', "dynamodb"}
    assert only(backup, "EC2::FlowLog")["TrafficType"] == "REJECT"


@pytest.fixture(scope="module")
def placed(new_app: Any, small_layers: Path) -> Template:
    """Return the template of a deployment into networks that are there already."""
    import app as program
    from stacks.constructs import layer_versions

    given = {"verify_vpc": "vpc-1", "verify_subnets": "subnet-1,subnet-2"}
    given |= {"backup_subnets": "subnet-3,subnet-4", "backup_group": "sg-1"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layer_versions, "build_layer", lambda _name, _target: small_layers)
        patch.delenv("CDK_DEFAULT_ACCOUNT", raising=False)
        patch.delenv("CDK_DEFAULT_REGION", raising=False)
        assembly = program.build(new_app(stage="prod", python="3.13", **given)).synth()
    (path,) = [one.template_full_path for one in assembly.stacks if one.id == "Backup"]
    template: Template = json.loads(Path(path).read_text())
    return template


def test_a_network_that_is_there_already_is_used_as_it_is(placed: Template) -> None:
    assert resources(placed, "EC2::VPC") == {}
    assert only(placed, "EC2::SecurityGroup")["VpcId"] == "vpc-1"
    _, _, function = functions({"Backup": placed})["backup_verify"]
    assert function["Environment"]["Variables"]["RUNNER_SUBNETS"] == "subnet-1,subnet-2"


def test_databases_in_a_network_are_dumped_from_within_it(placed: Template, backup: Template) -> None:
    assert "VpcConfig" not in functions({"Backup": backup})["backup_take"][2]
    wanted = {"SubnetIds": ["subnet-3", "subnet-4"], "SecurityGroupIds": ["sg-1"]}
    found = functions({"Backup": placed})
    assert [name for name, one in found.items() if one[2].get("VpcConfig") == wanted] == ["backup_take"]


@pytest.mark.parametrize("alone", ["verify_vpc", "verify_subnets", "backup_subnets", "backup_group"])
def test_half_a_network_is_refused(alone: str, new_app: Any) -> None:
    import app as program

    read = program._network if alone.startswith("verify") else program._databases
    with pytest.raises(SystemExit, match="belong together"):
        read(new_app(stage="prod", **{alone: "x-1"}))


def test_the_local_cloud_has_no_larger_runner(local: dict[str, Template]) -> None:
    assert resources(local["Backup"], "ECS::Cluster") == {}
    _, _, function = functions({"Backup": local["Backup"]})["backup_verify"]
    assert function["Environment"]["Variables"]["RUNNER_CLUSTER"] == ""


def test_verifying_takes_one_dump_at_a_time_with_all_of_lambdas_disk(backup: Template) -> None:
    _, id_, function = functions({"Backup": backup})["backup_verify"]
    assert (function["EphemeralStorage"], function["Timeout"]) == ({"Size": 10_240}, 900)
    (mapping,) = [
        one["Properties"]
        for one in resources(backup, "Lambda::EventSourceMapping").values()
        if one["Properties"]["FunctionName"] == {"Ref": id_}
    ]
    assert (mapping["BatchSize"], mapping["ScalingConfig"]) == (1, {"MaximumConcurrency": 2})
    assert "MaximumBatchingWindowInSeconds" not in mapping


def test_a_container_fetches_its_code_and_becomes_its_process(tmp_path: Path) -> None:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    access = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
    environment = {**os.environ, **access, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    try:
        s3 = boto3.client(
            "s3", endpoint_url=environment["AWS_ENDPOINT_URL"], region_name="us-east-1",
            aws_access_key_id="testing", aws_secret_access_key="testing",
        )  # fmt: skip
        s3.create_bucket(Bucket="assets")
        for name, files in {
            "layer.zip": {"python/carried.py": "WORD = 'carried'\n", "python/bin/tool": "#!/bin/sh\necho run\n"},
            "code.zip": {"handler.py": "import carried, subprocess, sys\nprint(carried.WORD, sys.argv[1])\n"
                         "print(subprocess.run([carried.__file__[:-10] + 'bin/tool'], capture_output=True).stdout)\n"},
        }.items():  # fmt: skip
            with zipfile.ZipFile(tmp_path / name, "w") as packed:
                for path, text in files.items():
                    one = zipfile.ZipInfo(path)
                    one.external_attr = (0o755 if "bin" in path else 0o644) << 16
                    packed.writestr(one, text)
            s3.upload_file(str(tmp_path / name), "assets", name)
        environment |= {"ASSETS": "assets/layer.zip assets/code.zip", "RUNNER_FOLDER": str(tmp_path / "run")}
        command = [sys.executable, "-c", START.read_text(), '{"dump_id": "x"}']
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    finally:
        server.stop()
    assert done.stdout.splitlines() == ['carried {"dump_id": "x"}', "b'run\\n'"], done.stderr

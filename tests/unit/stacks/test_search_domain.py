"""Where a stage searches: what its domain is like, who may reach it, and what the context may name instead."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.unit.stacks.reading import Template, resources

ARN = "arn:aws:es:eu-central-1:123456789012:domain/theirs"
VPC = {"search_vpc": "vpc-1", "search_subnets": "subnet-1,subnet-2"}
Synthesise = Callable[..., dict[str, Template]]


@pytest.fixture(scope="module")
def synthesise_with(new_app: Callable[..., Any], small_layers: Path) -> Synthesise:
    """Return ``synthesise_with(stage="prod", search="none")``: the templates of the state and of two who search.

    The stack ``Reads`` has a function that reads, ``Writes`` one that writes. The checks of cdk-nag run as well.
    """
    from aws_cdk import Stack, Validations
    from cdk_nag import AwsSolutionsChecks

    import app as program
    from stacks.constructs import layer_versions
    from stacks.constructs.deployment import Deployment
    from stacks.constructs.grants import allow_search
    from stacks.constructs.layer_build import Target
    from stacks.constructs.layer_versions import Layers
    from stacks.constructs.ops_function import OpsFunction
    from stacks.state_stack import StateStack

    @cache
    def synth(stage: str, context: frozenset[tuple[str, str]]) -> dict[str, Template]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(layer_versions, "build_layer", lambda _name, _target: small_layers)
            app = new_app(**dict(context))
            deployment = Deployment(stage, Target("3.13", "arm64"), **program.DEPLOYMENT[stage])
            search = program._search(app, program.SEARCH[stage])
            state = StateStack(app, "State", deployment=deployment, search=search, **program.STATE[stage])
            for id_, access in (("Reads", "read"), ("Writes", "write")):
                stack = Stack(app, id_)
                layers = Layers(stack, "Layers", target=deployment.target)
                function = OpsFunction(stack, "Asks", name="health_check", layers=layers, state=state)
                allow_search(function, state, access)
            Validations.of(app).add_plugins(AwsSolutionsChecks(app))
            assembly = app.synth()
        return {stack.id: json.loads(Path(stack.template_full_path).read_text()) for stack in assembly.stacks}

    return lambda stage, **context: synth(stage, frozenset(context.items()))


def domain_of(templates: dict[str, Template]) -> dict[str, Any]:
    (domain,) = resources(templates["State"], "OpenSearchService::Domain").values()
    return domain


def granted(template: Template) -> dict[str, list[str]]:
    """Return action -> paths in the domain, of the function in that stack."""
    found: dict[str, list[str]] = {}
    for policy in resources(template, "IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            action = statement["Action"]
            if isinstance(action, str) and action.startswith("es:"):
                places = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
                found[action] = sorted(path_of(place) for place in places)
    return found


def path_of(place: Any) -> str:
    """Return what follows the ARN of the domain."""
    if isinstance(place, str):
        assert place.startswith(f"{ARN}/")
        return place.removeprefix(f"{ARN}/")
    domain, path = place["Fn::Join"][1]
    assert "SearchDomain" in str(domain)
    return str(path).removeprefix("/")


def test_what_is_stored_and_sent_is_encrypted(prod: dict[str, Template]) -> None:
    properties = domain_of(prod)["Properties"]
    assert properties["EncryptionAtRestOptions"] == {"Enabled": True, "KmsKeyId": {"Ref": "Key961B73FD"}}
    assert properties["NodeToNodeEncryptionOptions"] == {"Enabled": True}
    assert properties["DomainEndpointOptions"] == {
        "EnforceHTTPS": True,
        "TLSSecurityPolicy": "Policy-Min-TLS-1-2-PFS-2023-10",
    }


def test_only_roles_of_this_stage_may_reach_the_domain(prod: dict[str, Template]) -> None:
    (statement,) = domain_of(prod)["Properties"]["AccessPolicies"]["Statement"]
    assert statement["Effect"] == "Allow"
    assert ":root" in str(statement["Principal"]["AWS"])  # the account: each role's own policy says what it may do
    assert list(statement["Condition"]) == ["ArnLike"]
    assert str(statement["Condition"]["ArnLike"]["aws:PrincipalArn"]).endswith(":role/opsloop-prod-*']]}")


def test_stages_have_domains_of_their_size(synthesise: Synthesise, prod: dict[str, Template]) -> None:
    small = domain_of(synthesise("dev"))["Properties"]
    assert small["ClusterConfig"] == {
        "InstanceType": "t3.small.search",
        "InstanceCount": 1,
        "ZoneAwarenessEnabled": False,
    }
    assert small["EBSOptions"] == {"EBSEnabled": True, "VolumeType": "gp3", "VolumeSize": 10}
    large = domain_of(prod)["Properties"]["ClusterConfig"]
    assert (large["InstanceCount"], large["ZoneAwarenessEnabled"]) == (2, True)


def test_the_domain_keeps_its_logical_id_so_that_it_is_never_replaced(prod: dict[str, Template]) -> None:
    assert list(resources(prod["State"], "OpenSearchService::Domain")) == ["SearchDomainAB6007CD"]


def test_a_deleted_stack_leaves_the_domain(prod: dict[str, Template]) -> None:
    assert domain_of(prod)["DeletionPolicy"] == "Retain"


def test_the_local_cloud_has_no_domain_and_nothing_to_grant(local: dict[str, Template]) -> None:
    assert resources(local["State"], "OpenSearchService::Domain") == {}
    assert "es:ESHttp" not in str(local)


def test_reading_and_writing_are_granted_by_path(synthesise_with: Synthesise) -> None:
    templates = synthesise_with(stage="prod")
    assert granted(templates["Reads"]) == {
        "es:ESHttpPost": ["opsloop-prod-*/_count", "opsloop-prod-*/_search"],
        "es:ESHttpGet": ["_cluster/health"],
    }
    assert granted(templates["Writes"]) == {
        "es:ESHttpPost": ["_bulk", "opsloop-prod-*"],
        "es:ESHttpPut": ["_index_template/opsloop-prod-*", "opsloop-prod-*"],
        "es:ESHttpGet": ["_cluster/health", "_index_template/opsloop-prod-*", "opsloop-prod-*"],
        "es:ESHttpDelete": ["opsloop-prod-*"],
    }
    assert all("VpcConfig" not in one for one in asking(templates))


def asking(templates: dict[str, Template]) -> list[dict[str, Any]]:
    found = [resources(templates[id_], "Lambda::Function") for id_ in ("Reads", "Writes")]
    return [function["Properties"] for functions in found for function in functions.values()]


def test_in_a_vpc_domain_and_functions_share_a_group_that_talks_to_itself(synthesise_with: Synthesise) -> None:
    templates = synthesise_with(stage="prod", **VPC)
    (group,) = resources(templates["State"], "EC2::SecurityGroup")
    options = domain_of(templates)["Properties"]["VPCOptions"]
    assert options == {
        "SubnetIds": ["subnet-1", "subnet-2"],
        "SecurityGroupIds": [{"Fn::GetAtt": [group, "GroupId"]}],
    }
    (rule,) = resources(templates["State"], "EC2::SecurityGroupIngress").values()
    assert rule["Properties"]["SourceSecurityGroupId"] == rule["Properties"]["GroupId"]
    assert (rule["Properties"]["FromPort"], rule["Properties"]["ToPort"]) == (443, 443)
    for function in asking(templates):
        assert function["VpcConfig"]["SubnetIds"] == ["subnet-1", "subnet-2"]
        assert group in str(function["VpcConfig"]["SecurityGroupIds"])


def test_a_stage_can_name_a_domain_that_is_there_already(synthesise_with: Synthesise) -> None:
    templates = synthesise_with(stage="prod", search="https://search.example.com", search_arn=ARN)
    assert resources(templates["State"], "OpenSearchService::Domain") == {}
    output = templates["State"]["Outputs"]["SearchEndpoint"]["Value"]
    assert output == "https://search.example.com/opsloop-prod"
    assert granted(templates["Reads"])["es:ESHttpPost"] == ["opsloop-prod-*/_count", "opsloop-prod-*/_search"]


def test_a_stage_can_go_without(synthesise_with: Synthesise) -> None:
    templates = synthesise_with(stage="prod", search="none")
    assert resources(templates["State"], "OpenSearchService::Domain") == {}
    assert templates["State"]["Outputs"]["SearchEndpoint"]["Value"] == "none"
    assert granted(templates["Writes"]) == {}


@pytest.mark.parametrize(
    ("search", "endpoint"),
    [
        ("file:///var/search.db", "file:///var/search.db"),
        ("http://127.0.0.1:9200", "http://127.0.0.1:9200/opsloop-local"),
    ],
)
def test_the_local_cloud_is_told_where_to_search(synthesise_with: Synthesise, search: str, endpoint: str) -> None:
    templates = synthesise_with(stage="local", search=search)
    assert templates["State"]["Outputs"]["SearchEndpoint"]["Value"] == endpoint


@pytest.mark.parametrize(
    ("context", "why"),
    [
        ({"search": "https://search.example.com"}, "needs search_arn="),
        ({"search_vpc": "vpc-1"}, "needs search_subnets= of 2 subnet"),
        ({"search_vpc": "vpc-1", "search_subnets": "subnet-1"}, "needs search_subnets= of 2 subnet"),
    ],
)
def test_a_choice_that_lacks_something_is_named(new_app: Callable[..., Any], context: dict[str, str], why: str) -> None:
    import app as program

    with pytest.raises(SystemExit, match=why):
        program.build(new_app(stage="prod", **context))


def test_the_default_choice_is_to_have_no_store() -> None:
    from stacks.constructs.search_domain import SearchChoice

    assert SearchChoice() == SearchChoice(endpoint="", domain_arn="", has_domain=False)

"""cdk-nag and cfn-lint find nothing; and both would say so if there were something."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.stacks.reading import Template

ACCEPTED = ["W3005"]  # as in .cfnlintrc.yaml: CDK names each role a second time
REGIONS = ["eu-central-1"]
BUILD_LAYER = "stacks.constructs.layer_versions.build_layer"  # by name: aws_cdk starts a Node in who imports it


@pytest.fixture(scope="module")
def cfn_lint() -> Callable[[Template], list[str]]:
    """Return ``cfn_lint(template)``: what it finds, by rules that are read once for all templates."""
    from cfnlint.api import lint
    from cfnlint.config import ConfigMixIn, ManualArgs
    from cfnlint.runner import Runner

    rules = Runner(ConfigMixIn(regions=REGIONS)).rules

    def found(template: Template) -> list[str]:
        config = ManualArgs(regions=REGIONS, ignore_checks=ACCEPTED)
        return [str(match) for match in lint(json.dumps(template), rules, config=config)]

    return found


@pytest.mark.parametrize("stage", ["prod", "local"])
def test_cfn_lint_finds_nothing(
    stage: str, synthesise: Callable[[str], dict[str, Template]], cfn_lint: Callable[[Template], list[str]]
) -> None:
    for id_, template in synthesise(stage).items():
        assert cfn_lint(template) == [], id_


def test_cfn_lint_would_find_a_misspelt_property(
    prod: dict[str, Template], cfn_lint: Callable[[Template], list[str]]
) -> None:
    template: Template = json.loads(json.dumps(prod["State"]))
    template["Resources"]["Stream790BDEE4"]["Properties"]["ShardsCount"] = 1
    assert any("ShardsCount" in line for line in cfn_lint(template))


def test_an_unacknowledged_finding_of_cdk_nag_stops_synth(
    new_app: Callable[..., Any],
    small_layers: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from aws_cdk import aws_sqs as sqs

    import app as program

    monkeypatch.setattr(BUILD_LAYER, lambda _name, _target: small_layers)
    app = program.build(new_app(stage="prod", python="3.13"))
    sqs.Queue(app.node.find_child("Kpi"), "Open")  # without TLS, and nobody reads what it fails at
    with pytest.raises(RuntimeError, match=r"Kpi/Open/Resource[\s\S]*AwsSolutions-SQS4"):
        app.synth()


def test_two_synths_of_the_same_files_give_the_same_templates(
    prod: dict[str, Template], new_app: Callable[..., Any], small_layers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import app as program

    monkeypatch.setattr(BUILD_LAYER, lambda _name, _target: small_layers)
    assembly = program.build(new_app(stage="prod", python="3.13")).synth()
    for stack in assembly.stacks:
        assert json.loads(Path(stack.template_full_path).read_text()) == prod[stack.id]


def test_an_unknown_stage_is_named_with_the_known_ones(new_app: Callable[..., Any]) -> None:
    import app as program

    with pytest.raises(SystemExit, match="stage=live is not known; pass one of local, dev, prod"):
        program.build(new_app(stage="live"))

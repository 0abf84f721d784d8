"""Who vouches for people: what a stage with an identity provider tells its function and lets it read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.stacks.reading import Template, resources

GIVEN = {
    "oidc_issuer": "https://login.example.com",
    "oidc_client_id": "opsloop",
    "oidc_secret": "opsloop-prod/access/oidc",
    "oidc_roles": "on-call=operator,admins=admin",
}
SynthesiseWith = Callable[..., Template]


@pytest.fixture(scope="module")
def synthesise_with(new_app: Callable[..., Any], small_layers: Path) -> SynthesiseWith:
    """Return ``synthesise_with(oidc_issuer=...)``: the template of access in production; cdk-nag checks it."""
    from aws_cdk import Validations
    from cdk_nag import AwsSolutionsChecks

    import app as program
    from stacks.access_stack import AccessStack
    from stacks.constructs import layer_versions
    from stacks.constructs.deployment import Deployment
    from stacks.constructs.layer_build import Target
    from stacks.state_stack import StateStack

    def synth(**context: str) -> Template:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(layer_versions, "build_layer", lambda _name, _target: small_layers)
            app = new_app(**context)
            deployment = Deployment("prod", Target("3.13", "arm64"), **program.DEPLOYMENT["prod"])
            state = StateStack(app, "State", deployment=deployment, **program.STATE["prod"])
            AccessStack(app, "Access", state=state, identity=program._identity(app))
            Validations.of(app).add_plugins(AwsSolutionsChecks(app))
            assembly = app.synth()
        (stack,) = (one for one in assembly.stacks if one.id == "Access")
        template: Template = json.loads(Path(stack.template_full_path).read_text())
        return template

    return synth


def environment_of(template: Template) -> dict[str, Any]:
    (function,) = (
        body
        for body in resources(template, "Lambda::Function").values()
        if body["Properties"]["FunctionName"].endswith("access_session")
    )
    variables: dict[str, Any] = function["Properties"]["Environment"]["Variables"]
    return variables


def secrets_read(template: Template) -> list[Any]:
    return [
        statement["Resource"]
        for policy in resources(template, "IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "secretsmanager:GetSecretValue"
    ]


def test_a_provider_is_told_to_the_function_with_where_it_sends_people_back(synthesise_with: SynthesiseWith) -> None:
    template = synthesise_with(**GIVEN, api_url="https://ops.example.com/")
    told = {name: value for name, value in environment_of(template).items() if name.startswith("OIDC_")}
    assert told == {
        "OIDC_ISSUER": "https://login.example.com",
        "OIDC_CLIENT_ID": "opsloop",
        "OIDC_SECRET": "opsloop-prod/access/oidc",
        "OIDC_ROLES": "on-call=operator,admins=admin",
        "OIDC_REDIRECT_URL": "https://ops.example.com/v1/session/oidc/callback",
    }
    (arn,) = secrets_read(template)
    assert json.dumps(arn).count("secret:opsloop-prod/access/oidc-??????") == 1


def test_without_a_provider_there_is_nothing_of_it(synthesise_with: SynthesiseWith) -> None:
    template = synthesise_with()
    assert not any(name.startswith("OIDC_") for name in environment_of(template))
    assert secrets_read(template) == []


def test_half_a_provider_is_refused_with_what_is_missing(synthesise_with: SynthesiseWith) -> None:
    for name in ("oidc_client_id", "oidc_roles"):
        with pytest.raises(SystemExit, match=f"needs {name}="):
            synthesise_with(**{key: value for key, value in GIVEN.items() if key != name})

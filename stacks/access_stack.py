"""Access: who may call us, and with what; and what there is to call."""

from dataclasses import dataclass
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.grants import allow_table
from stacks.constructs.layer_versions import Layers
from stacks.constructs.ops_function import OpsFunction
from stacks.constructs.webhook import DEFAULT, Webhook
from stacks.state_stack import StateStack


@dataclass(frozen=True)
class Identity:
    """The identity provider of a stage (OpenID Connect); without an ``issuer`` people sign in with keys alone.

    ``secret`` is the name of the secret that holds our client secret. ``roles`` says which value of ``role_claim``
    makes which role: ``on-call=operator,admins=admin``. ``api_url`` is the API's address as browsers know it.
    """

    issuer: str = ""
    client_id: str = ""
    secret: str = ""
    role_claim: str = ""
    roles: str = ""
    scopes: str = ""
    api_url: str = ""


class AccessStack(Stack):
    """Access: the functions that make, list and revoke keys, sign people in, and describe the API."""

    def __init__(
        self, scope: Construct, id_: str, *, state: StateStack, identity: Identity | None = None, **kwargs: Any
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        layers = Layers(self, "Layers", target=state.deployment.target)

        keys = OpsFunction(
            self,
            "Keys",
            name="access_keys",
            layers=layers,
            state=state,
            environment={"ACCESS_TABLE": state.access.table_name},
        )
        routes = ["GET /v1/keys", "POST /v1/keys", "DELETE /v1/keys/{key_id}"]
        Webhook(self, "KeysApi", function=keys, api=state.api, routes=routes)
        reads = ("dynamodb:GetItem", "dynamodb:Scan", "dynamodb:ConditionCheckItem")
        allow_table(keys, state.access, *reads, "dynamodb:PutItem", "dynamodb:UpdateItem")

        self._session(layers, state, identity or Identity())

        describe = OpsFunction(self, "Describe", name="access_describe", layers=layers, state=state, memory_mb=256)
        Webhook(
            self,
            "DescribeApi",
            function=describe,
            api=state.api,
            routes=["GET /", "GET /openapi.json", DEFAULT],
            open_because="The description of the API holds nothing secret, and unknown paths are only refused.",
        )

    def _session(self, layers: Layers, state: StateStack, identity: Identity) -> None:
        session = OpsFunction(
            self,
            "Session",
            name="access_session",
            layers=layers,
            state=state,
            environment={"ACCESS_TABLE": state.access.table_name, **_provider(identity, str(state.api_stage.url))},
        )
        routes = [
            "GET /v1/session",
            "POST /v1/session",
            "DELETE /v1/session",
            "GET /v1/session/oidc",
            "GET /v1/session/oidc/callback",
        ]
        Webhook(self, "SessionApi", function=session, api=state.api, routes=routes)
        allow_table(session, state.access, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
        if identity.secret:
            self._allow_secret(session, identity.secret)

    def _allow_secret(self, function: OpsFunction, name: str) -> None:
        """Let ``function`` read the secret of that name, whose ARN ends in six letters of chance."""
        arn = f"arn:{self.partition}:secretsmanager:{self.region}:{self.account}:secret:{name}-??????"
        iam.Grant.add_to_principal(
            grantee=function.function, actions=["secretsmanager:GetSecretValue"], resource_arns=[arn]
        )


def _provider(identity: Identity, own_url: str) -> dict[str, str]:
    """Return the settings of signing in with a provider: those that are given, and where it sends people back."""
    given = {
        "OIDC_ISSUER": identity.issuer,
        "OIDC_CLIENT_ID": identity.client_id,
        "OIDC_SECRET": identity.secret,
        "OIDC_ROLE_CLAIM": identity.role_claim,
        "OIDC_ROLES": identity.roles,
        "OIDC_SCOPES": identity.scopes,
    }
    if identity.issuer:
        given["OIDC_REDIRECT_URL"] = f"{(identity.api_url or own_url).rstrip('/')}/v1/session/oidc/callback"
    return {name: value for name, value in given.items() if value}

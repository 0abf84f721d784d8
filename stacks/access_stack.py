"""Access: who may call us, and with what; and what there is to call."""

from typing import Any

from aws_cdk import Stack
from constructs import Construct

from stacks.constructs.grants import allow_table
from stacks.constructs.layer_versions import Layers
from stacks.constructs.ops_function import OpsFunction
from stacks.constructs.webhook import DEFAULT, Webhook
from stacks.state_stack import StateStack


class AccessStack(Stack):
    """Access: the functions that make, list and revoke keys, sign people in, and describe the API."""

    def __init__(self, scope: Construct, id_: str, *, state: StateStack, **kwargs: Any) -> None:
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

        session = OpsFunction(
            self,
            "Session",
            name="access_session",
            layers=layers,
            state=state,
            environment={"ACCESS_TABLE": state.access.table_name},
        )
        routes = ["GET /v1/session", "POST /v1/session", "DELETE /v1/session"]
        Webhook(self, "SessionApi", function=session, api=state.api, routes=routes)
        allow_table(session, state.access, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")

        describe = OpsFunction(self, "Describe", name="access_describe", layers=layers, state=state, memory_mb=256)
        Webhook(
            self,
            "DescribeApi",
            function=describe,
            api=state.api,
            routes=["GET /", "GET /openapi.json", DEFAULT],
            open_because="The description of the API holds nothing secret, and unknown paths are only refused.",
        )

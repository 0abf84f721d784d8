"""Dashboard: where do people look?"""

from typing import Any

from aws_cdk import Stack
from constructs import Construct

from stacks.constructs.layer_versions import Layers
from stacks.constructs.ops_function import OpsFunction
from stacks.constructs.webhook import Webhook
from stacks.state_stack import StateStack


class DashboardStack(Stack):
    """Dashboard: the function that serves the console's files. What they show, they ask the API for."""

    def __init__(self, scope: Construct, id_: str, *, state: StateStack, **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        layers = Layers(self, "Layers", target=state.deployment.target)

        serve = OpsFunction(self, "Serve", name="dashboard_serve", layers=layers, state=state)
        Webhook(
            self,
            "ServeApi",
            function=serve,
            api=state.api,
            routes=["GET /console", "HEAD /console", "GET /console/{proxy+}", "HEAD /console/{proxy+}"],
            open_because="The console's files hold nothing secret, and people sign in with them.",
        )

"""Answer HTTP requests with a function."""

from aws_cdk import aws_apigatewayv2 as apigwv2
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.ops_function import OpsFunction

DEFAULT = "$default"


class Webhook(Construct):
    """The routes that one function answers, on the API of the state stack.

    ``routes`` are such as ``GET /v1/keys``; ``$default`` is whatever no other route answers.

    ``open_because`` says why nobody needs a key; without it the function itself asks for one, since OpenTelemetry
    senders and people expect different bodies in a refusal.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        function: OpsFunction,
        api: apigwv2.HttpApi,
        routes: list[str],
        open_because: str = "",
    ) -> None:
        super().__init__(scope, id_)
        integration = HttpLambdaIntegration("Integration", function.function)
        reason = open_because or "The function checks the bearer key: each protocol wants its own body in a refusal."
        for route in routes:
            made = apigwv2.HttpRoute(
                self, _id_of(route), http_api=api, route_key=_key_of(route), integration=integration
            )
            acknowledge(made, "APIG4", reason)


def _key_of(route: str) -> apigwv2.HttpRouteKey:
    if route == DEFAULT:
        return apigwv2.HttpRouteKey.DEFAULT
    method, _, path = route.partition(" ")
    return apigwv2.HttpRouteKey.with_(path, apigwv2.HttpMethod[method])


def _id_of(route: str) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in route).split()
    return "".join(word[:1].upper() + word[1:].lower() for word in words)

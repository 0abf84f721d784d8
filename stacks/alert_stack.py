"""Alert: who must know, once?"""

from typing import Any

from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.event_queue import EventQueue
from stacks.constructs.grants import allow_bus, allow_table
from stacks.constructs.layer_versions import Layers
from stacks.constructs.ops_function import OpsFunction
from stacks.constructs.webhook import Webhook
from stacks.state_stack import StateStack

TOLD = [
    "anomaly.detected",
    "anomaly.ended",
    "alert.delivery_failed",
    "alert.resend_requested",
    "alert.test_requested",
    "backup.failed",
    "backup.verified",
    "backup.verification_failed",
    "backup.objective_missed",
    "backup.objective_met",
    "backup.drill_failed",
    "backup.drill_passed",
    "backup.exercise_due",
    "backup.exercise_finished",
    "backup.exercise_abandoned",
]
NOTIFY_TIMEOUT_S = 60
ATTEMPTS = 30  # an hour of ever longer waits takes half of them


class AlertStack(Stack):
    """Alert: tell people of what was found, show whom we told, and tell again.

    ``mail_sender`` is an address that SES may send from; empty: no mail. The URLs are where links lead; without
    ``api_url`` the API's own.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        state: StateStack,
        mail_sender: str = "",
        console_url: str = "",
        api_url: str = "",
        runbook_url: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        layers = Layers(self, "Layers", target=state.deployment.target)
        address = (api_url or str(state.api_stage.url)).rstrip("/")
        links = {"console": console_url or f"{address}/console", "api": address, "runbook": runbook_url}
        self._notify(layers, state, mail_sender, links)
        self._respond(layers, state)

    def _notify(self, layers: Layers, state: StateStack, mail_sender: str, links: dict[str, str]) -> None:
        prefix = f"{state.deployment.prefix}/alert/"
        notify = OpsFunction(
            self,
            "Notify",
            name="alert_notify",
            layers=layers,
            state=state,
            environment={
                "ALERT_TABLE": state.alert.table_name,
                "BUS_NAME": state.bus.event_bus_name,
                "SECRET_PREFIX": prefix,
                "MAIL_SENDER": mail_sender,
                "CONSOLE_URL": links["console"],
                "API_URL": links["api"],
                "RUNBOOK_URL": links["runbook"],
                "BACKUP_TABLE": state.backup.table_name,
            },
            timeout_s=NOTIFY_TIMEOUT_S,
        )
        EventQueue(
            self,
            "ToTell",
            function=notify,
            state=state,
            types=TOLD,
            timeout_s=NOTIFY_TIMEOUT_S,
            attempts=ATTEMPTS,
            late_after=Duration.minutes(15),
            runbook="alert-late",
        )
        notify.alarms.untold()
        allow_table(notify, state.alert, "dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem")
        allow_table(notify, state.backup, "dynamodb:GetItem")
        allow_bus(notify, state.bus, "events:PutEvents")
        self._allow_secrets(notify, prefix)
        if mail_sender:
            self._allow_mail(notify, mail_sender)

    def _allow_secrets(self, notify: OpsFunction, prefix: str) -> None:
        arn = f"arn:{self.partition}:secretsmanager:{self.region}:{self.account}:secret:{prefix}*"
        iam.Grant.add_to_principal(
            grantee=notify.function, actions=["secretsmanager:GetSecretValue"], resource_arns=[arn]
        )
        region = "<AWS::Region>" if Token.is_unresolved(self.region) else self.region
        account = "<AWS::AccountId>" if Token.is_unresolved(self.account) else self.account
        shown = f"arn:<AWS::Partition>:secretsmanager:{region}:{account}:secret:{prefix}*"
        reason = "Secrets of channels alone, by their prefix: the catalog names them, and their ARNs end in chance."
        acknowledge(notify.role, f"IAM5[Resource::{shown}]", reason)

    def _allow_mail(self, notify: OpsFunction, mail_sender: str) -> None:
        """Let the function send from the address, which SES knows by itself or by its domain."""
        names = (mail_sender, mail_sender.rpartition("@")[2])
        arns = [f"arn:{self.partition}:ses:{self.region}:{self.account}:identity/{name}" for name in names]
        iam.Grant.add_to_principal(grantee=notify.function, actions=["ses:SendRawEmail"], resource_arns=arns)

    def _respond(self, layers: Layers, state: StateStack) -> None:
        respond = OpsFunction(
            self,
            "Respond",
            name="alert_respond",
            layers=layers,
            state=state,
            environment={
                "ACCESS_TABLE": state.access.table_name,
                "ALERT_TABLE": state.alert.table_name,
                "BUS_NAME": state.bus.event_bus_name,
            },
        )
        routes = [
            "GET /v1/alerts/deliveries",
            "POST /v1/alerts/deliveries/{id}/resend",
            "POST /v1/alerts/test",
        ]
        Webhook(self, "RespondApi", function=respond, api=state.api, routes=routes)
        allow_table(respond, state.access, "dynamodb:GetItem")
        allow_table(respond, state.alert, "dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem")
        allow_bus(respond, state.bus, "events:PutEvents")

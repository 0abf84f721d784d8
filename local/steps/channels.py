"""What the channels of the catalog need locally: a sender that SES knows, and webhooks that end in the sink."""

from typing import Any

from botocore.exceptions import ClientError

from local.console import step
from local.state import LOOPBACK, StateDir, remembered_ports
from local.steps import cloud
from local.steps.deploy import outputs
from opsloop.catalog import Catalog
from stacks.constructs.catalog_build import compile_catalog

NOTIFY = "AlertNotifyFunction"


def ensure_channels(state: StateDir) -> None:
    """Verify the sender of mails, and give every Slack channel a webhook of the sink, unless it has one elsewhere."""
    settings = cloud.client(state, "lambda").get_function_configuration(FunctionName=outputs(state)[NOTIFY])
    variables = settings["Environment"]["Variables"]
    secrets = cloud.client(state, "secretsmanager")
    ours = f"http://{LOOPBACK}:{remembered_ports(state).slack}/slack/"
    with step("Pointing the channels at the sink"):
        if variables["MAIL_SENDER"]:
            cloud.client(state, "ses").verify_email_identity(EmailAddress=variables["MAIL_SENDER"])
        for channel in Catalog.from_json(compile_catalog()).channels:
            if channel.kind == "slack":
                put_webhook(secrets, variables["SECRET_PREFIX"] + channel.secret, ours + channel.name)


def put_webhook(secrets: Any, name: str, url: str) -> None:
    """Store ``url`` as the secret ``name``; one that somebody set to a place off this machine stays."""
    try:
        known = secrets.get_secret_value(SecretId=name)["SecretString"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        secrets.create_secret(Name=name, SecretString=url)
        return
    if known != url and known.startswith(f"http://{LOOPBACK}:"):
        secrets.put_secret_value(SecretId=name, SecretString=url)

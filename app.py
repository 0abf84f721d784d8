"""Builds the stacks of one stage: ``cdk deploy --all -c stage=prod -c architecture=arm64 -c python=3.13``."""

import os
from dataclasses import replace
from typing import Any

from aws_cdk import App, CliCredentialsStackSynthesizer, Duration, Environment, RemovalPolicy, Validations
from aws_cdk import aws_logs as logs
from cdk_nag import AwsSolutionsChecks

from stacks.access_stack import AccessStack, Identity
from stacks.alert_stack import AlertStack
from stacks.anomaly_stack import AnomalyStack
from stacks.backup_stack import BackupStack
from stacks.constructs.deployment import Deployment
from stacks.constructs.larger_runner import Network
from stacks.constructs.layer_build import RUNNING, LayerBuildError, Target, machine_architecture
from stacks.constructs.search_domain import SearchChoice
from stacks.constructs.yaml_source import SourceError
from stacks.dashboard_stack import DashboardStack
from stacks.health_stack import HealthStack
from stacks.kpi_stack import KpiStack
from stacks.log_stack import LogStack
from stacks.state_stack import StateStack
from stacks.telemetry_stack import TelemetryStack

LOCAL = "local"
STATE: dict[str, dict[str, Any]] = {
    LOCAL: {"shards": 2, "is_protected": False},
    "dev": {"shards": 2},
    "prod": {"shards": 4, "stream_retention_h": 168},
}
DEPLOYMENT: dict[str, dict[str, Any]] = {
    LOCAL: {
        "removal_policy": RemovalPolicy.DESTROY,
        "log_retention": logs.RetentionDays.ONE_WEEK,
        "requires_tls": False,
    },
    "dev": {},
    "prod": {"log_retention": logs.RetentionDays.SIX_MONTHS},
}

METRICS_EVERY = {LOCAL: Duration.minutes(5)}  # each question to CloudWatch costs: elsewhere less often

MAIL_SENDER = {LOCAL: "opsloop@example.com"}  # on AWS an address that SES has verified, by -c mail_sender=

SEARCH: dict[str, SearchChoice] = {
    LOCAL: SearchChoice(),
    "dev": SearchChoice(has_domain=True),
    "prod": SearchChoice(has_domain=True, nodes=2, volume_gb=50),
}


def build(app: App) -> App:
    """Add every stack of the stage that the context names, and the checks that they must pass."""
    stage = app.node.try_get_context("stage") or LOCAL
    if stage not in STATE:
        raise SystemExit(f"stage={stage} is not known; pass one of {', '.join(STATE)}")
    deployment = Deployment(stage=stage, target=_target(app, stage), **DEPLOYMENT[stage])

    def common(word: str) -> dict[str, Any]:
        account, region = os.environ.get("CDK_DEFAULT_ACCOUNT"), os.environ.get("CDK_DEFAULT_REGION")
        return {
            "stack_name": f"{deployment.prefix}-{word}",
            "description": f"opsloop {word} ({stage})",
            "env": Environment(account=account, region=region),
            # the local cloud refuses the default's publishing role when it enforces IAM
            "synthesizer": CliCredentialsStackSynthesizer() if stage == LOCAL else None,
        }

    search = _search(app, SEARCH[stage])
    state = StateStack(app, "State", deployment=deployment, search=search, **STATE[stage], **common("state"))
    AccessStack(app, "Access", state=state, identity=_identity(app), **common("access"))
    TelemetryStack(app, "Telemetry", state=state, **common("telemetry"))
    KpiStack(app, "Kpi", state=state, **common("kpi"))
    LogStack(app, "Log", state=state, **common("log"))
    AnomalyStack(app, "Anomaly", state=state, **common("anomaly"))
    AlertStack(app, "Alert", state=state, **_telling(app, stage), **common("alert"))
    places = {"runner": None if stage == LOCAL else _network(app), "databases": _databases(app)}
    BackupStack(app, "Backup", state=state, **places, **common("backup"))
    DashboardStack(app, "Dashboard", state=state, **common("dashboard"))
    HealthStack(app, "Health", state=state, metrics_every=METRICS_EVERY.get(stage), **common("health"))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def _telling(app: App, stage: str) -> dict[str, str]:
    """Return who mails, and where links lead, by ``-c mail_sender=`` and ``-c console_url=`` and so on."""
    names = ("mail_sender", "console_url", "api_url", "runbook_url")
    given = {name: str(app.node.try_get_context(name) or "") for name in names}
    return given | {"mail_sender": given["mail_sender"] or MAIL_SENDER.get(stage, "")}


def _identity(app: App) -> Identity:
    """Return who vouches for people, by ``-c oidc_issuer=``, ``-c oidc_client_id=``, ``-c oidc_roles=`` and so on."""
    names = ("issuer", "client_id", "secret", "role_claim", "roles", "scopes")
    given = {name: str(app.node.try_get_context(f"oidc_{name}") or "") for name in names}
    missing = [name for name in ("client_id", "roles") if given["issuer"] and not given[name]]
    if missing:
        raise SystemExit(f"oidc_issuer={given['issuer']} needs oidc_{missing[0]}= as well, see docs/domains/access.md")
    return Identity(**given, api_url=str(app.node.try_get_context("api_url") or ""))


def _network(app: App) -> Network:
    """Return where dumps too large for Lambda are restored, by ``-c verify_vpc=`` and ``-c verify_subnets=``."""
    vpc = str(app.node.try_get_context("verify_vpc") or "")
    subnets = [one for one in str(app.node.try_get_context("verify_subnets") or "").split(",") if one]
    if bool(vpc) != bool(subnets):
        raise SystemExit("verify_vpc= and verify_subnets= belong together: subnets that lead to AWS's APIs")
    return Network(vpc, subnets)


def _databases(app: App) -> Network | None:
    """Return from where we dump databases, by ``-c backup_subnets=`` and ``-c backup_group=``; None: from outside."""
    subnets = [one for one in str(app.node.try_get_context("backup_subnets") or "").split(",") if one]
    group = str(app.node.try_get_context("backup_group") or "")
    if bool(subnets) != bool(group):
        raise SystemExit("backup_subnets= and backup_group= belong together: a security group that databases let in")
    return Network(subnet_ids=subnets, group_id=group) if group else None


def _search(app: App, usual: SearchChoice) -> SearchChoice:
    """Return where the stage searches: ``-c search=none|ENDPOINT``, ``-c search_arn=``, ``-c search_vpc=`` decide."""
    given = {name: str(app.node.try_get_context(name) or "") for name in ("search", "search_arn", "search_vpc")}
    subnets = [one for one in str(app.node.try_get_context("search_subnets") or "").split(",") if one]
    if given["search"]:
        endpoint = "" if given["search"] == "none" else given["search"]
        if endpoint.startswith("https:") and not given["search_arn"]:
            raise SystemExit(f"search={endpoint} needs search_arn=, the ARN of that domain, for its permissions")
        return SearchChoice(endpoint=endpoint, domain_arn=given["search_arn"])
    if given["search_vpc"] and len(subnets) != usual.nodes:
        raise SystemExit(f"search_vpc={given['search_vpc']} needs search_subnets= of {usual.nodes} subnet(s)")
    return replace(usual, vpc_id=given["search_vpc"], subnet_ids=tuple(subnets))


def _target(app: App, stage: str) -> Target:
    here = machine_architecture()
    python = app.node.try_get_context("python") or RUNNING
    architecture = app.node.try_get_context("architecture") or (here if stage == LOCAL else "arm64")
    is_this_machine = stage == LOCAL and (python, architecture) == (RUNNING, here)
    return Target(str(python), architecture, is_this_machine)


if __name__ == "__main__":
    try:
        build(App(analytics_reporting=False)).synth()
    except (SourceError, LayerBuildError) as error:  # a mistake in a text file: its lines say more than a traceback
        raise SystemExit(str(error)) from None

"""The larger runner is the function as a plain process: it proves, and when it is killed another worker does."""

# ruff: noqa: F811 -- fixtures that are imported

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from opsloop.adapters.backup_claims import ClaimTable
from opsloop.adapters.backup_verifications import VerificationTable
from opsloop.backup.claim import ClaimState
from opsloop.backup.model import Cause, Verdict
from opsloop.backup.stores import Job, job_json, read_job
from opsloop.dataclass import replace
from tests.conftest import FUNCTIONS, NOW
from tests.integration.backup_source import (  # noqa: F401 -- fixtures
    ORDERS,
    debian_server,
    functions,
    keep_secret,
    source,
    source_database,
)
from tests.integration.conftest import CATALOG
from tests.integration.test_backup_verify import arrived, dump, taken, verdicts, verify  # noqa: F401 -- fixtures

Start = Callable[..., "subprocess.Popen[str]"]
SLOW = {"name": "slow", "sql": "SELECT pg_sleep(600) IS NOT NULL"}


@pytest.fixture
def runner(aws: Any, aws_url: str, tmp_path: Path) -> Start:
    """Return what starts the function as a process with a job, and with assertions of its own."""

    def start(job: Job, *assertions: dict[str, str]) -> "subprocess.Popen[str]":
        package = tmp_path / "opsloop_catalog"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text("")
        orders = {**ORDERS, "assertions": list(assertions)}
        (package / "catalog.json").write_text(json.dumps({**CATALOG, "databases": [orders], "retention": []}))
        environment = {
            **os.environ,
            **{f"RUNNER_{word}": "" for word in ("CLUSTER", "TASK", "SUBNETS", "GROUP")},
            "AWS_ENDPOINT_URL": aws_url,
            "PYTHONPATH": str(tmp_path),
            "POWERTOOLS_SERVICE_NAME": "backup",
            "POWERTOOLS_METRICS_NAMESPACE": "Opsloop",
        }
        command = [sys.executable, str(FUNCTIONS / "backup_verify" / "handler.py"), json.dumps(job_json(job))]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    return start


def job_for(key: str) -> Job:
    return Job(key.removeprefix("dumps/"), Cause.ARRIVAL, NOW)


def wait_for(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"it ended without {text}")


def test_a_job_goes_to_another_process_and_comes_back_whole():
    job = Job("orders/x.dump", Cause.REQUEST, NOW, version="v", request_id="r", bytes=7, correlation_id="c")
    assert read_job(json.loads(json.dumps(job_json(job)))) == job


def test_the_runner_proves_a_dump_and_the_function_finds_that_it_is_done(verify, taken, aws, runner, event, context):
    process = runner(job_for(taken))
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    (found,) = verdicts(aws)
    assert (found.verdict, found.where) == (Verdict.PROVEN, "fargate")
    assert '"DumpsProven":[1.0]' in output
    assert verify.lambda_handler(arrived(event, taken), context) == {"batchItemFailures": []}
    assert len(verdicts(aws)) == 1


def test_a_worker_that_is_killed_while_it_restores_is_followed_by_another_with_one_verdict(
    verify, taken, aws, runner, event, context
):
    process = runner(job_for(taken), SLOW)
    wait_for(process, '"phase":"assert"')
    process.kill()
    process.communicate()
    assert verdicts(aws) == []
    claims = ClaimTable(aws.names["BACKUP_TABLE"])
    version = aws.client("s3").head_object(Bucket=aws.names["BACKUP_BUCKET"], Key=taken)["VersionId"]
    claim_id = replace(job_for(taken), version=version).claim_id
    claim = claims.find(claim_id)
    assert claim.state is ClaimState.WORKING
    assert verify.lambda_handler(arrived(event, taken), context)["batchItemFailures"]  # somebody seems to be at it
    claims.save(replace(claim, until=datetime.now(UTC) - timedelta(seconds=1)))  # its lease runs out
    assert verify.lambda_handler(arrived(event, taken), context) == {"batchItemFailures": []}
    (found,) = verdicts(aws)
    assert found.verdict is Verdict.PROVEN
    assert claims.find(claim_id).state is ClaimState.DONE
    assert dump(aws, found.dump_id).verification_id == found.verification_id
    assert len([one for one in verify.told.told if one["type"] == "backup.verified"]) == 1


def test_a_runner_that_finds_somebody_at_it_leaves_it_alone(verify, taken, aws, runner):
    first = runner(job_for(taken), SLOW)
    wait_for(first, '"phase":"assert"')
    second = runner(job_for(taken))
    second.communicate(timeout=60)
    first.kill()
    first.communicate()
    assert second.returncode == 1
    assert list(VerificationTable(aws.names["BACKUP_TABLE"]).of("orders")) == []

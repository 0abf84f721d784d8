"""What the schedule missed while the local cloud was stopped: rolled up and probed now."""

import json
from datetime import UTC, datetime

import boto3
from botocore.config import Config

from local.console import StepFailedError, step
from local.services import CREDENTIALS
from local.state import REGION, StateDir, remembered_ports
from local.steps.deploy import outputs

MISSED = ("KpiRollupFunction", "HealthProbeFunction")  # in this order: the probe looks at the roll-up


def catch_up(state: StateDir) -> None:
    """Start the functions that run seldom, with the event that their schedule would send at this moment."""
    client = boto3.client(
        "lambda",
        endpoint_url=remembered_ports(state).aws_url,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(read_timeout=120, retries={"total_max_attempts": 2}),
    )
    event = json.dumps({"time": datetime.now(UTC).isoformat(timespec="seconds")})
    with step("Catching up with the schedule"):
        for name in MISSED:
            answer = client.invoke(FunctionName=outputs(state)[name], Payload=event)
            if "FunctionError" in answer:
                text = answer["Payload"].read().decode(errors="replace")[:500]
                raise StepFailedError(
                    f"{name}: {text}", log=state.log("functions"), advice="read the log; then run `make run` again"
                )

"""A larger machine for a proof: a task of ECS on Fargate that runs the same function as a plain process."""

import json
from collections.abc import Mapping
from hashlib import sha256

from opsloop.adapters.aws_client import AwsError, JsonClient, JsonService
from opsloop.dataclass import dataclass
from opsloop.errors import DependencyUnavailableError, PermanentError

ECS = JsonService("ecs", "AmazonEC2ContainerServiceV20141113", "1.1")
CONTAINER = "verify"


@dataclass(frozen=True)
class RunnerPlace:
    """Where tasks run; all empty on a stage without a runner. ``subnets`` are separated by commas."""

    cluster: str
    task: str
    subnets: str
    group: str


class Runner:
    """Starts tasks. One that was asked for twice with the same ``token`` is started once."""

    def __init__(self, place: RunnerPlace) -> None:
        self._place, self._client = place, JsonClient(ECS)

    @property
    def is_there(self) -> bool:
        """Return whether this stage has a runner."""
        return bool(self._place.cluster)

    def start(self, job: Mapping[str, str], token: str) -> str:
        """Start a task that does ``job`` and return its ARN.

        Raises ``PermanentError`` where ECS refuses the task as such, ``DependencyUnavailableError`` where it has no
        room or does not answer.
        """
        request = {
            "cluster": self._place.cluster,
            "taskDefinition": self._place.task,
            "launchType": "FARGATE",
            "count": 1,
            "clientToken": sha256(token.encode()).hexdigest(),
            "startedBy": "backup_verify",
            "networkConfiguration": {
                "awsvpcConfiguration": {
                    "subnets": self._place.subnets.split(","),
                    "securityGroups": [self._place.group],
                    "assignPublicIp": "ENABLED",
                }
            },
            "overrides": {"containerOverrides": [{"name": CONTAINER, "command": [json.dumps(dict(job))]}]},
        }
        try:
            answer = self._client.call("RunTask", request)
        except AwsError as error:
            text = f"runner: {error.code}"
            raise (DependencyUnavailableError(text) if error.is_passing else PermanentError(text)) from error
        if not answer.get("tasks"):
            reasons = {str(one.get("reason")) for one in answer.get("failures", ())}
            raise DependencyUnavailableError(f"runner: {', '.join(sorted(reasons)) or 'no task was started'}")
        return str(answer["tasks"][0]["taskArn"])

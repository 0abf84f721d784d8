"""Deploying the stacks to the local cloud by the real CDK CLI, only when something they are made of has changed."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from local.console import StepFailedError, run_logged, step
from local.state import ACCOUNT, REGION, ROOT, StateDir, remembered_ports
from local.steps import cloud, search
from local.steps.tools import cdk_command, cdk_environment

SOURCES = ("app.py", "cdk.json", "requirements.txt", "stacks", "functions", "layers", "docs/api", "local/node")
IGNORED_PARTS = {"__pycache__", "node_modules"}
CONTEXT = ("-c", "stage=local")
RUNBOOKS = ROOT / "docs" / "runbooks"
QUIET = ("--no-notices", "--no-version-reporting", "--ci")
RETRY = "read the log; correct the code it names and run `make run` again"


def source_files(root: Path = ROOT) -> Iterator[Path]:
    """Yield every file that the deployed stacks depend on, sorted."""
    for name in SOURCES:
        path = root / name
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        yield from (file for file in found if file.is_file() and not IGNORED_PARTS & set(file.parts))


def source_hash(root: Path = ROOT) -> str:
    """Return a hash of everything that the deployed stacks depend on: names and contents."""
    digest = hashlib.sha256()
    for file in source_files(root):
        digest.update(f"{file.relative_to(root)}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def is_deployed(state: StateDir, digest: str) -> bool:
    """Return whether the running cloud has the stacks of ``digest``."""
    if state.read("deployed").get("sources") != digest or not state.outputs_file.exists():
        return False
    stacks = cloud.client(state, "cloudformation").describe_stacks()["Stacks"]
    complete = {stack["StackName"] for stack in stacks if stack["StackStatus"].endswith("_COMPLETE")}
    return set(state.read("outputs")) <= complete


def run_cdk(state: StateDir, log: str, *arguments: str | Path, cwd: Path = ROOT) -> None:
    """Run one command of the CDK CLI against the local cloud."""
    run_logged(
        [*cdk_command(), *arguments, *QUIET],
        log=state.log(log),
        what=f"cdk {arguments[0]}",
        advice=RETRY,
        env=cdk_environment() | aws_part(state),
        cwd=cwd,
    )


def aws_part(state: StateDir) -> dict[str, str]:
    """Return the AWS variables of the local cloud."""
    return {name: value for name, value in cloud.environment(state).items() if name.startswith("AWS_")}


def is_bootstrapped(state: StateDir) -> bool:
    """Return whether the account has the CDK's bucket and roles."""
    stacks = cloud.client(state, "cloudformation").describe_stacks()["Stacks"]
    return any(stack["StackName"] == "CDKToolkit" for stack in stacks)


def bootstrap(state: StateDir) -> None:
    """Create the CDK's own bucket and roles."""
    # From the state directory: cdk.json of the project would make it run the app first.
    run_cdk(state, "cdk-bootstrap", "bootstrap", f"aws://{ACCOUNT}/{REGION}", cwd=state.root)


def synth(state: StateDir) -> None:
    """Write the templates and build the layers into the state directory."""
    door = remembered_ports(state).door_url
    links = ("-c", f"api_url={door}", "-c", f"console_url={door}/console", "-c", f"runbook_url={RUNBOOKS.as_uri()}")
    context = (*CONTEXT, "-c", f"search={search.endpoint(state)}", *links)
    run_cdk(state, "cdk-synth", "synth", "--quiet", "--output", state.root / "cdk.out", *context)


def deploy(state: StateDir) -> None:
    """Deploy what was synthesised."""
    state.outputs_file.unlink(missing_ok=True)
    arguments = ("--all", "--require-approval", "never", "--concurrency", "4", "--asset-parallelism")
    places = ("--app", state.root / "cdk.out", "--outputs-file", state.outputs_file)
    run_cdk(state, "cdk-deploy", "deploy", *arguments, *places)


def ensure_deployed(state: StateDir) -> None:
    """Bring the cloud's stacks up to date with the sources, doing nothing when they are."""
    digest = f"{source_hash()} {search.endpoint(state)}"
    if is_deployed(state, digest):
        return
    state.remove("deployed")
    started = time.monotonic()
    with step("Synthesising the stacks, building the layers"):
        bootstrapping = None if is_bootstrapped(state) else Background(bootstrap, state)
        try:
            synth(state)
        finally:
            if bootstrapping:
                bootstrapping.join()
    if bootstrapping:
        bootstrapping.check()
    with step("Deploying every stack"):
        deploy(state)
    write_addresses(state)
    cloud.checkpoint(state)
    state.write("deployed", {"sources": digest, "took_s": round(time.monotonic() - started, 1)})


class Background(threading.Thread):
    """A step that runs beside another one; `check` raises what it raised."""

    def __init__(self, task: Callable[[StateDir], None], state: StateDir) -> None:
        super().__init__(daemon=True)
        self._task = task
        self._state = state
        self._error: StepFailedError | None = None
        self.start()

    def run(self) -> None:
        """Run the task."""
        try:
            self._task(self._state)
        except StepFailedError as error:
            self._error = error

    def check(self) -> None:
        """Raise what the task raised."""
        if self._error:
            raise self._error


def outputs(state: StateDir) -> dict[str, str]:
    """Return the outputs of all stacks in one mapping."""
    merged: dict[str, str] = {}
    for stack in json.loads(state.outputs_file.read_text()).values():
        merged |= stack
    return merged


def write_addresses(state: StateDir) -> None:
    """Tell the front door which API is behind it."""
    api_id = outputs(state).get("ApiId")
    if api_id is None:
        raise StepFailedError("no stack has an output ApiId", log=state.log("cdk-deploy"), advice=RETRY)
    StateDir(state.cloud).write("door", {"api_id": api_id})

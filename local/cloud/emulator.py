"""The emulator with our changes: durable state, dependable events, no poller of its own.

Everything that we replace inside MiniStack is named in this package, so that a new release is one review.
"""

import contextlib
import json
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ministack.app as emulator
from ministack.core import persistence
from ministack.core.responses import request_scope
from ministack.services import apigateway, eventbridge, lambda_svc

from local.cloud import authorization, bodies, dynamodb_store, kinesis_store
from local.cloud.invocations import Invocation, Invocations, Outcome
from local.cloud.journal import Generations

logger = logging.getLogger("opsloop.cloud")
logging.getLogger("persistence").setLevel(logging.WARNING)  # two lines per service and checkpoint
SAVE_ATTEMPTS = 20
JOURNAL_LIMIT_BYTES = 256 * 1024 * 1024


class Emulator:
    """State of the emulator on disk: loading, journaling, checkpoints."""

    def __init__(self, generations: Generations, shared: Path) -> None:
        self._generations = generations
        self._invocations = Invocations(
            append=self._append, attempt=attempt, retries=retry_limit, give_up=route_failure
        )
        self._prune_code = lambda_svc._prune_orphan_code_blobs
        self._referenced_code: set[str] = set()
        lambda_svc.CODE_BLOB_DIR = str(shared / "lambda-code")
        # Code that only the snapshot in force still needs must outlive the writing of the next one.
        lambda_svc._prune_orphan_code_blobs = self._remember_code
        emulator._load_persisted_state = self.load
        persistence.STATE_DIR = str(generations.state)
        authorization.install()
        bodies.install(apigateway)

    def load(self) -> None:
        """Bring back the snapshot and the journal, then start journaling. The emulator calls this once."""
        started = time.monotonic()
        for key, module in emulator._state_map.items():
            data = persistence.load_state(key)
            if data:
                emulator._get_module(module).load_persisted_state(data)
        pending = self._generations.state / "invocations.jsonl"
        for line in pending.read_text().splitlines() if pending.exists() else []:
            self._invocations.replay(json.loads(line))
        replayed = self._replay()
        dynamodb_store.install(self._append, self.checkpoint)
        kinesis_store.install(self._append, self.checkpoint)
        self._install_events()
        emulator.PERSIST_STATE = False  # checkpoints are ours: the emulator must not save at its end
        if replayed:
            self.checkpoint()
        resumed = self._invocations.resume()
        took_s = time.monotonic() - started
        logger.info("state is back: %d journal entries, %d events resumed, %.1f s", replayed, resumed, took_s)

    def _replay(self) -> int:
        applied = {"dynamodb": dynamodb_store.replay, "kinesis": kinesis_store.replay}
        entries, homeless = 0, 0
        for entry in self._generations.entries():
            entries += 1
            if entry[0] in applied:
                homeless += not applied[entry[0]](entry)
            else:
                self._invocations.replay(entry)
        if homeless:
            logger.warning("%d journal entries name tables or streams that were never checkpointed", homeless)
        return entries

    def _install_events(self) -> None:
        lambda_svc._poll_kinesis = lambda: False  # local/pump.py does this with the semantics of AWS
        lambda_svc.invoke_async_with_retry = self._invoke_async
        eventbridge._dispatch_to_lambda = self._dispatch_to_lambda

    def _invoke_async(self, function: dict[str, Any], event: Any) -> None:
        config = function.get("config") or function
        self._invocations.accept(Invocation(config["FunctionArn"], event))

    def _dispatch_to_lambda(self, arn: str, payload: str) -> None:
        self._invocations.accept(Invocation(arn, json.loads(payload)))

    def _append(self, entry: list[Any]) -> None:
        self._generations.append(entry)

    @property
    def wants_checkpoint(self) -> bool:
        """Return whether the journal has grown so long that a restart would be slow."""
        return self._generations.journal_bytes > JOURNAL_LIMIT_BYTES

    def checkpoint(self) -> None:
        """Save everything and begin an empty journal. Runs on the event loop, so that no request comes between."""
        started = time.monotonic()
        self._generations.checkpoint(self._save)
        persistence.STATE_DIR = str(self._generations.state)
        self._prune_code(self._referenced_code)
        logger.info("checkpoint %d took %.2f s", self._generations.number, time.monotonic() - started)

    def _remember_code(self, referenced: set[str]) -> None:
        self._referenced_code = referenced

    def _save(self, folder: Path) -> None:
        former, persistence.STATE_DIR = Path(persistence.STATE_DIR), str(folder)
        try:
            for name, get_state in emulator._build_persistence_save_dict().items():
                save_service(name, get_state, folder, former)
        finally:
            persistence.STATE_DIR = str(former)
        lines = [json.dumps(entry) + "\n" for entry in self._invocations.pending()]
        (folder / "invocations.jsonl").write_text("".join(lines))


def save_service(name: str, get_state: Callable[[], Any], folder: Path, former: Path) -> None:
    """Write the state of one service; keep the former file when the service has nothing to say.

    Raises
    ------
    OSError
        If the state could not be written: the checkpoint is off.
    """
    state = snapshot(name, get_state)
    if state is None:
        if (former / f"{name}.json").exists():
            shutil.copy2(former / f"{name}.json", folder)
        return
    persistence.save_state(name, state)  # logs what goes wrong and returns as if nothing had
    if not (folder / f"{name}.json").exists():
        raise OSError(f"the state of {name} could not be saved, see the lines above")


def snapshot(name: str, get_state: Callable[[], Any]) -> Any:
    """Return a copy of a service's state, though threads of the emulator change it meanwhile."""
    for _ in range(SAVE_ATTEMPTS):
        with contextlib.suppress(RuntimeError):  # dictionary changed size during iteration
            state = get_state()
            if name == "kinesis":
                state["shard_iterators"] = {}  # thousands, good for five minutes; readers ask for new ones
            return state
        time.sleep(0.01)
    return get_state()


def find_function(arn: str) -> dict[str, Any] | None:
    """Return the emulator's record of a function, None when it is not deployed any more."""
    _, _, _, region, account, *_ = arn.split(":")
    with request_scope(account, region):
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        return lambda_svc._execution_record_for_config(function, config) if function and config else None


def attempt(invocation: Invocation) -> Outcome:
    """Run one attempt of an asynchronous invocation."""
    function = find_function(invocation.function_arn)
    if function is None:
        logger.warning("an event for %s was dropped: there is no such function", invocation.function_arn)
        return Outcome(failed=False, detail={})
    result = lambda_svc._execute_function_with_config_scope(function, invocation.event)
    return Outcome(failed=bool(result.get("error") or result.get("throttle")), detail=result)


def invoke_config(function: dict[str, Any]) -> dict[str, Any]:
    """Return how the function wants asynchronous invocations to be treated."""
    several = function.get("event_invoke_configs") or {}
    return function.get("event_invoke_config") or several.get("$LATEST") or {}


def retry_limit(invocation: Invocation) -> int:
    """Return how often a failed invocation is tried again: two times unless the function says otherwise."""
    function = find_function(invocation.function_arn)
    limit = invoke_config(function).get("MaximumRetryAttempts") if function else 0
    return 2 if limit is None else int(limit)


def route_failure(invocation: Invocation, outcome: Outcome) -> None:
    """Send an event that failed for good to the function's failure destination or dead-letter queue."""
    function = find_function(invocation.function_arn)
    if function is None:
        return
    on_failure = invoke_config(function).get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    target = on_failure or (function["config"].get("DeadLetterConfig") or {}).get("TargetArn")
    if target:
        _, _, _, region, account, _, name, *_ = invocation.function_arn.split(":")
        with request_scope(account, region):
            lambda_svc._route_async_failure(target, name, invocation.event, outcome.detail)

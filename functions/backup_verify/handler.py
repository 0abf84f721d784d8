"""Queue of objects under dumps/ and of `backup.verification_requested` -> dumps restored, verdicts on the bus.

Started as a plain process, with one job as its argument, it is the larger runner: the same, on a larger machine.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.adapters.aws_dynamodb import Table
from opsloop.adapters.backup_bucket import BackupBucket, Lock
from opsloop.adapters.backup_claims import ClaimTable
from opsloop.adapters.backup_machine import Machine
from opsloop.adapters.backup_outbox import LetterTable
from opsloop.adapters.backup_runner import Runner, RunnerPlace
from opsloop.adapters.backup_strays import StrayTable
from opsloop.adapters.backup_table import DumpTable
from opsloop.adapters.backup_verifications import VerificationTable
from opsloop.adapters.bus import Bus
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.postgres_cluster import trust_none_but_own
from opsloop.adapters.postgres_restore import verifier_here
from opsloop.adapters.work_queue import WorkQueue
from opsloop.backup.arrival import read_arrival
from opsloop.backup.evidence import EvidenceWriter
from opsloop.backup.key import key_of
from opsloop.backup.model import Manifest, Verdict, Verification, VerificationRequested
from opsloop.backup.outbox import Outbox
from opsloop.backup.prove import Outcome, Prover, UnknownDatabaseError, job_of, requested_job
from opsloop.backup.stores import Job, Stores, Verifier, job_json, read_job
from opsloop.backup.wanted import Progress, Wanted
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError, PermanentError, TransientError
from opsloop.runtime.settings import read_settings

LEASE_S = 960.0  # longer than Lambda lets this function run
MIB = 1 << 20
TRANSIENT_S = 60.0


@dataclass(frozen=True)
class Settings:
    backup_table: str
    backup_bucket: str
    bus_name: str
    runner_cluster: str  # the ECS cluster for dumps that are too large for this function; empty: there is none
    runner_task: str  # the task definition of the larger runner
    runner_subnets: str  # where it runs, separated by commas
    runner_group: str  # its security group
    runner_memory_mb: int = 16_384  # that the larger runner has, in MB
    runner_hours: float = 6.0  # that one proof may take there


settings = read_settings(Settings)
catalog = load_catalog()
bucket, strays, queue = BackupBucket(settings.backup_bucket), StrayTable(settings.backup_table), WorkQueue()
stores = Stores(
    DumpTable(settings.backup_table),
    VerificationTable(settings.backup_table),
    ClaimTable(settings.backup_table),
    LetterTable(settings.backup_table),
    Table(settings.backup_table, "backup table").transact,
)
runner = Runner(
    RunnerPlace(settings.runner_cluster, settings.runner_task, settings.runner_subnets, settings.runner_group)
)
logger, metrics = Logger(), Metrics()
trust_none_but_own()  # a process before this one may have been killed by what it restored


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Prove what the messages name; what is not done comes back when it may be done."""
    machine = Machine(
        "lambda",
        memory_bytes=context.memory_limit_in_mb * MIB,
        left_s=lambda: context.get_remaining_time_in_millis() / 1_000,
        lease_s=LEASE_S,
        ask=ask_runner if runner.is_there else None,
    )
    metrics.add_metric(name="VerificationsStarted", unit=MetricUnit.Count, value=len(event["Records"]))
    failed = [record for record in event["Records"] if not is_done(record, machine)]
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}


def is_done(record: dict[str, Any], machine: Machine) -> bool:
    """Return whether nothing is left to do about a message; if there is, have it come back in time."""
    try:
        job = read_message(record["body"])
        if job is None:
            return True
        again_s = prove(job, machine).again_s
    except UnknownDatabaseError as error:
        set_aside(read_message(record["body"]), error.message)
        return True
    except InvalidInputError as error:
        logger.error("event not understood", message_id=record["messageId"], reason=error.message)
        again_s = TRANSIENT_S  # until the queue gives it up and keeps it apart
    except TransientError as error:
        logger.warning("dump not verified yet", message_id=record["messageId"], reason=error.message)
        again_s = TRANSIENT_S
    if again_s is None:
        return True
    try:
        queue.postpone(record["eventSourceARN"], record["receiptHandle"], again_s)
    except TransientError as error:  # it comes back all the same, after the queue's own time
        logger.warning("message not postponed", message_id=record["messageId"], reason=error.message)
    return False


def read_message(body: str) -> Job | None:
    """Return the job that a message asks for, None for an object that is no dump; raise ``InvalidInputError``."""
    try:
        event = json.loads(body)
        kind = event["detail-type"]
    except (ValueError, TypeError, KeyError):
        raise InvalidInputError("message: expected an event of EventBridge") from None
    return requested_job(event) if kind == VerificationRequested.TYPE else job_of(read_arrival(event))


def prove(job: Job, machine: Machine) -> Outcome:
    """Do one job on this machine and report what came of it."""
    logger.set_correlation_id(job.correlation_id or job.verification_id)
    who = f"opsloop backup_verify on {machine.where}"
    writer = EvidenceWriter(catalog.databases, stores, bucket, put_evidence, who)
    outbox = Outbox(LetterTable(settings.backup_table), Bus(settings.bus_name).publish, writer.write)
    prover = Prover(
        catalog.databases,
        stores,
        bucket,
        Watched(verifier_here()),
        machine,
        outbox,
        holder=os.urandom(8).hex(),
        clock=now,
    )
    outcome = prover.prove(job, phases())
    report(job, outcome)
    return outcome


class Watched:
    """A verifier whose unforeseen errors are logged whole; the prover tries again, then says unknown."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def verify(self, path: Path, manifest: Manifest | None, wanted: Wanted, progress: Progress) -> Verification:
        """Return the verdict."""
        try:
            return self._verifier.verify(path, manifest, wanted, progress)
        except Exception:  # the boundary of the verifier: raised again, so that the prover decides
            logger.exception("verification failed unexpectedly", dump_id=wanted.dump_id)
            raise


def put_evidence(key: str, body: bytes, until: datetime | None, legal_hold: bool) -> None:
    """Store evidence, locked as its dump."""
    bucket.put(key, body, lock=Lock(until, legal_hold))


def phases() -> Callable[[str, float, float], None]:
    """Return what logs each phase of a restore as it begins."""
    seen: set[str] = set()

    def tell(phase: str, _done: float, _whole: float) -> None:
        if phase not in seen:
            seen.add(phase)
            logger.info("phase began", phase=phase)

    return tell


def report(job: Job, outcome: Outcome) -> None:
    """Count a verdict and log it; say what it waits for where there is none."""
    facts: dict[str, Any] = {"dump_id": job.dump_id, "cause": job.cause.value}
    found = outcome.verification
    metrics.add_metric(name="VerificationsHandedOver", unit=MetricUnit.Count, value=int(outcome.is_handed_over))
    if found is None:
        if outcome.again_s is not None:
            logger.info("dump waits for its verdict", again_s=outcome.again_s, why=outcome.why, **facts)
        return
    for name, is_so in (
        ("DumpsProven", found.is_good),
        ("VerificationsFailed", found.verdict is Verdict.FAILED),
        ("VerificationsUnknown", found.verdict is Verdict.UNKNOWN),
    ):
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=int(is_so))
    metrics.add_metric(name="RestoreDuration", unit=MetricUnit.Seconds, value=found.restore_s)
    facts |= {"verification_id": found.verification_id, "verdict": found.verdict, "reason": found.reason}
    facts |= {"detail": found.detail, "phases": {one.name: round(one.seconds, 3) for one in found.phases}}
    facts |= {"peak_memory_bytes": found.peak_memory_bytes, "restored_bytes": found.restored_bytes}
    (logger.info if found.is_good else logger.warning)("dump verified", **facts)


def set_aside(job: Job | None, reason: str) -> None:
    """Keep that a dump is nobody's; it stays where it is, and is verified when somebody asks for it."""
    if job is None:
        return
    strays.add(key_of(job.dump_id), job.asked_at, reason)
    metrics.add_metric(name="DumpsSetAside", unit=MetricUnit.Count, value=1)
    logger.warning("dump set aside", dump_id=job.dump_id, reason=reason)


def ask_runner(job: Job, attempt: int) -> None:
    """Start the larger runner."""
    task = runner.start(job_json(job), f"{job.claim_id}#{attempt}")
    logger.info("larger runner started", dump_id=job.dump_id, task=task)


def now() -> datetime:
    """Return the time: leases and phases are of this moment, whenever the event was."""
    return datetime.now(UTC)


def main(arguments: list[str]) -> int:
    """Do the job that the argument says, as the larger runner; return 0 when nothing is left to do."""
    seconds, began = settings.runner_hours * 3_600, time.monotonic()
    machine = Machine(
        "fargate",
        memory_bytes=settings.runner_memory_mb * MIB,
        left_s=lambda: seconds - (time.monotonic() - began),
        lease_s=seconds,
        is_runner=True,
    )
    try:
        outcome = prove(read_job(json.loads(arguments[0])), machine)
    except (PermanentError, TransientError) as error:  # the message in the queue finds the claim free, or run out
        metrics.add_metric(name="RunnersFailed", unit=MetricUnit.Count, value=1)
        logger.error("runner gave up", reason=error.message)
        return 1
    finally:
        metrics.flush_metrics()
    return 0 if outcome.again_s is None else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

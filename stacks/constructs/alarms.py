"""Alarms: what is watched, why it matters, and the page that says what to do.

Every alarm names its page ``docs/runbooks/<runbook>.md`` in its description and tells the alarm topic.
"""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

RUNBOOKS = "docs/runbooks"
NAMESPACE = "Opsloop"  # of our own metrics
FIFTEEN_MINUTES = Duration.minutes(15)
FIVE_MINUTES = Duration.minutes(5)
ONE_MINUTE = Duration.minutes(1)
HOUR = Duration.hours(1)
NIGHTLY_H = 26  # hours without what happens once a day: CloudWatch looks back over a day by hours alone


class Alarms(Construct):
    """The alarms of one thing that can break; each method adds one, in one line of the caller."""

    def __init__(self, scope: Construct, id_: str, *, topic: sns.ITopic) -> None:
        super().__init__(scope, id_)
        self._action = actions.SnsAction(topic)

    def errors(self, function: lambda_.Function, name: str) -> None:
        """Watch for invocations that ended in an error."""
        metric = function.metric_errors(period=FIVE_MINUTES, statistic="Sum")
        self._above("Errors", metric, 0, f"{name} ended in an error.", "function-errors")

    def throttles(self, function: lambda_.Function, name: str) -> None:
        """Watch for invocations that Lambda turned away."""
        metric = function.metric_throttles(period=FIVE_MINUTES, statistic="Sum")
        self._above("Throttles", metric, 0, f"{name} was throttled.", "function-throttles")

    def oldest_record(self, function: lambda_.Function, name: str, *, limit: Duration = FIVE_MINUTES) -> None:
        """Watch the age of the oldest record that ``function`` has not yet consumed."""
        metric = function.metric("IteratorAge", period=ONE_MINUTE, statistic="Maximum")
        text = f"{name} is more than {limit.to_minutes()} minutes behind its stream."
        self._above("OldestRecord", metric, int(limit.to_milliseconds()), text, "stream-age", periods=3)

    def backlog(self, stream: kinesis.Stream, name: str, *, limit_s: int = 450) -> None:
        """Watch how old the oldest record is that was not ingested: at twice the limit senders are turned away."""
        metric = cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name="OldestRecordAgeSeconds",
            dimensions_map={"service": "telemetry", "stream": stream.stream_name},
            period=ONE_MINUTE,
            statistic="Maximum",
        )
        text = f"{name} finds ingest more than {limit_s} s behind; at {2 * limit_s} s senders are told to wait."
        self._above("Backlog", metric, limit_s, text, "load-shedding", periods=3)

    def dead_letters(self, queue: sqs.Queue, name: str) -> None:
        """Watch for work that was given up and lies in ``queue``."""
        metric = queue.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES, statistic="Maximum")
        self._above("DeadLetters", metric, 0, f"{name} gave up on work, which waits in its queue.", "dead-letters")

    def late(self, queue: sqs.Queue, name: str, *, limit: Duration, runbook: str) -> None:
        """Watch the age of the oldest message that ``name`` is not done with."""
        metric = queue.metric_approximate_age_of_oldest_message(period=FIVE_MINUTES, statistic="Maximum")
        minutes = limit.to_minutes()
        self._above(
            "Late", metric, int(limit.to_seconds()), f"{name} is {minutes} minutes late with an event.", runbook
        )

    def untold(self) -> None:
        """Watch for people who were not told, for certain or perhaps, and for a catalog without channels."""
        for name, text in (
            ("NotificationsUndeliverable", "A channel could not be told of something."),
            ("NotificationsUnclear", "Whether a channel was told of something is not known."),
            ("ChannelsMissing", "The catalog declares no channel: nobody is told of anything."),
        ):
            metric = cloudwatch.Metric(
                namespace=NAMESPACE,
                metric_name=name,
                dimensions_map={"service": "alert"},
                period=FIVE_MINUTES,
                statistic="Sum",
            )
            self._above(name, metric, 0, text, "alert-undeliverable")

    def not_running(self, function: lambda_.Function, name: str, *, within: Duration) -> None:
        """Watch that ``function`` is started at all; silence counts as a fault."""
        metric = function.metric_invocations(period=within, statistic="Sum")
        self._silent(
            "NotRunning", metric, f"{name} has not run for {within.to_minutes()} minutes.", "function-not-running"
        )

    def full_stream(self, stream: kinesis.Stream) -> None:
        """Watch for records that the stream turned away because a shard was full."""
        metric = stream.metric("WriteProvisionedThroughputExceeded", period=ONE_MINUTE, statistic="Sum")
        self._above(
            "FullStream", metric, 0, "The telemetry stream is full; senders are told to wait.", "stream-full", periods=3
        )

    def no_telemetry(self, stream: kinesis.Stream) -> None:
        """Watch that telemetry arrives at all; silence counts as a fault."""
        metric = stream.metric("IncomingRecords", period=Duration.minutes(15), statistic="Sum")
        self._silent("NoTelemetry", metric, "No telemetry for 15 minutes: KPIs are unknown.", "no-telemetry")

    def search_domain(self, domain: str, account: str) -> None:
        """Watch for a domain that has lost documents, takes none, or has little room left."""
        for id_, name, text in (
            ("SearchRed", "ClusterStatus.red", "The search domain lacks some of its documents."),
            ("SearchBlocked", "ClusterIndexWritesBlocked", "The search domain takes no documents; they wait."),
        ):
            metric = _of_domain(name, domain, account, "Maximum")
            self._above(id_, metric, 0, text, "search-store", periods=5)
        self._alarm(
            "SearchRoom",
            metric=_of_domain("FreeStorageSpace", domain, account, "Minimum"),
            threshold=2048,  # MB: a fifth of the smallest disk, below which OpenSearch Service may block writes
            evaluation_periods=5,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=_described("The search domain has less than 2 GB of room.", "search-store"),
        )

    def not_judged(self, name: str, *, limit: int = 6) -> None:
        """Watch how many five-minute buckets are over and not judged; silence is watched as that of any schedule."""
        metric = cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name="BucketsLeft",
            dimensions_map={"service": "anomaly"},
            period=FIVE_MINUTES,
            statistic="Maximum",
        )
        text = f"{name} is more than {5 * limit} minutes behind: what is unusual is told late."
        self._above("NotJudged", metric, limit, text, "anomaly-behind", periods=3)

    def objectives_missed(self) -> None:
        """Watch for databases whose backups miss an objective, and for those of which nobody can say."""
        for name, text in (
            ("DatabasesMissingObjectives", "A database's backups miss an objective."),
            ("DatabasesUnknown", "Whether a database's backups meet their objectives is not known."),
        ):
            metric = cloudwatch.Metric(
                namespace=NAMESPACE,
                metric_name=name,
                dimensions_map={"service": "backup"},
                period=FIFTEEN_MINUTES,
                statistic="Maximum",
            )
            self._above(name, metric, 0, text, "backup-objectives", periods=2 if name.endswith("Unknown") else 1)

    def backups_not_taken(self) -> None:
        """Watch for dumps that were asked for and could not be made."""
        text = "A dump of a database could not be made."
        self._above("BackupsFailed", _of_backup("BackupsFailed"), 0, text, "backup-failed")

    def dumps_not_proven(self) -> None:
        """Watch for dumps that do not restore, could not be tried, or are nobody's, and for a runner that gives up."""
        for name, text, runbook in (
            ("VerificationsFailed", "A dump does not restore, or is not what it should be.", "backup-not-proven"),
            ("VerificationsUnknown", "Whether a dump restores could not be tried.", "backup-not-proven"),
            ("DumpsSetAside", "A dump arrived of a database that no catalog declares.", "backup-set-aside"),
            ("RunnersFailed", "The larger runner gave up on a dump.", "backup-runner"),
        ):
            self._above(name, _of_backup(name), 0, text, runbook)

    def prunes_failed(self) -> None:
        """Watch for databases whose old dumps could not be looked after, and that retention runs at all."""
        text = "Retention of a database's dumps failed; what it began is ended by the next run."
        self._above("PrunesFailed", _of_backup("BackupPrunesFailed"), 0, text, "backup-prune")
        text = f"Retention of dumps has not run for {NIGHTLY_H} hours."
        self._silent("PruneNotRun", _of_backup("BackupPrunesDone", HOUR), text, "backup-prune", periods=NIGHTLY_H)

    def drills_failed(self) -> None:
        """Watch for a verifier that is broken, and for one of which nobody knows."""
        text = "The verifier is broken: it took a damaged dump for sound, or a sound one for damaged."
        self._above("DrillsFailed", _of_backup("DrillsFailed"), 0, text, "backup-drill")
        text = f"No drill of the verifier has passed for {NIGHTLY_H} hours."
        self._silent("DrillNotPassed", _of_backup("DrillsPassed", HOUR), text, "backup-drill", periods=NIGHTLY_H)

    def exercises_unchecked(self) -> None:
        """Watch that somebody is told of disasters that wait for their exercise."""
        text = f"Which disasters wait for their exercise was not looked at for {NIGHTLY_H} hours."
        metric = _of_backup("ExerciseChecks", HOUR)
        self._silent("ExercisesUnchecked", metric, text, "backup-exercise", periods=NIGHTLY_H)

    def logs_lost(self, name: str) -> None:
        """Watch for log records that were committed and could not be kept."""
        metric = _of_logs("LogBatchesLost", "Sum")
        self._above("LogsLost", metric, 0, f"{name} could not keep committed log records.", "logs-lost")

    def search_behind(self, name: str, *, limit_s: int = 900) -> None:
        """Watch how long the oldest log documents have been waiting to be searchable."""
        metric = _of_logs("SearchPendingAgeSeconds", "Maximum")
        text = f"{name} has documents that have been waiting for more than {limit_s} s: search lacks them."
        self._above("SearchBehind", metric, limit_s, text, "search-behind", periods=3)

    def api_errors(self, api_id: str) -> None:
        """Watch for answers of the API that say that opsloop failed."""
        metric = cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name="5xx",
            dimensions_map={"ApiId": api_id},
            period=FIVE_MINUTES,
            statistic="Sum",
        )
        self._above("ApiErrors", metric, 0, "The API answered with a 5xx status.", "api-errors")

    def quarantined(self) -> None:
        """Watch for anything that was set aside because it could not be read: whole bodies, records, single items.

        An alarm each: the local cloud cannot add metrics up.
        """
        for name in ("BodiesQuarantined", "RecordsQuarantined", "ItemsRejected"):
            metric = cloudwatch.Metric(
                namespace=NAMESPACE,
                metric_name=name,
                dimensions_map={"service": "telemetry"},
                period=FIFTEEN_MINUTES,
                statistic="Sum",
            )
            self._above(name, metric, 0, "Telemetry was set aside because it could not be read.", "quarantine")

    def _above(
        self, id_: str, metric: cloudwatch.Metric, limit: int, text: str, runbook: str, *, periods: int = 1
    ) -> None:
        self._alarm(
            id_,
            metric=metric,
            threshold=limit,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=_described(text, runbook),
        )

    def _silent(self, id_: str, metric: cloudwatch.Metric, text: str, runbook: str, *, periods: int = 1) -> None:
        self._alarm(
            id_,
            metric=metric,
            threshold=1,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
            alarm_description=_described(text, runbook),
        )

    def _alarm(self, id_: str, **properties: object) -> None:
        alarm = cloudwatch.Alarm(self, id_, **properties)  # type: ignore[arg-type]
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)


def _of_domain(name: str, domain: str, account: str, statistic: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/ES",
        metric_name=name,
        dimensions_map={"DomainName": domain, "ClientId": account},
        period=ONE_MINUTE,
        statistic=statistic,
    )


def _of_logs(name: str, statistic: str) -> cloudwatch.Metric:
    of_log = {"service": "log"}
    return cloudwatch.Metric(
        namespace=NAMESPACE, metric_name=name, dimensions_map=of_log, period=FIVE_MINUTES, statistic=statistic
    )


def _of_backup(name: str, period: Duration = FIVE_MINUTES) -> cloudwatch.Metric:
    of_backup = {"service": "backup"}
    return cloudwatch.Metric(
        namespace=NAMESPACE, metric_name=name, dimensions_map=of_backup, period=period, statistic="Sum"
    )


def _described(text: str, runbook: str) -> str:
    return f"{text} What to do: {RUNBOOKS}/{runbook}.md"

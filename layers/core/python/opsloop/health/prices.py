"""AWS list prices that the estimates use: us-east-1, USD, as of 2026-11-21. Check them before quoting a figure.

The one table: ``bench.cost`` estimates a bill beforehand from it, ``opsloop.health.cost`` from what was used.
"""

from collections.abc import Mapping

from opsloop.dataclass import dataclass

PUT_UNIT_BYTES = 25_000
"""What one put unit of Kinesis covers."""

HOURS_PER_MONTH = 730
"""What AWS takes a month for where it bills by the month; 8,760 hours in a year."""

USD: Mapping[str, float] = {
    "HTTP API request": 1.00e-6,
    "Lambda request": 0.20e-6,
    "Lambda arm64 GB-second": 1.33334e-5,
    "Lambda x86_64 GB-second": 1.66667e-5,
    "Kinesis shard-hour": 0.015,
    "Kinesis put unit of 25 KB": 0.014e-6,
    "DynamoDB write unit": 0.625e-6,
    "DynamoDB read unit": 0.125e-6,
    "DynamoDB GB-month": 0.25,
    "DynamoDB backup GB-month": 0.20,
    "S3 put": 5.0e-6,
    "S3 get": 0.4e-6,
    "S3 GB-month": 0.023,
    "CloudWatch Logs GB": 0.50,
    "CloudWatch metric-month": 0.30,
    "CloudWatch alarm-month": 0.10,
    "CloudWatch metric request": 0.01e-3,
    "KMS key-month": 1.00,
    "KMS request": 3.0e-6,
}

SOURCES = (
    "Kinesis: aws.amazon.com/kinesis/data-streams/pricing, a stored copy; the shard-hour also in a course on it",
    "DynamoDB after the cut of November 2024: airbyte.com, DynamoDB pricing, July 2025; its storage and backups: from"
    " memory",
    "Lambda: a public lesson on Lambda cost, May 2026",
    "HTTP API and its metering by 512 KB: AWS white paper, Best practices for API Gateway private APIs",
    "CloudWatch metrics and logs: signoz.io and factualminds.com, CloudWatch pricing, 2026; requests of metrics:"
    " support.site24x7.com; alarms: from memory",
    "KMS: aws.amazon.com/kms/pricing and factualminds.com, KMS pricing, June 2026",
    "S3 storage: cloudburn.io, S3 pricing, March 2026; its requests: from memory",
)


@dataclass(frozen=True)
class Prices:
    """List prices in ``region``, by the name of what is sold. ``asked_for`` is the region that somebody wanted."""

    region: str
    asked_for: str
    as_of: str
    usd: Mapping[str, float]
    sources: tuple[str, ...]

    @property
    def note(self) -> str:
        """Return what to think of them, empty where they are those of the region asked for."""
        if self.region == self.asked_for:
            return ""
        return f"prices of {self.region}: those of {self.asked_for} are not known here, and differ"


def prices_of(region: str) -> Prices:
    """Return the prices to estimate with in ``region``: those of us-east-1 wherever no others are known."""
    return Prices("us-east-1", region, "2026-11-21", USD, SOURCES)

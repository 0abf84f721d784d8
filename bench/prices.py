"""AWS list prices that the estimates use: us-east-1, USD, as of 2026-11-21. Check them before quoting a figure.

Sources, as stored copies of public pages: Kinesis units and their meaning, aws.amazon.com/kinesis/data-streams/pricing
(shard-hour also in a course on Kinesis pricing); DynamoDB after the cut of November 2024, airbyte.com, "DynamoDB
pricing", July 2025; Lambda per GB-second and request, a public lesson on Lambda cost, May 2026; HTTP API and its
512 KB metering, AWS white paper "Best practices for API Gateway private APIs", cost optimisation. S3, CloudWatch and
KMS are from memory.
"""

USD = {
    "HTTP API request": 1.00e-6,
    "Lambda request": 0.20e-6,
    "Lambda arm64 GB-second": 1.33334e-5,
    "Lambda x86_64 GB-second": 1.66667e-5,
    "Kinesis shard-hour": 0.015,
    "Kinesis put unit of 25 KB": 0.014e-6,
    "DynamoDB write unit": 0.625e-6,
    "DynamoDB read unit": 0.125e-6,
    "S3 put": 5.0e-6,
    "S3 get": 0.4e-6,
    "S3 GB-month": 0.023,
    "CloudWatch Logs GB": 0.50,
    "CloudWatch metric-month": 0.30,
    "CloudWatch alarm-month": 0.10,
    "KMS key-month": 1.00,
    "KMS request": 3.0e-6,
}
PUT_UNIT_BYTES = 25_000

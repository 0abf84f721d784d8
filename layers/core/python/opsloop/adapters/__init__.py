"""The outside: DynamoDB tables, Kinesis, S3, EventBridge."""

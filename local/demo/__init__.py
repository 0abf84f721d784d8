"""A small shop that emits real OpenTelemetry data, and counts by itself what it did."""

"""Formats that are not OTLP, each transcoded to OTLP protobuf: one decoder reads them all."""

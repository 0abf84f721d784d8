"""Kinesis event source mappings with the semantics of AWS: `python -m local.pump`, over public APIs alone.

The emulator's own poller knows no batch window, no partial batch response, no bisect, no retry limit and no failure
destination, and lets one failing function stop every stream. This reads each shard in a thread of its own per mapping.

It runs as a process of its own: a killed cloud does not take it along, it competes with the emulator's event loop for
no lock, and being a client of public APIs it could run against AWS. It starts at TRIM_HORIZON each time: functions skip
what they have by their own position, so nothing depends on ours, and every start rehearses redelivery.
"""

"""The local cloud: the same stacks on a laptop, started by `make run`."""

"""The steps of `make run`, one module each."""

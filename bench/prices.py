"""The prices of the estimate: the one table is ``opsloop.health.prices``, where their sources stand."""

from opsloop.health.prices import PUT_UNIT_BYTES, USD

__all__ = ["PUT_UNIT_BYTES", "USD"]

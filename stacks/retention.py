"""How long logs are kept, in days: at hand, in Glacier Flexible Retrieval until the second, in all."""

HOT_LOG_DAYS, FROZEN_LOG_DAYS, LOG_DAYS = 90, 180, 7 * 365 + 2

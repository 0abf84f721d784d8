"""Measurements: ratios and estimates, never assertions."""

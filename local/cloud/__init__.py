"""The AWS emulator as we run it: durable, with one front door. Runs in its own small environment.

Why this one, and what we add to it: docs/adr/0004-local-cloud.md.
"""

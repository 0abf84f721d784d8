"""The AWS emulator as we run it: durable, with one front door. Runs in its own small environment."""

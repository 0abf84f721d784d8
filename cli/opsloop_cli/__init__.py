"""The opsloop command for people."""

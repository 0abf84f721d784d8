"""The opsloop command for people (docs/adr/0007-command-in-cli.md)."""

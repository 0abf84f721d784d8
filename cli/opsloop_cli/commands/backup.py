"""``opsloop backup``: dumps are taken, proven by a real restore, listed, and restored; with or without a cloud."""

import typer

from opsloop_cli.commands import backup_ask, backup_drill, backup_restore, backup_shelf, backup_take

HELP = """Take dumps of PostgreSQL, prove that they restore, and restore them.

take, verify, list, restore and drill work on a laptop without any cloud:
dumps, manifests and proofs lie beside each other in a folder.

Exit codes: 0 yes, it is proven, restorable, equal; 1 no;
5 nobody can say: it could not be tried; the others as everywhere.
"""

app = typer.Typer(help=HELP, no_args_is_help=True)
app.command("take")(backup_take.take)
app.command("verify")(backup_take.verify)
app.command("list")(backup_shelf.list_)
app.command("history")(backup_shelf.history)
app.command("restore")(backup_restore.restore)
app.command("drill")(backup_drill.drill)
app.command("request")(backup_ask.request)
app.command("hold")(backup_ask.hold)
app.command("release")(backup_ask.release)

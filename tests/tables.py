"""The tables of the state stack, read from its source: what the mocked AWS must have, and what the probe looks at."""

import ast
from pathlib import Path

STATE_STACK = Path(__file__).resolve().parents[1] / "stacks" / "state_stack.py"


def tables_of_the_state_stack() -> dict[str, tuple[str, ...]]:
    """Return the key attributes of every table that ``StateStack`` makes, by capability, read from its source."""
    found = {}
    for node in ast.walk(ast.parse(STATE_STACK.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_table":
            options = {word.arg: ast.literal_eval(word.value) for word in node.keywords}
            keys = (options.get("key", "pk"), options.get("sorted_by", ""))
            found[ast.literal_eval(node.args[0]).lower()] = tuple(key for key in keys if key)
    return found


TABLES = tables_of_the_state_stack()

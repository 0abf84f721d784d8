"""List our functions for those that tell of them: what starts each, what it does, and the settings that it reads."""

import json

from stacks.generate_docs import read_functions


def list_functions() -> str:
    """Return every function of ``functions/`` as JSON text, the same for the same sources."""
    rows = [
        {
            "name": one.name,
            "effect": one.effect,
            "stack": one.stack,
            "settings": [
                {"name": setting.variable, "default": setting.default, "meaning": setting.meaning}
                for setting in one.settings
            ],
        }
        for one in read_functions()
    ]
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"

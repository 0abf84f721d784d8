"""Small HTTP reads on loopback."""

import json
import urllib.request
from typing import Any


def get_json(url: str, *, timeout_s: float = 15.0) -> Any:
    """Return the JSON document at ``url``; raise ``OSError`` when it cannot be had."""
    with urllib.request.urlopen(url, timeout=timeout_s) as answer:
        return json.load(answer)

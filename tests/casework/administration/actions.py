"""Changes to what gold solutions write, for tests of other right ways and of wrong ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def body_of(action: str) -> tuple[str, Any]:
    """Returns the first line of an action, and its body."""
    head, _, body = action.partition("\n")
    return head, json.loads(body) if body else None


def changed(kind: str, change: Callable[[dict[str, Any]], None]) -> Callable[[str], str]:
    """Changes each resource of a type that is created."""

    def each(action: str) -> str:
        head, body = body_of(action) if action.startswith("POST") else (action, None)
        if body is None or body["resourceType"] != kind:
            return action
        change(body)
        return f"{head}\n{json.dumps(body)}"

    return each

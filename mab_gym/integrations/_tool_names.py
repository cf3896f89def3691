"""The names of tools over MCP for the verbs that not every environment allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FURTHER: Final[Mapping[str, str]] = {"PUT": "update", "PATCH": "patch", "DELETE": "delete"}
"""By verb, the name of its tool."""

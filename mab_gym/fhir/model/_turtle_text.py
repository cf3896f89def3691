"""Writes resources as Turtle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mab_gym.fhir.model._outcome import FhirError


def to_turtle(resource: Mapping[str, Any], base_url: str) -> str:
    """Returns a resource as Turtle."""
    raise FhirError(501, "This server does not answer in Turtle")

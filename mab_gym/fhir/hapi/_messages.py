"""Words that several of HAPI's refusals have in common."""

from __future__ import annotations

from mab_gym.fhir.model._definitions import search_parameters

_SANITIZED = {"<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", "\n": "&#10;", "\r": "&#13;"}


def sanitized(text: str) -> str:
    """Text as HAPI repeats it in some of its messages, safe for HTML (``UrlUtil.sanitizeUrlPart``)."""
    return "".join(_SANITIZED.get(c, c) for c in text if c >= " " or c in _SANITIZED)


def unknown_parameter(resource_type: str, name: str, code: str = "HAPI-0524") -> str:
    """HAPI's words for a search parameter that it does not have."""
    return (
        f'{code}: Unknown search parameter "{sanitized(name)}" for resource type "{resource_type}". '
        f"Valid search parameters for this search are: [{listed_parameters(resource_type)}]"
    )


def listed_parameters(resource_type: str) -> str:
    """A resource type's search parameters as HAPI's messages list them."""
    return ", ".join(sorted({*search_parameters(resource_type), "_id", "_lastUpdated"}))

"""Searches that stand in for an id (FHIR R4, conditional interactions; HAPI calls them match URLs)."""

from __future__ import annotations

from mab_gym.fhir.model._filter import Filter
from mab_gym.fhir.model._outcome import FhirError, RefusalKind
from mab_gym.fhir.model._url import parse_query
from mab_gym.fhir.search._query import Query, read_query

_NO_CONDITIONS = (
    "_count", "_elements", "_format", "_include", "_offset", "_pretty", "_revinclude", "_sort", "_summary", "_total",
)  # fmt: skip


def read_match_url(resource_type: str, url: str) -> Query:
    """Reads a search such as ``Patient?identifier=1`` (or its parameters alone).

    Raises:
        FhirError: 400 if it has no parameters, or one that the type does not have.
    """
    path, mark, query = url.partition("?")
    parameters = parse_query(query if mark else path)
    if not any(value for name, value in parameters if name.partition(":")[0] not in _NO_CONDITIONS):
        raise FhirError(
            400, f"HAPI-0518: Invalid match URL[{resource_type}?{query or path}] - URL has no search parameters"
        )
    try:
        return read_query(resource_type, parameters)
    except FhirError as error:
        if error.kind is not RefusalKind.UNKNOWN_PARAMETER:
            raise
        raise FhirError(
            400,
            f"HAPI-0488: Failed to parse match URL[{url if mark else f'{resource_type}?{url}'}] - "
            f"Resource type {resource_type} does not have a parameter with name: {error.name}",
        ) from None


def match_filters(resource_type: str, url: str) -> tuple[Filter, ...]:
    """Returns the conditions of a search on the resource itself, without chains."""
    return tuple(read_match_url(resource_type, url).filters)

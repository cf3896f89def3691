"""The texts of refusals that HAPI gives in several places."""

from __future__ import annotations

from mab_gym.fhir.model._definitions import search_parameters
from mab_gym.fhir.model._outcome import FhirError, RefusalKind, sanitized


def unknown_parameter(resource_type: str, name: str) -> FhirError:
    """Returns HAPI's refusal of a search parameter that the resource type does not have."""
    text = unknown_parameter_text(resource_type, name, "HAPI-0524")
    return FhirError(400, text, kind=RefusalKind.UNKNOWN_PARAMETER, name=sanitized(name))


def unknown_type(name: str) -> FhirError:
    """Returns HAPI's refusal of a reference to a resource type that does not exist."""
    return FhirError(400, f'HAPI-1250: Invalid/unsupported resource type: "{name}"', kind=RefusalKind.UNKNOWN_TYPE)


def unknown_parameter_text(resource_type: str, name: str, code: str) -> str:
    """Returns HAPI's words for a search parameter that the resource type does not have, with the code given."""
    return (
        f'{code}: Unknown search parameter "{sanitized(name)}" for resource type "{resource_type}". '
        f"Valid search parameters for this search are: [{listed_parameters(resource_type)}]"
    )


def listed_parameters(resource_type: str) -> str:
    """Returns a resource type's search parameters as HAPI's messages list them."""
    return ", ".join(sorted({*search_parameters(resource_type), "_id", "_lastUpdated"}))

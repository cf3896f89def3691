"""``_history`` of one resource, and reads of a version (FHIR R4 sections 3.1.0.2 and 3.1.0.12)."""

from __future__ import annotations

import re

from mab_gym.fhir.bundle import history_bundle
from mab_gym.fhir.outcome import FhirError


def check_version(resource_type: str, logical_id: str, version: str, current: str) -> None:
    """Refuses versions that a resource does not have.

    Raises:
        FhirError: 404 with HAPI's words.
    """
    if version == current:
        return
    if not re.fullmatch(r"[0-9]{1,18}", version):
        raise FhirError(404, f'HAPI-0978: Version "{version}" is not valid for resource {resource_type}/{logical_id}')
    raise FhirError(404, f'HAPI-0979: Version "{version}" is not valid for resource {resource_type}/{logical_id}')


def instance_history(
    bundle_id: str, last_updated: str, link: str, full_url: str, resource_type: str, logical_id: str, text: str
) -> str:
    """The history of a resource that has one version.

    Args:
        bundle_id: The Bundle's id.
        last_updated: When it was asked for.
        link: The request's own URL.
        full_url: The resource's URL.
        resource_type: Its type.
        logical_id: Its id.
        text: Its JSON, at the left margin.
    """
    url = f"{resource_type}/{logical_id}/_history/1"
    entry = (full_url, text.replace("\n", "\n    "), url)
    return history_bundle(bundle_id, last_updated, link, [entry])

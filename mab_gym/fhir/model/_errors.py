"""Errors that stay inside the FHIR server; clients get a `FhirError` (in ``_outcome``)."""

from __future__ import annotations


class DataFormatError(ValueError):
    """A body that HAPI's parser refuses; the error's text is HAPI's, from its own ``HAPI-nnnn`` on."""

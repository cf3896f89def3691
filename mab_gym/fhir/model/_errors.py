"""Errors that stay inside the FHIR engine; what it tells a client is a `FhirError` (see ``outcome``)."""

from __future__ import annotations


class DataFormatError(ValueError):
    """A body that HAPI's parser refuses; the error's text is HAPI's, from its own ``HAPI-nnnn`` on."""

"""Errors that stay inside the FHIR server; clients get a `FhirError` (in ``_outcome``)."""

from __future__ import annotations


class DataFormatError(ValueError):
    """A body that HAPI's parser refuses; the error's text is HAPI's, from its own ``HAPI-nnnn`` on."""


class JavaError(Exception):
    """A request over which HAPI fails with an exception of Java's.

    Attributes:
        name: The exception's class.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name

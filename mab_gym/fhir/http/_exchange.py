"""HTTP without a socket: requests and responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FHIR_JSON = "application/fhir+json;charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request to the server.

    Attributes:
        method: ``GET``, ``POST``, ``PUT``, ``DELETE`` or another.
        target: The part of the URL behind the base URL and its slash as it stands in a request line, encoded, as in
            ``Observation?patient=S1234567&code=K``.
        headers: Values by lower-case name.
        body: The request's text.
        base_url: The address by which the client reaches the server, without a slash at its end; if empty, the
            server's own.
        nested: True for an entry of a Bundle.
        content: The body's bytes, where they may be no text; None if the text says all.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    base_url: str = ""
    nested: bool = False
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """The server's answer to a request.

    Attributes:
        status: The HTTP status.
        body: The text, as sent.
        headers: Values by lower-case name.
        content: The bytes to send, where they are no FHIR; None if the text is to be sent.
    """

    status: int
    body: str
    headers: Mapping[str, str]
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class ServerOrigin:
    """The address and the clock that answers name.

    Attributes:
        base_url: The address of the server, without a slash at its end.
        instant: The simulated clock as a FHIR instant in UTC, to the millisecond.
        http_date: The simulated clock in the form of HTTP headers.
    """

    base_url: str
    instant: str
    http_date: str

"""HTTP without a socket: what a server is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FHIR_JSON = "application/fhir+json;charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request to the server.

    Attributes:
        method: ``GET``, ``POST``, ``PUT``, ``DELETE`` or another.
        target: What follows the base URL and its slash, as in ``Observation?patient=S1234567&code=K``.
        headers: By lower-case name.
        body: The request's text.
        base_url: The address by which the client reaches the server, without a slash at its end; the server's own
            where empty.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """What the server answers.

    Attributes:
        status: The HTTP status.
        body: The text, as sent.
        headers: By lower-case name.
    """

    status: int
    body: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ServerOrigin:
    """Where and when answers are given.

    Attributes:
        base_url: The address under which the server believes to be reached, without a slash at its end.
        instant: The simulated clock as a FHIR instant, to the millisecond.
        http_date: The same as HTTP headers have it.
    """

    base_url: str
    instant: str
    http_date: str

"""The gate: checks by which host names the server is asked, and which web pages may write to it.

Any web page can make the browser send requests, also to a server on the user's own computer. Two headers tell such
a request from a program's: ``Origin``, which names the page's server, and ``Host``. A page can make its own name point
to this server (DNS rebinding) and then read every answer, but the ``Host`` header still holds the page's name.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from mab_gym.errors import UsageError
from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.serve._forwarded import Reached, reached

READING = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing; browsers hide their answers from pages of other servers."""
ROOT = "/fhir"
_HOST = re.compile(r"(?P<name>[a-z0-9_](?:[a-z0-9_.-]{0,252})|\[[0-9a-f:.]{2,45}\])(?::(?P<port>\d{1,5}))?", re.ASCII)
_ORIGIN = re.compile(r"https?://[^/?#@\s]+", re.ASCII)
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_EXPOSED = "Location, Content-Location, ETag, Last-Modified, Retry-After"
_ASKED = (
    "Accept, Authorization, Cache-Control, Content-Type, If-Match, If-Modified-Since, If-None-Exist, If-None-Match, "
    "Prefer, X-MAB-Session, X-Requested-With, X-Security-Context"
)


class Gate:
    """Admits or refuses requests, and tells the base URL by which an admitted one reached the server.

    Args:
        own_url: The server's base URL, for a request that names no host.
        hosts: Further names of the server, each with a port (then only with this one) or without.
        origins: Origins of web pages that may write, and read in a browser, as in ``https://app.example.org``; ``*``
            for all of them.
        base_url: The base URL for all answers if the server is behind a proxy; its host is admitted.
        forwarded: True to believe the headers in which a proxy says by which address it was reached.

    Raises:
        UsageError: A host, an origin or the base URL is malformed.
    """

    def __init__(
        self,
        own_url: str,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        base_url: str | None = None,
        *,
        forwarded: bool = False,
    ) -> None:
        self._own_url = own_url
        self._base_url = None if base_url is None else _read_base_url(base_url)
        named = [own_url, *([self._base_url] if self._base_url else [])]
        self._hosts = {_without_port(urlsplit(url).netloc.lower()) for url in named} | set(map(_read_host, hosts))
        origins = list(origins)
        self._any_origin = "*" in origins
        self._origins = {_read_origin(origin) for origin in origins if origin != "*"}
        self._forwarded = forwarded
        if self._base_url is not None:
            self._origins.add(_origin_of(self._base_url))

    def admit(self, method: str, scheme: str, headers: Mapping[str, str], address: str) -> str:
        """Returns the base URL by which the client reached the server.

        Args:
            method: The request's method.
            scheme: ``http`` or ``https``.
            headers: The request's headers, by lower-case name.
            address: The server's address of the connection.

        Raises:
            FhirError: The request is for another host, or comes from another server's page and would write.
        """
        host = headers.get("host", "")
        if host:
            self._check_host(host.lower(), address)
        at = Reached(scheme, host)
        if self._forwarded and (at := reached(headers, at)).host != host:
            self._check_host(at.host.lower(), "")
        own_origin = f"{at.scheme}://{at.host.lower()}" if at.host else _origin_of(self._own_url)
        if method not in READING:
            self._check_origin(headers, own_origin)
        if self._base_url is not None:
            return self._base_url
        return f"{at.scheme}://{at.host}{at.prefix}{ROOT}" if at.host else self._own_url

    def grants(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Returns the headers that let an allowed page read the answer in a browser."""
        if not self._origins and not self._any_origin:
            return {}
        origin = headers.get("origin", "")
        if origin.lower() in self._origins:
            named = {"access-control-allow-origin": origin, "access-control-allow-credentials": "true"}
        elif self._any_origin:
            named = {"access-control-allow-origin": "*"}
        else:
            return {"vary": "Origin"}
        return {"vary": "Origin", "access-control-expose-headers": _EXPOSED, **named}

    def preflight(self, method: str, headers: Mapping[str, str]) -> dict[str, str] | None:
        """Returns the answer's headers for a CORS preflight request; None if this is not one.

        They grant nothing if the page may not send requests, or no request of this kind; its browser then sends none.
        """
        if method != "OPTIONS" or "origin" not in headers or "access-control-request-method" not in headers:
            return None
        allowed = self._any_origin or headers["origin"].lower() in self._origins
        if not allowed or headers["access-control-request-method"] not in _METHODS:
            return {}
        private = "access-control-request-private-network" in headers  # a page of the Internet, a server at home
        return {
            "access-control-allow-methods": ", ".join(_METHODS),
            "access-control-allow-headers": _ASKED,
            "access-control-max-age": "600",
            **({"access-control-allow-private-network": "true"} if private else {}),
        }

    def _check_host(self, host: str, address: str) -> None:
        found = _HOST.fullmatch(host)
        if found is None:
            raise FhirError(400, Issue("The Host header is no host and port", "invalid"))
        name = found["name"].rstrip(".")
        if not {name, host} & self._hosts and not _is_loopback(name) and not _is_same(name, address):
            raise FhirError(
                421,
                Issue(
                    f"This server does not answer for the host {name}, but for localhost and for what it was begun "
                    f"with; to allow it: mab-gym serve --allow-host {name}",
                    "security",
                ),
            )

    def _check_origin(self, headers: Mapping[str, str], own_origin: str) -> None:
        if self._any_origin:
            return
        origin = headers.get("origin")
        if origin is not None:
            if origin.lower() != own_origin and origin.lower() not in self._origins:
                raise self._foreign()
        elif headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise self._foreign()

    def _foreign(self) -> FhirError:
        text = (
            "Web pages of other servers may not write here; to let one: mab-gym serve --allow-origin and its origin, "
            "as in https://app.example.org"
        )
        return FhirError(403, Issue(text, "security"))


def _read_host(text: str) -> str:
    host = text.strip().lower()
    if _HOST.fullmatch(host) is None:
        raise UsageError(f"--allow-host takes a host's name or address, as in records.example.org, not {text!r}")
    return host


def _read_origin(text: str) -> str:
    origin = text.strip().lower().removesuffix("/")
    if _ORIGIN.fullmatch(origin) is None or _HOST.fullmatch(urlsplit(origin).netloc) is None:
        raise UsageError(f"--allow-origin takes a page's origin, as in https://app.example.org, not {text!r}")
    return origin


def _read_base_url(text: str) -> str:
    url = text.strip().removesuffix("/")
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    known = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc.lower()) is not None
    if not known or parts.query or parts.fragment:
        raise UsageError(f"--base-url takes the server's address, as in https://records.example.org/fhir, not {text!r}")
    return url


def _without_port(host: str) -> str:
    found = _HOST.fullmatch(host)
    return host if found is None else found["name"]


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


@lru_cache(maxsize=256)
def _is_loopback(name: str) -> bool:
    try:
        return name == "localhost" or ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_same(name: str, address: str) -> bool:
    """Tells if a host is the server's address of the connection, which a name never is."""
    try:
        return ipaddress.ip_address(name.strip("[]")) == ipaddress.ip_address(address)
    except ValueError:
        return False

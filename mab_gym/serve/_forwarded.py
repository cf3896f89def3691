"""Headers in which a proxy says by which address its client reached it: ``X-Forwarded-*`` and ``Forwarded`` (RFC 7239).

Any client can send them, so that they are read only where the server was told that a proxy writes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_PREFIX = re.compile(r"(?:/[\w.~-]{1,64}){1,8}", re.ASCII)
_PAIR = re.compile(r"\s*(\w+)\s*=\s*(?:\"([^\"]*)\"|([^;,\s]*))\s*", re.ASCII)
_USUAL_PORTS = {"http": "80", "https": "443"}


class Reached(NamedTuple):
    """The address by which a client reached the server.

    Attributes:
        scheme: ``http`` or ``https``.
        host: The host, with a port where it is not the scheme's own.
        prefix: The path that a proxy puts before this server's paths, or an empty text.
    """

    scheme: str
    host: str
    prefix: str = ""


def reached(headers: Mapping[str, str], direct: Reached) -> Reached:
    """Returns the address that a proxy states; what it does not state is that of the connection.

    Args:
        headers: The request's headers, by lower-case name.
        direct: The address of the connection.
    """
    standard = {name.lower(): quoted or plain for name, quoted, plain in _PAIR.findall(_first(headers, "forwarded"))}
    scheme = (_first(headers, "x-forwarded-proto") or standard.get("proto", "")).lower()
    scheme = scheme if scheme in _USUAL_PORTS else direct.scheme
    host = _first(headers, "x-forwarded-host") or standard.get("host", "") or direct.host
    port = _first(headers, "x-forwarded-port")
    if port.isascii() and port.isdecimal() and len(port) < 6 and not re.search(r":\d+$", host):
        host += "" if port == _USUAL_PORTS[scheme] else f":{port}"
    prefix = _first(headers, "x-forwarded-prefix").rstrip("/")
    return Reached(scheme, host, prefix if _PREFIX.fullmatch(prefix) else "")


def _first(headers: Mapping[str, str], name: str) -> str:
    """Returns the first of several values: that of the proxy which the client reached."""
    return headers.get(name, "").split(",", 1)[0].strip()

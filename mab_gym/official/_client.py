"""GETs as the official harness makes them: with Python's ``requests``, whose errors the agent reads.

This module does not need ``requests``. It words the same errors, and normalises a URL as ``requests`` 2.32 with
``urllib3`` 2 does before sending it, because an error names the URL in that form. Invalid hosts are refused, too, but
``urllib3`` changes those words from release to release.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import ascii_letters, digits
from urllib.parse import quote, urlsplit, urlunsplit

from mab_gym.backends import RecordSession
from mab_gym.fhir.http._exchange import Request, Response

_SCHEME = re.compile(r"^(?:[a-zA-Z][a-zA-Z0-9+\-]*:|/)")
_PARTS = re.compile(r"(?:([a-zA-Z][a-zA-Z0-9+.\-]*):)?(?://([^\\/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_HOST_PORT = re.compile(r"(\[[0-9a-fA-F:.%\w\-~]+\]|[^\[\]%:/?#]*)(?::([0-9]{0,5}))?", re.DOTALL)
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
_UNRESERVED = ascii_letters + digits + "-._~"
_IN_PATH = _UNRESERVED + "!$&'()*+,;=:@/"
_IN_QUERY = _IN_PATH + "?"
_SAFE = "!#$%&'()*+,/:;=?@[]~"
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class ClientError(Exception):
    """An error that ``requests`` would raise, with the same text.

    Attributes:
        response: The response where the server refused; None where nothing was sent.
    """

    response: Response | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """A URL as ``requests`` sends it.

    Attributes:
        url: The whole URL, as errors name it.
        scheme: ``http`` or ``https``.
        host: In lower case.
        port: As written, or the scheme's own.
        target: Path and query, as they are sent.
    """

    url: str
    scheme: str
    host: str
    port: str
    target: str


def fetch(session: RecordSession, base_url: str, url: str) -> Response:
    """Returns the response to a GET.

    Args:
        session: The record system.
        base_url: The record system's address, without a slash at its end. Nothing else can be reached.
        url: The URL that the agent wrote, with what the harness appends.

    Raises:
        ClientError: The URL is invalid, leads elsewhere, or was answered with a status of 400 or more.
    """
    address, base = normalised(url), normalised(base_url)
    if (address.scheme, address.host, address.port) != (base.scheme, base.host, base.port):
        # The real client adds the operating system's own words, which differ from one machine to the next.
        kind = "HTTPSConnectionPool" if address.scheme == "https" else "HTTPConnectionPool"
        raise ClientError(
            f"{kind}(host={address.host!r}, port={address.port}): Max retries exceeded with url: {address.target} "
            "(Caused by NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused'))"
        )
    path, mark, query = address.target.partition("?")
    if path != base.target and not path.startswith(f"{base.target}/"):
        raise _refused(404, address.url)
    below = path[len(base.target) :].removeprefix("/")
    response = session.handle(Request("GET", below + mark + query))
    if response.status >= 400:
        error = _refused(response.status, address.url)
        error.response = response
        raise error
    return response


def _refused(status: int, url: str) -> ClientError:
    # Between the words stands the reason phrase, which HAPI's web server leaves empty.
    return ClientError(f"{status} {'Client' if status < 500 else 'Server'} Error:  for url: {url}")


def normalised(url: str) -> Address:
    """Returns a URL as ``requests`` prepares it: scheme and host lower-cased, no dot segments, percent-encoded.

    Raises:
        ClientError: ``requests`` would not send it.
    """
    url = url.lstrip()
    if ":" in url and not url.lower().startswith("http"):
        raise ClientError(f"No connection adapters were found for {url!r}")
    scheme, authority, path, query, fragment = _split(url)
    if not scheme:
        raise ClientError(f"Invalid URL {url!r}: No scheme supplied. Perhaps you meant https://{url}?")
    userinfo, at, host_port = authority.rpartition("@")
    found = _HOST_PORT.fullmatch(host_port)
    if found is None or (found[2] and int(found[2]) > 65535):
        raise ClientError(f"Failed to parse: {url}")
    host = found[1].lower()
    if not host:
        raise ClientError(f"Invalid URL {url!r}: No host supplied")
    if scheme not in _DEFAULT_PORTS:
        raise ClientError(f"No connection adapters were found for {url!r}")
    host = _ascii_host(host)
    userinfo = _encoded(userinfo, _UNRESERVED + "!$&'()*+,;=:")
    netloc = userinfo + at + host + (f":{int(found[2])}" if found[2] else "")
    path = _encoded(_without_dots(path), _IN_PATH) if path else "/"
    whole = urlunsplit((scheme, netloc, path, _encoded(query, _IN_QUERY), _encoded(fragment, _IN_QUERY)))
    whole = quote(_unquoted_unreserved(whole), safe=_SAFE)
    try:
        parts = urlsplit(whole)
    except ValueError:  # an IPv6 address that is none
        raise ClientError(f"Failed to parse: {url}") from None
    port = str(int(found[2])) if found[2] else _DEFAULT_PORTS[scheme]
    return Address(whole, scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _split(url: str) -> tuple[str, str, str, str, str]:
    found = _PARTS.fullmatch(url if _SCHEME.search(url) else f"//{url}")
    if found is None:
        raise ClientError(f"Failed to parse: {url}")
    scheme, authority, path, query, fragment = (part or "" for part in found.groups())
    return scheme.lower(), authority, path, query, fragment


def _ascii_host(host: str) -> str:
    try:
        ascii_host = host.encode("ascii" if host.isascii() else "idna").decode("ascii")
    except UnicodeError:
        raise ClientError("URL has an invalid label.") from None
    if ascii_host.startswith(("*", ".")):
        raise ClientError("URL has an invalid label.")
    return ascii_host


def _without_dots(path: str) -> str:
    """Removes dot segments by RFC 3986, section 5.2.4."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if path.startswith("/") and (not kept or kept[0]):
        kept.insert(0, "")
    if path.endswith(("/.", "/..")):
        kept.append("")
    return "/".join(kept)


def _encoded(text: str, allowed: str) -> str:
    """Percent-encodes a text; percent signs stay where every one of them already begins an encoded byte."""
    text, already = _PERCENT.subn(lambda found: found[0].upper(), text)
    keep = allowed + "%" if already == text.count("%") else allowed
    return quote(text.encode("utf-8", "surrogatepass"), safe=keep)


def _unquoted_unreserved(url: str) -> str:
    """Decodes percent-encoded letters, digits and ``-._~``."""

    def plain(found: re.Match[str]) -> str:
        character = chr(int(found[0][1:], 16))
        return character if character in _UNRESERVED else found[0]

    return _PERCENT.sub(plain, url)

"""Requests to a FHIR server over an unreliable network: repeated after a while, then given up with a clear message."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from mab_gym.client._retry_after import retry_after
from mab_gym.client._transport import FRESH, fhir_base, import_httpx, secret_headers
from mab_gym.errors import RecordsError
from mab_gym.fhir.store._base import parse_element

TRIES: Final = 6
LONGEST_WAIT: Final = 60.0
"""The longest wait before a request is repeated, in seconds, even if ``Retry-After`` asks for more."""
_TIMEOUT: Final = 120.0
_GONE: Final = (404, 410)
"""The status codes of servers for a search page that they have forgotten."""


class StatusError(RecordsError):
    """A server refused a request; repeating it would not help."""


class Asking:
    """A connection to one server.

    Args:
        base_url: The server's FHIR base.
        pause: Seconds before a failed request is repeated the first time; doubled each time. If the server says how
            long to wait (``Retry-After``, RFC 9110 section 10.2.3), that is used, up to `LONGEST_WAIT`.

    Raises:
        NotInstalledError: httpx is missing.
        UsageError: The URL is not valid, or holds a password.
    """

    def __init__(self, base_url: str, pause: float) -> None:
        self._httpx, self._pause = import_httpx(), pause
        self._url = fhir_base(base_url)
        self._base = base_url
        headers = {"Accept": "application/fhir+json", **FRESH, **secret_headers()}
        self._client = self._httpx.Client(timeout=_TIMEOUT, headers=headers, follow_redirects=False, trust_env=False)

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def get(self, url: str, gone: bool = False, tries: int = TRIES) -> Mapping[str, Any] | None:
        """Fetches the JSON object at an address.

        Args:
            url: The address.
            gone: True to return None if the server has forgotten the page.
            tries: The greatest number of requests.

        Raises:
            StatusError: The server refused the request.
            RecordsError: The server did not answer, or not in FHIR JSON.
        """
        said, wait = "", self._pause
        for attempt in range(tries):
            if attempt:
                time.sleep(min(wait, LONGEST_WAIT))
            wait = self._pause * 2**attempt
            try:
                answer = self._client.get(url)
            except self._httpx.HTTPError as error:
                said = f"{type(error).__name__} ({error})" if str(error) else type(error).__name__
                continue
            if answer.status_code == 200:
                read = self._read(url, answer.text)
                if read is not None:
                    return read
                said = "its answer breaks off"
                continue
            said = f"status {answer.status_code}"
            if gone and answer.status_code in _GONE:
                return None
            if answer.status_code < 500 and answer.status_code != 429:
                raise StatusError(_silent(url, said))
            asked = retry_after(answer.headers.get("retry-after"))
            wait = wait if asked is None else asked
        raise RecordsError(_silent(url, said))

    def same_origin(self, link: str) -> str:
        """Returns the absolute URL of a link to a next page.

        Raises:
            RecordsError: The link leads to another server.
        """
        url = self._url.join(link)
        if (url.scheme, url.host, url.port) != (self._url.scheme, self._url.host, self._url.port):
            raise RecordsError(
                f"{self._base} says that its next page is at {url.scheme}://{url.host}; import from the address that "
                "the server knows itself by"
            )
        return str(url)

    def _read(self, url: str, text: str) -> Mapping[str, Any] | None:
        """Parses an answer; returns None if it is empty, or begins as JSON but breaks off."""
        try:
            read = parse_element(text)
        except (ValueError, RecursionError):
            if text.lstrip("\ufeff \t\r\n")[:1] in ("", "{"):
                return None
            read = None
        if not isinstance(read, dict):
            raise RecordsError(f"{url.partition('?')[0]} does not answer in FHIR JSON; is it a FHIR base?")
        return read


def _silent(url: str, said: str) -> str:
    return f"{url.partition('?')[0]} did not answer with resources: {said}; run the same command to go on"

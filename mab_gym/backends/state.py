"""What a HAPI FHIR server holds, as a digest: two equal ones mean that nothing was changed in between.

Every create, update and delete makes a version, and the newest versions of all resources stand on the first page of the
system's history; what was expunged there comes to light by the number of resources of each type; labels, which make no
version, are listed by ``$meta``. All three are asked of the database each time, where the total of a history would come
from a minute-old cache (HAPI 7.6, ``HistoryCountModeEnum``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Final

from mab_gym.backends.transport import Transport
from mab_gym.errors import InfrastructureError
from mab_gym.fhir.exchange import Request

_NEWEST: Final = 20


def state_digest(transport: Transport, types: Iterable[str]) -> str:
    """Identifies what a server holds; resources that the agents' searches leave behind do not count.

    Args:
        transport: Leads to the server.
        types: The resource types that the snapshot holds.

    Raises:
        InfrastructureError: The server does not answer.
    """
    newest = [
        [
            entry.get("request", {}).get("method"),
            entry.get("request", {}).get("url"),
            entry.get("resource", {}).get("meta", {}).get("lastUpdated"),
        ]
        for entry in _asked(transport, f"_history?_count={_NEWEST}").get("entry", ())
    ]
    told = {"newest": newest, "counts": counts(transport, types), "labels": _labels(transport)}
    return hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=16).hexdigest()


def counts(transport: Transport, types: Iterable[str]) -> dict[str, int]:
    """How many resources of each type a server holds.

    Raises:
        InfrastructureError: The server does not answer.
    """
    return {name: int(_asked(transport, f"{name}?_summary=count").get("total", -1)) for name in sorted(types)}


def _labels(transport: Transport) -> list[str]:
    """The tags, profiles and security labels that occur."""
    said = _asked(transport, "$meta").get("parameter", [{}])
    meta = said[0].get("valueMeta", {})  # left out where there are none
    listed = [*meta.get("tag", ()), *meta.get("security", ()), *meta.get("profile", ())]
    return sorted(json.dumps(label, sort_keys=True) for label in listed)


def _asked(transport: Transport, target: str) -> dict[str, Any]:
    response = transport.send(Request("GET", target))
    try:
        read = json.loads(response.body)
    except ValueError:
        read = None
    if response.status != 200 or not isinstance(read, dict):
        raise InfrastructureError(f"the record system does not tell its state: {target} answers {response.status}")
    return read

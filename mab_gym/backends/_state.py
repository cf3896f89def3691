"""What a HAPI FHIR server holds, as far as it takes to prove that nothing was changed since.

Creates and updates give a resource a time later than any before (``_lastUpdated``); what is gone comes to light by the
number of resources of each type; labels, which change no time, are listed by ``$meta``. All of it is asked of the
database each time, and all but the numbers costs the same in a large hospital. Histories are of no use for this: HAPI
7.6 takes their totals from a minute-old cache (``HistoryCountModeEnum``) and sorts all versions for a page (4 s among
240,000 resources).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

from mab_gym.client._transport import Transport
from mab_gym.errors import InfrastructureError
from mab_gym.fhir.http._exchange import Request


@dataclass(frozen=True, slots=True)
class State:
    """What was seen of a server.

    Attributes:
        counts: How many resources there are, by type.
        newest: When the newest of them was written, as a FHIR instant of the server's own clock.
        labels: The tags, security labels and profiles that occur, each as JSON.
    """

    counts: Mapping[str, int]
    newest: str
    labels: tuple[str, ...]

    def to_text(self) -> str:
        """The same as JSON, to be kept with a snapshot."""
        return json.dumps(asdict(self), sort_keys=True)


def read_state(text: str) -> State:
    """The inverse of `State.to_text`.

    Raises:
        InfrastructureError: The text is of another version.
    """
    try:
        told = json.loads(text)
        return State(dict(told["counts"]), str(told["newest"]), tuple(told["labels"]))
    except (ValueError, KeyError, TypeError):
        raise InfrastructureError(
            "the snapshot was made by another version of mab_gym; make it anew: mab-gym hapi up, load and snapshot"
        ) from None


def state_of(transport: Transport, types: Iterable[str]) -> State:
    """What a server holds now.

    Args:
        transport: Leads to the server.
        types: The resource types that it holds.

    Raises:
        InfrastructureError: The server does not answer.
    """
    names = sorted(types)
    newest = ""
    for name in names:
        for entry in _asked(transport, name, _sort="-_lastUpdated", _count="1", _elements="meta").get("entry", ()):
            newest = max(newest, str(entry["resource"]["meta"]["lastUpdated"]))
    return State(counts(transport, names), newest, _labels(transport))


def difference(transport: Transport, state: State, written: Iterable[str] | None = None) -> str | None:
    """In what a server differs from an earlier state; None where in nothing.

    Args:
        transport: Leads to the server.
        state: What was seen earlier.
        written: The types that were written to since, whose resources are counted; all of the state's where None. The
            types of the state are looked at for newer resources in any case.

    Raises:
        InfrastructureError: The server does not answer.
    """
    counted = sorted(state.counts if written is None else written)
    for name in sorted({*state.counts, *counted}):
        newer = _asked(transport, name, _lastUpdated=f"gt{state.newest}", _summary="count").get("total")
        if newer != 0:
            return f"{newer} {name} newer than the snapshot"
    for name, found in counts(transport, counted).items():
        if found != state.counts.get(name, 0):
            return f"{found} {name} in place of {state.counts.get(name, 0)}"
    return None if _labels(transport) == state.labels else "other labels"


def counts(transport: Transport, types: Iterable[str]) -> dict[str, int]:
    """How many resources of each type a server holds.

    Raises:
        InfrastructureError: The server does not answer.
    """
    return {name: int(_asked(transport, name, _summary="count").get("total", -1)) for name in sorted(types)}


def _labels(transport: Transport) -> tuple[str, ...]:
    said = _asked(transport, "$meta").get("parameter", [{}])
    meta = said[0].get("valueMeta", {})  # left out where there are none
    listed = [*meta.get("tag", ()), *meta.get("security", ()), *meta.get("profile", ())]
    return tuple(sorted(json.dumps(label, sort_keys=True) for label in listed))


def _asked(transport: Transport, path: str, **parameters: str) -> dict[str, Any]:
    target = f"{path}?{urlencode(parameters)}" if parameters else path
    response = transport.send(Request("GET", target))
    try:
        read = json.loads(response.body)
    except ValueError:
        read = None
    if response.status != 200 or not isinstance(read, dict):
        raise InfrastructureError(f"the record system does not tell its state: {target} answers {response.status}")
    return read

"""The state of a HAPI FHIR server, with enough in it to prove later that nothing has changed.

A create or an update gives a resource a later time than any before (``_lastUpdated``). A missing resource shows in the
number of resources of its type. Labels, which change no time, are listed by ``$meta``. Each of these asks the database;
all but the numbers cost the same in a large hospital. Histories do not help: HAPI 7.6 takes their totals from a
minute-old cache (``HistoryCountModeEnum``) and sorts all versions for a page (4 s among 240,000 resources).
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
    """The state of a server at one moment.

    Attributes:
        counts: The number of resources of each type.
        newest: The moment at which the newest of them was written, a FHIR instant of the server's own clock.
        labels: The tags, security labels and profiles that occur, each as JSON.
    """

    counts: Mapping[str, int]
    newest: str
    labels: tuple[str, ...]

    def to_text(self) -> str:
        """Returns the state as JSON, to be kept with a snapshot."""
        return json.dumps(asdict(self), sort_keys=True)


def read_state(text: str) -> State:
    """Reads what `State.to_text` wrote.

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
    """Returns the state of a server now.

    Args:
        transport: The connection to the server.
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
    """Returns the first difference between a server and an earlier state, in words; None where there is none.

    Args:
        transport: The connection to the server.
        state: The earlier state.
        written: The types that were written to since; their resources are counted. None for all types of the state.
            All types of the state are searched for newer resources in any case.

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
    """Returns the number of resources of each type on a server.

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

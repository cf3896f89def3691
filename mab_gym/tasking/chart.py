"""The record system's snapshot as a verifier and a case drawer read it: through FHIR, on any backend."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlencode

from mab_gym.backends import Backend
from mab_gym.errors import InfrastructureError
from mab_gym.fhir.http._server import Request

_T = TypeVar("_T")
_UNKNOWN: Final = object()
_REMEMBERED = 100_000
"""So many answers about single people are kept at most."""
_LARGE = 2000
"""Patients from whom on a hospital is looked at in parts."""
_PARTS, _TRIED, _PART = 200, 30, 5
"""Parts that are tried before everybody is looked at, people who are tried for each, and those of them who count."""
_NOT_VALID = ("entered-in-error", "cancelled")


class ChartError(InfrastructureError):
    """The record system did not answer a question about the snapshot; an infrastructure fault, not an agent's."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One numeric result.

    Attributes:
        value: In ``unit``.
        unit: As the chart writes it.
        moment: When the specimen was taken, timezone-aware.
        written: The same as the chart writes it.
    """

    value: float
    unit: str
    moment: datetime
    written: str


class Chart:
    """Everything the snapshot holds, unchanged by any episode.

    Args:
        backend: The record system.
        laid_over: Resources that an episode's snapshot has in place of others, or in addition.

    Attributes:
        now: The record system's clock, timezone-aware.
        base_url: The FHIR base, without a slash at its end.
    """

    def __init__(self, backend: Backend, laid_over: Sequence[Mapping[str, Any]] = ()) -> None:
        self.now = backend.now
        self._backend = backend
        self.base_url = backend.base_url
        self._session = backend.open()
        if laid_over:
            self._session.prepare(laid_over)
        self._memory: dict[Any, Any] = {}
        self._of_all: dict[str, Any] = {}

    def with_laid_over(self, resources: Sequence[Mapping[str, Any]]) -> Chart:
        """The same snapshot with resources laid over it."""
        return Chart(self._backend, resources)

    def remember(self, key: Any, compute: Callable[[], _T]) -> _T:
        """Computes something about the snapshot once (it never changes).

        Args:
            key: A text for what there is once, and is kept; anything else for one of many, which may be forgotten.
            compute: Computes it.
        """
        found: _T | object = self._known(key)
        if found is _UNKNOWN:
            found = compute()
            self._keep(key, found)
        return cast(_T, found)

    def _known(self, key: Any) -> Any:
        return (self._of_all if isinstance(key, str) else self._memory).get(key, _UNKNOWN)

    def _keep(self, key: Any, value: Any) -> None:
        if isinstance(key, str):
            self._of_all[key] = value
            return
        if len(self._memory) >= _REMEMBERED:
            for oldest in list(self._memory)[: _REMEMBERED // 4]:
                self._memory.pop(oldest, None)  # another thread may have been faster
        self._memory[key] = value

    def search(self, resource_type: str, **parameters: str) -> Iterator[dict[str, Any]]:
        """All resources that a FHIR search finds, page after page.

        Args:
            resource_type: What to search.
            parameters: Search parameters; write ``-`` in a name as ``__`` (``code__value-quantity`` is not needed).

        Raises:
            ChartError: The record system refused.
        """
        query = urlencode({name.replace("__", "-"): value for name, value in parameters.items()})
        target: str | None = f"{resource_type}?{query}"
        while target is not None:
            response = self._session.handle(Request("GET", target))
            if response.status != 200:
                raise ChartError(f"GET {target} answered {response.status}: {response.body[:300]}")
            bundle = json.loads(response.body)
            yield from (entry["resource"] for entry in bundle.get("entry", ()))
            following = (link["url"] for link in bundle.get("link", ()) if link["relation"] == "next")
            target = next((url.removeprefix(self.base_url).removeprefix("/") for url in following), None)

    def patients(self) -> Mapping[str, Mapping[str, Any]]:
        """Every Patient by id, in load order."""
        return self.remember("patients", lambda: {p["id"]: p for p in self.search("Patient", _count="1000")})

    def patient(self, mrn: str) -> Mapping[str, Any] | None:
        """One Patient, or None."""
        found = self.remember(("patient", mrn), lambda: next(self.search("Patient", _id=mrn), None))
        return found

    def profiles(self) -> tuple[str, ...]:
        """The MRNs of the patients who have any Observation, in load order."""
        return self.remember("profiles", lambda: tuple(filter(self.has_results, self.patients())))

    def has_results(self, mrn: str) -> bool:
        """Tells if a patient has any Observation."""

        def look() -> bool:
            return next(self.search("Observation", patient=mrn, _count="1"), None) is not None

        return self.remember(("has results", mrn), look)

    def parts(self, rng: random.Random) -> Iterator[Chart]:
        """The chart as a case is drawn from it: whole or, where the hospital is large, a few people at a time.

        All but the last show some people drawn by chance as their `profiles`, so that not everybody has to be looked at
        to find somebody who fits. The last is the whole.

        Args:
            rng: The chance of the draw.
        """
        if len(self.patients()) > _LARGE:
            everybody = self.remember("everybody", lambda: tuple(self.patients()))
            for _ in range(_PARTS):
                yield self.part(rng.sample(everybody, _TRIED))
        yield self

    def part(self, mrns: Sequence[str]) -> ChartPart:
        """The same chart, whose `profiles` are the first of some people who have any Observation, five at most.

        Args:
            mrns: These people; where nobody of them has any, everybody counts.
        """
        return ChartPart(self, mrns)

    def latest(self, mrn: str, code: str, *, before: datetime | None = None) -> Reading | None:
        """A patient's most recent valid result of one kind, or None.

        Args:
            mrn: The patient.
            code: The observation's code, as in ``MG``.
            before: Only results strictly earlier than this.
        """

        def look() -> Reading | None:
            bound = {} if before is None else {"date": f"lt{before.isoformat()}"}
            newest = self.search("Observation", patient=mrn, code=code, _sort="-date", _count="5", **bound)
            return next((reading for reading in map(_reading, newest) if reading is not None), None)

        return self.remember(("latest", mrn, code, before), look)

    def readings(self, mrn: str, code: str, since: datetime) -> tuple[Reading, ...]:
        """A patient's valid results of one kind from a moment (itself included) until now, the newest first."""

        def look() -> tuple[Reading, ...]:
            found = self.search(
                "Observation", patient=mrn, code=code, date=f"ge{since.isoformat()}", _sort="-date", _count="100"
            )
            # HAPI compares by seconds and knows partial dates; the window itself is exact.
            return tuple(r for r in map(_reading, found) if r is not None and since <= r.moment <= self.now)

        return self.remember(("readings", mrn, code, since), look)


class ChartPart(Chart):
    """A chart of some people; what is remembered of everybody is shared with the whole.

    Attributes:
        was_asked: Whether anybody asked for its `profiles`.
    """

    def __init__(self, whole: Chart, mrns: Sequence[str]) -> None:
        self.now = whole.now
        self.base_url = whole.base_url
        self._backend = whole._backend
        self._session = whole._session
        self._memory, self._of_all = whole._memory, whole._of_all
        self._whole, self._some = whole, mrns
        self.was_asked = False

    def profiles(self) -> tuple[str, ...]:
        """Some of the patients who have any Observation, see `Chart.part`."""
        self.was_asked = True
        return tuple(islice(filter(self.has_results, self._some), _PART)) or self._whole.profiles()

    def remember(self, key: Any, compute: Callable[[], _T]) -> _T:
        """Computes something once, as `Chart.remember` does; what is computed from these people alone is not kept."""
        found: _T | object = self._known(key)
        if found is _UNKNOWN:
            before, self.was_asked = self.was_asked, False
            found = compute()
            if not self.was_asked:
                self._keep(key, found)
            self.was_asked |= before
        return cast(_T, found)


def _reading(resource: Mapping[str, Any]) -> Reading | None:
    quantity = resource.get("valueQuantity", {})
    written = resource.get("effectiveDateTime", "")
    if resource.get("status") in _NOT_VALID or "value" not in quantity:
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return Reading(float(quantity["value"]), str(quantity.get("unit", "")), moment, written)

"""`Chart`: the record system's snapshot as verifiers and `draw` functions read it, through FHIR on any backend."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlencode

import orjson

from mab_gym.backends import Backend
from mab_gym.errors import InfrastructureError
from mab_gym.fhir.http._server import Request

__all__ = ["Chart", "ChartError", "LedgerFact", "Reading"]

_T = TypeVar("_T")
_UNKNOWN: Final = object()
_REMEMBERED = 100_000
"""The greatest number of remembered answers about single people."""
_LARGE = 2000
"""Above so many patients, cases are drawn from a few people at a time."""
_PARTS, _TRIED, _PART = 200, 30, 5
"""Parts tried before the whole chart, people sampled for each part, and people that a part shows."""
_GROUP = 125
"""People of a group of a living hospital, at least: most branches of most families find theirs among them."""
_NOT_VALID = ("entered-in-error", "cancelled")


class ChartError(InfrastructureError):
    """The record system did not answer a question about the snapshot: an infrastructure fault, not the agent's."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One numeric result.

    Attributes:
        value: The value, in ``unit``.
        unit: The unit as the chart writes it.
        moment: The time at which the specimen was taken, timezone-aware.
        written: The same time as the chart writes it.
    """

    value: float
    unit: str
    moment: datetime
    written: str


@dataclass(frozen=True, slots=True)
class LedgerFact:
    """Something that is true of a person for a time, and stands in notes; no agent sees the ledger.

    Attributes:
        subject: The thing it is about, as in ``drug:warfarin:taken``, ``allergy:penicillin:reaction``, ``code_status``.
        says: The truth, as data: ``{"takes": False, "since": …}``, in texts and numbers.
        since: From when on it is true, timezone-aware.
        until: Until when; None if it is still true.
        documents: Ids of the DocumentReferences that say so.
        contradicted_in: Ids of those that say something else.
        structured: True if a resource other than a note says it, too.
        quotes: The words of each of ``documents``.
        misquotes: The words of each of ``contradicted_in``.
    """

    subject: str
    says: Mapping[str, str | float | bool]
    since: datetime
    until: datetime | None
    documents: Sequence[str]
    contradicted_in: Sequence[str]
    structured: bool
    quotes: Sequence[str]
    misquotes: Sequence[str]


class Chart:
    """The snapshot that an episode begins with; no episode changes it.

    Args:
        backend: The record system.
        laid_over: Resources that replace others of the snapshot or are added to it.

    Attributes:
        now: The record system's clock, timezone-aware.
        base_url: The FHIR base, without a slash at its end.
    """

    def __init__(self, backend: Backend, laid_over: Sequence[Mapping[str, Any]] = ()) -> None:
        self.now = backend.now
        self._backend = backend
        self.base_url = backend.base_url
        self._session = backend.open()
        self._ledger: Mapping[str, str] = getattr(backend, "ledger", {})
        if laid_over:
            self._session.prepare(laid_over)
        self._memory: dict[Any, Any] = {}
        self._of_all: dict[str, Any] = {}
        self._of_groups: dict[int, dict[Any, Any]] = {}

    def with_laid_over(self, resources: Sequence[Mapping[str, Any]]) -> Chart:
        """Returns a chart of the same snapshot with resources laid over it."""
        return Chart(self._backend, resources)

    def remember(self, key: Any, compute: Callable[[], _T]) -> _T:
        """Computes something about the snapshot once (it never changes).

        Args:
            key: A text for a fact about the whole chart, which is always kept; a tuple for a fact about one patient,
                which may be forgotten.
            compute: Computes the value.
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
        """Yields all resources that a FHIR search finds, page after page.

        Args:
            resource_type: The resource type to search.
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
            bundle = orjson.loads(response.body)
            yield from (entry["resource"] for entry in bundle.get("entry", ()))
            following = (link["url"] for link in bundle.get("link", ()) if link["relation"] == "next")
            target = next((url.removeprefix(self.base_url).removeprefix("/") for url in following), None)

    def patients(self) -> Mapping[str, Mapping[str, Any]]:
        """Returns every Patient by id, in load order."""
        return self.remember("patients", lambda: {p["id"]: p for p in self.search("Patient", _count="1000")})

    def patient(self, mrn: str) -> Mapping[str, Any] | None:
        """Returns one Patient, or None if there is none with this MRN."""
        found = self.remember(("patient", mrn), lambda: next(self.search("Patient", _id=mrn), None))
        return found

    def profiles(self) -> tuple[str, ...]:
        """Returns the MRNs of the patients who have any Observation, in load order."""
        return self.remember("profiles", lambda: tuple(filter(self.has_results, self.patients())))

    def has_results(self, mrn: str) -> bool:
        """Tells if a patient has any Observation."""

        def look() -> bool:
            return next(self.search("Observation", patient=mrn, _count="1"), None) is not None

        return self.remember(("has results", mrn), look)

    def facts(self, mrn: str) -> tuple[LedgerFact, ...]:
        """Returns the ledger of one person, for draws alone: none where the records come from elsewhere.

        Verifiers ask a case's parameters instead, since a case is judged on any backend.
        """

        def look() -> tuple[LedgerFact, ...]:
            return tuple(_fact(each) for each in json.loads(self._ledger.get(mrn, "[]")))

        return self.remember(("facts", mrn), look)

    def parts(self, rng: random.Random) -> Iterator[Chart]:
        """Yields the charts to draw a case from: in a large hospital first some small parts, then the whole chart.

        The `profiles` of a part are some of the people, so that fitting patients are usually found without reading the
        whole hospital. In a living hospital, where a case may want several people of rare kinds, the parts are groups
        that stay the same; elsewhere they are a few people chosen at random.

        Args:
            rng: The random generator of the draw.
        """
        if self._ledger:
            groups = len(self.patients()) // _GROUP
            for number in rng.sample(range(groups), groups) if groups > 1 else ():
                yield ChartGroup(self, list(self.patients())[number::groups], self._of_groups.setdefault(number, {}))
        elif len(self.patients()) > _LARGE:
            everybody = self.remember("everybody", lambda: tuple(self.patients()))
            for _ in range(_PARTS):
                yield self.part(rng.sample(everybody, _TRIED))
        yield self

    def part(self, mrns: Sequence[str]) -> ChartPart:
        """Returns the same chart with `profiles` reduced to at most five of these people who have any Observation.

        Args:
            mrns: The people; if none of them has an Observation, `profiles` are those of the whole chart.
        """
        return ChartPart(self, mrns)

    def latest(self, mrn: str, code: str, *, before: datetime | None = None) -> Reading | None:
        """Returns a patient's most recent valid result of one kind, or None.

        Args:
            mrn: The patient.
            code: The observation's code, as in ``MG``.
            before: If given, only results strictly earlier than this.
        """

        def look() -> Reading | None:
            bound = {} if before is None else {"date": f"lt{before.isoformat()}"}
            newest = self.search("Observation", patient=mrn, code=code, _sort="-date", _count="5", **bound)
            return next((reading for reading in map(_reading, newest) if reading is not None), None)

        return self.remember(("latest", mrn, code, before), look)

    def readings(self, mrn: str, code: str, since: datetime) -> tuple[Reading, ...]:
        """Returns a patient's valid results of one kind since a moment (included), the newest first."""

        def look() -> tuple[Reading, ...]:
            found = self.search(
                "Observation", patient=mrn, code=code, date=f"ge{since.isoformat()}", _sort="-date", _count="100"
            )
            # HAPI compares by seconds and knows partial dates; the window itself is exact.
            return tuple(r for r in map(_reading, found) if r is not None and since <= r.moment <= self.now)

        return self.remember(("readings", mrn, code, since), look)


class ChartPart(Chart):
    """A chart whose `profiles` are a few people; it shares its memory with the whole chart.

    Attributes:
        was_asked: True if its `profiles` were read.
    """

    def __init__(self, whole: Chart, mrns: Sequence[str]) -> None:
        self.now = whole.now
        self.base_url = whole.base_url
        self._backend = whole._backend
        self._ledger = whole._ledger
        self._session = whole._session
        self._memory, self._of_all = whole._memory, whole._of_all
        self._whole, self._some = whole, mrns
        self.was_asked = False

    def profiles(self) -> tuple[str, ...]:
        """Returns some of the patients who have any Observation; see `Chart.part`."""
        self.was_asked = True
        return tuple(islice(filter(self.has_results, self._some), _PART)) or self._whole.profiles()

    def remember(self, key: Any, compute: Callable[[], _T]) -> _T:
        """Works as `Chart.remember`, but keeps nothing that was computed from these few people."""
        found: _T | object = self._known(key)
        if found is _UNKNOWN:
            before, self.was_asked = self.was_asked, False
            found = compute()
            if not self.was_asked:
                self._keep(key, found)
            self.was_asked |= before
        return cast(_T, found)


class ChartGroup(ChartPart):
    """A chart whose `profiles` are one group of its people; what was computed from them is kept for the next draw.

    Args:
        whole: The whole chart.
        mrns: The people of the group.
        known: What is known of the group.
    """

    def __init__(self, whole: Chart, mrns: Sequence[str], known: dict[Any, Any]) -> None:
        super().__init__(whole, mrns)
        self._of_group = known

    def profiles(self) -> tuple[str, ...]:
        """Returns the patients of the group who have any Observation, in load order."""
        self.was_asked = True
        return tuple(filter(self.has_results, self._some)) or self._whole.profiles()

    def _known(self, key: Any) -> Any:
        found = self._of_group.get(key, _UNKNOWN)
        if found is _UNKNOWN:
            return super()._known(key)
        self.was_asked = True
        return found

    def remember(self, key: Any, compute: Callable[[], _T]) -> _T:
        """Works as `Chart.remember`, and keeps for the group alone what was computed from its people."""
        found = super().remember(key, compute)
        if super()._known(key) is _UNKNOWN:
            self._of_group[key] = found
        return found


def _fact(told: Sequence[Any]) -> LedgerFact:
    subject, says, since, until, *rest = told
    ended = None if until is None else datetime.fromtimestamp(until, UTC)
    return LedgerFact(subject, says, datetime.fromtimestamp(since, UTC), ended, *rest)


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

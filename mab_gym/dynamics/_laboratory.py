"""The laboratory: specimens are drawn, measured and reported (FHIR R4 Specimen, Observation, DiagnosticReport)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mab_gym.dynamics._catalogues import tests
from mab_gym.dynamics._chance import normal
from mab_gym.dynamics._hospital import Hospital, Resource, concept, reference
from mab_gym.dynamics._known import Known
from mab_gym.dynamics._requests import MOST_DRAWS, Request, read_request
from mab_gym.dynamics._results import observation, report, told, with_value
from mab_gym.dynamics._values import ORDER, Values
from mab_gym.tasking.meaning.terms import SNOMED
from mab_gym.tasking.stay import Issued

DRAWN: Final = {"stat": 10, "urgent": 20, "routine": 45}
"""Minutes from a request to its specimen, by priority (our choice)."""
MOST_REQUESTS: Final = 200
"""Requests that are carried out in a stay; further ones are refused."""
MOST_SPECIMENS: Final = 500
"""Specimens of a stay; after them no further one is scheduled."""
_CALLED_AFTER: Final = 5
"""Minutes from a critical result to the call."""
_HAEMOLYSED: Final = {"potassium": (1.0, 3.0), "ast": (15.0, 60.0), "magnesium": (0.1, 0.4), "phosphate": (0.2, 0.8)}
"""Additions, in the test's unit, from red cells that broke: potassium 1 to 3 mmol/L is our choice."""
_PLACES: Final = {key: place for place, key in enumerate(ORDER)}
_SPECIMENS: Final = {"serum": ("119364003", "Serum specimen"), "plasma": ("119361006", "Plasma specimen"),
                     "blood": ("119297000", "Blood specimen"), "urine": ("122575003", "Urine specimen"),
                     "citrated plasma": ("119361006", "Plasma specimen")}  # fmt: skip


class _Job:
    """A request that is carried out.

    Attributes:
        address: Its address.
        request: What is asked for.
        resource: The ServiceRequest as it was written last.
        active: False once it is stopped or done.
        drawn: Specimens so far.
        waiting: Specimens that are not reported yet.
        last: True if no further specimen comes.
        by_agent: False for what stood in the chart.
    """

    __slots__ = ("active", "address", "by_agent", "drawn", "last", "request", "resource", "waiting")

    def __init__(self, address: str, request: Request, resource: Mapping[str, Any], by_agent: bool) -> None:
        self.address = address
        self.request = request
        self.resource = resource
        self.active = True
        self.drawn = 0
        self.waiting = 0
        self.last = False
        self.by_agent = by_agent


class Laboratory:
    """The laboratory of one stay."""

    __slots__ = ("_drawn", "_hospital", "_jobs", "_known", "_specimens", "_values", "refused")

    def __init__(self, hospital: Hospital, known: Known, values: Values) -> None:
        self._hospital = hospital
        self._known = known
        self._values = values
        self._jobs: dict[str, _Job] = {}
        self._specimens: dict[str, int] = {}
        self._drawn = 0
        self.refused: list[tuple[str, str]] = []

    def take(self, address: str, resource: Mapping[str, Any] | None, *, by_agent: bool = True) -> None:
        """Reads a request that was written, changed or deleted; see `Pharmacy.take`."""
        hospital, known = self._hospital, self._jobs.get(address)
        status = None if resource is None else resource.get("status")
        if resource is None or status != "active" or resource.get("doNotPerform") is True:
            if known is not None and known.active:
                known.active = False
                hospital.note(address, "stopped", f"status {status}" if resource is not None else "deleted")
            return
        if resource.get("intent") in ("proposal", "plan", "option"):
            return
        read: Request | str = read_request(resource, hospital.clock)
        if isinstance(read, Request) and known is None and len(self._jobs) >= MOST_REQUESTS:
            read = f"more than {MOST_REQUESTS} requests came in during this stay"
        if known is not None:
            if isinstance(read, Request) and read == known.request:
                known.resource = resource
                return
            known.active = False
        if isinstance(read, str):
            hospital.note(address, "refused", read, by_agent=by_agent)
            if by_agent:
                self.refused.append((address, read))
            return
        job = self._jobs[address] = _Job(address, read, resource, by_agent)
        words = f"{', '.join(read.tests) if read.panel is None else read.panel.display}, {read.urgent}"
        hospital.note(address, "accepted" if known is None else "changed", words, by_agent=by_agent)
        self._schedule(job, self._first(read))

    def _first(self, request: Request) -> int | None:
        plan, now = request.plan, self._hospital.minute
        soonest = now + (0 if plan.start is not None and plan.start > now else DRAWN[request.urgent])
        soonest = max(soonest, plan.start if plan.start is not None else 0)
        if plan.events or plan.of_day:
            return plan.following(soonest - 1, 0, self._hospital.clock)
        return soonest

    def _schedule(self, job: _Job, minute: int | None) -> None:
        if minute is None or job.drawn >= MOST_DRAWS or self._drawn >= MOST_SPECIMENS:
            job.last = True
        elif not self._hospital.at(minute, self._draw, job, ordered=True):
            job.last = True
            self.refused.append((job.address, "too much is scheduled already"))

    # --- one specimen ------------------------------------------------------------------------------------------------

    def _draw(self, job: _Job) -> None:
        if not job.active:
            return
        hospital = self._hospital
        job.drawn += 1
        job.waiting += 1
        self._drawn += 1
        number = hospital.number_of(job.address)
        haemolysed = False
        for key in job.request.tests:
            self._specimens[key] = self._specimens.get(key, 0) + 1
            planned = hospital.course.haemolysed.get(key, ())
            haemolysed |= self._specimens[key] in planned
        haemolysed |= hospital.chance("haemolysis", number, job.drawn) < hospital.course.haemolysis
        true = {key: self._values.true(key) for key in job.request.tests}
        kind, display = _SPECIMENS.get(tests()[job.request.tests[0]].analyte.specimen, ("", "Specimen"))
        specimen: Resource = {
            "resourceType": "Specimen",
            "status": "available",
            "type": concept(SNOMED, kind, display),
            "subject": reference(f"Patient/{hospital.course.patient}"),
            "request": [{"reference": job.address}],
            "collection": {"collectedDateTime": hospital.time()},
        }
        if hospital.course.nurse.startswith(("Practitioner/", "PractitionerRole/")):
            specimen["collection"]["collector"] = {"reference": hospital.course.nurse}
        (address,) = hospital.write(specimen)
        urgent = job.request.urgent != "routine"
        minutes = max(tests()[key].stat if urgent else tests()[key].routine for key in job.request.tests)
        minutes = round(minutes * (0.85 + 0.3 * hospital.chance("turnaround", number, job.drawn)))
        hospital.at(hospital.minute + minutes, self._report, job, job.drawn, hospital.minute, address, true, haemolysed)
        plan = job.request.plan
        self._schedule(job, plan.following(hospital.minute, job.drawn, hospital.clock))

    def _report(
        self, job: _Job, number: int, drawn: int, specimen: str, true: Mapping[str, float], haemolysed: bool
    ) -> None:
        job.waiting -= 1
        hospital = self._hospital
        order = hospital.number_of(job.address)
        resources: list[Resource] = []
        issued: list[Issued] = []
        reported: dict[str, float] = {}
        for key in sorted(job.request.tests, key=lambda key: _PLACES.get(key, len(_PLACES))):
            test = tests()[key]
            spoilt = haemolysed and key in _HAEMOLYSED
            computed = self._values.derived(key, reported)
            value: float | None = computed
            if computed is None:
                value = true[key] * (1 + test.analyte.analytic * normal(hospital.case, key, order, number))
            if spoilt and value is not None:
                low, high = _HAEMOLYSED[key]
                value += low + (high - low) * hospital.chance("cells", order, number)
            if spoilt and key == "potassium" and hospital.course.rejects_haemolysed:
                value = None
            if value is not None:
                value = reported[key] = round(max(0.0, value), test.analyte.places)
        for key in job.request.tests:
            analyte, spoilt = tests()[key].analyte, haemolysed and key in _HAEMOLYSED
            value = reported.get(key)
            female = self._values.female
            critical = value is not None and analyte.flag(value, female) in ("LL", "HH")
            based_on = [{"reference": job.address}]
            resource = observation(hospital, analyte, drawn, hospital.course.laboratory, basedOn=based_on)
            resource["specimen"] = {"reference": specimen}
            resources.append(with_value(resource, analyte, value, female=female, spoilt=spoilt))
            issued.append(
                Issued(hospital.minute, drawn, key, value, true[key], analyte.ucum, job.address, spoilt, critical)
            )
        words = ", ".join(_told(one) for one in issued)
        addresses = hospital.write(*resources)
        for one in issued:
            if one.value is not None:
                self._known.learn(one.analyte, hospital.minute, one.value)
        hospital.told.results += issued
        shown = addresses[0]
        if job.request.panel is not None:
            (shown,) = hospital.write(report(hospital, job.request.panel, job.address, drawn, specimen, addresses))
        hospital.tell(shown, words + (" (haemolysed)" if haemolysed else ""))
        for one, address in zip(issued, addresses, strict=True):
            if one.critical:
                text = f"Critical result: {_told(one)}, drawn at {hospital.clock.at(drawn):%H:%M}."
                if one.haemolysed:
                    text += " The specimen was haemolysed."
                hospital.at(hospital.minute + _CALLED_AFTER, self._call, text, address, job)
        if job.last and not job.waiting and job.active:
            self._complete(job)

    def _call(self, text: str, address: str, job: _Job) -> None:
        requester = job.resource.get("requester")
        to = requester.get("reference", "") if isinstance(requester, Mapping) else ""
        course = self._hospital.course
        self._hospital.page(text, (address,), str(to) if to else "", course.laboratory or course.nurse)

    def _complete(self, job: _Job) -> None:
        job.active = False
        self._hospital.note(job.address, "completed", "", by_agent=job.by_agent)
        self._hospital.write({**job.resource, "id": job.address.partition("/")[2], "status": "completed"})


def _told(one: Issued) -> str:
    test = tests()[one.analyte]
    return told(one.value, test.analyte, test.name)

"""The laboratory: specimens are drawn, measured and reported (FHIR R4 Specimen, Observation, DiagnosticReport)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from mab_gym.dynamics._catalogues import Test, tests
from mab_gym.dynamics._chance import normal
from mab_gym.dynamics._hospital import Hospital, Resource, concept, concepts, reference, references
from mab_gym.dynamics._known import Known
from mab_gym.dynamics._requests import MOST_DRAWS, Request, read_request
from mab_gym.fhir.model._json_text import DecimalNumber, repeated
from mab_gym.tasking.meaning.terms import LOINC, SNOMED
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
_UCUM: Final = "http://unitsofmeasure.org"
_CATEGORY: Final = repeated([
    {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory",
             "display": "Laboratory"}
        ]
    }
])  # fmt: skip
_REPORTS: Final = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}]
_FLAGS: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_FLAG_WORDS: Final = {"L": "Low", "H": "High", "N": "Normal", "LL": "Critical low", "HH": "Critical high"}
_REASON: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_SPECIMENS: Final = {"serum": ("119364003", "Serum specimen"), "plasma": ("119361006", "Plasma specimen"),
                     "blood": ("119297000", "Blood specimen")}  # fmt: skip
HAEMOLYSIS_NOTE: Final = "Specimen haemolysed: the result may be falsely high. Repeat it on a new specimen."


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

    __slots__ = ("_drawn", "_hospital", "_jobs", "_known", "_specimens", "refused")

    def __init__(self, hospital: Hospital, known: Known) -> None:
        self._hospital = hospital
        self._known = known
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
        true = {key: self.true_value(key) for key in job.request.tests}
        kind, display = _SPECIMENS.get(tests()[job.request.tests[0]].specimen, ("", "Specimen"))
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

    def true_value(self, key: str) -> float:
        """Returns an analyte's true value now: the body's, else the course's, the chart's latest, or a usual one."""
        course = self._hospital.course
        body_key = "glucose" if key == "glucose_meter" else key
        measured = course.body.measure(body_key) if course.body.measures(body_key) else None
        if measured is not None:
            return measured
        if body_key in course.values:
            return course.values[body_key]
        latest = course.chart.latest(course.patient, tests()[key].loinc)
        return latest.value if latest is not None else tests()[key].usual

    def _report(
        self, job: _Job, number: int, drawn: int, specimen: str, true: Mapping[str, float], haemolysed: bool
    ) -> None:
        job.waiting -= 1
        hospital = self._hospital
        order = hospital.number_of(job.address)
        resources: list[Resource] = []
        issued: list[Issued] = []
        for key in job.request.tests:
            test = tests()[key]
            value: float | None = true[key] * (1 + test.noise * normal(hospital.case, key, order, number))
            spoilt = haemolysed and key in _HAEMOLYSED
            if spoilt and value is not None:
                low, high = _HAEMOLYSED[key]
                value += low + (high - low) * hospital.chance("cells", order, number)
            if spoilt and key == "potassium" and hospital.course.rejects_haemolysed:
                value = None
            value = None if value is None else round(max(0.0, value), test.decimals)
            critical = value is not None and flag(test, value) in ("LL", "HH")
            resources.append(self._observation(test, value, drawn, specimen, job.address, spoilt=spoilt))
            issued.append(
                Issued(hospital.minute, drawn, key, value, true[key], test.unit, job.address, spoilt, critical)
            )
        words = ", ".join(_told(one) for one in issued)
        addresses = hospital.write(*resources)
        for one in issued:
            if one.value is not None:
                self._known.learn(one.analyte, hospital.minute, one.value)
        hospital.told.results += issued
        shown = addresses[0]
        if job.request.panel is not None:
            (shown,) = hospital.write(self._panel(job, drawn, specimen, addresses))
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

    def _observation(
        self, test: Test, value: float | None, drawn: int, specimen: str, order: str, *, spoilt: bool = False
    ) -> Resource:
        hospital = self._hospital
        resource: Resource = {
            "resourceType": "Observation",
            "basedOn": [{"reference": order}],
            "status": "final",
            "category": _CATEGORY,
            "code": concept(LOINC, test.loinc, test.display),
        }
        hospital.stamped(resource)
        resource["effectiveDateTime"] = hospital.time(drawn)
        resource["issued"] = hospital.time()
        if hospital.course.laboratory:
            resource["performer"] = references(hospital.course.laboratory)
        if value is None:
            resource["dataAbsentReason"] = concept(_REASON, "error", "Error")
        else:
            resource["valueQuantity"] = quantity(value, test.unit, test.decimals)
            code = flag(test, value)
            if code:
                resource["interpretation"] = concepts(_FLAGS, code, _FLAG_WORDS[code])
        if spoilt:
            resource["note"] = [{"text": HAEMOLYSIS_NOTE}]
        resource["specimen"] = {"reference": specimen}
        limits = _reference_range(test)
        if limits:
            resource["referenceRange"] = limits
        return resource

    def _panel(self, job: _Job, drawn: int, specimen: str, results: list[str]) -> Resource:
        panel, hospital = job.request.panel, self._hospital
        assert panel is not None
        resource = hospital.stamped(
            {
                "resourceType": "DiagnosticReport",
                "basedOn": [{"reference": job.address}],
                "status": "final",
                "category": _REPORTS,
                "code": concept(LOINC, panel.loinc[0] if panel.loinc else "", panel.display),
                "effectiveDateTime": hospital.time(drawn),
                "issued": hospital.time(),
                "specimen": [{"reference": specimen}],
                "result": [{"reference": address} for address in results],
            }
        )
        if hospital.course.laboratory:
            resource["performer"] = [{"reference": hospital.course.laboratory}]
        return resource


def quantity(value: float, unit: str, decimals: int = 0) -> Resource:
    """Returns a Quantity in UCUM, with so many decimals."""
    spoken = {"{INR}": "INR", "10*3/uL": "10^3/µL", "m[IU]/L": "mIU/L", "mm[Hg]": "mmHg", "Cel": "°C"}.get(unit, unit)
    number = DecimalNumber(f"{value:.{decimals}f}") if decimals else round(value)
    return {"value": number, "unit": spoken, "system": _UCUM, "code": unit}


@cache
def _reference_range(test: Test) -> list[Resource]:
    limits = {
        name: quantity(limit, test.unit, test.decimals)
        for name, limit in (("low", test.low), ("high", test.high))
        if limit is not None
    }
    return repeated([limits]) if limits else []


def flag(test: Test, value: float) -> str:
    """Returns the interpretation of a value: LL, L, N, H or HH; empty where the test has no range."""
    if test.critical_low is not None and value < test.critical_low:
        return "LL"
    if test.critical_high is not None and value > test.critical_high:
        return "HH"
    if test.low is None and test.high is None:
        return ""
    if test.low is not None and value < test.low:
        return "L"
    return "H" if test.high is not None and value > test.high else "N"


def _told(one: Issued) -> str:
    name = tests()[one.analyte].display
    if one.value is None:
        return f"{name}: no result, the specimen was haemolysed"
    told = quantity(one.value, one.unit, tests()[one.analyte].decimals)
    return f"{name} {told['value']} {told['unit']}"

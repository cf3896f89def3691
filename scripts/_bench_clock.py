"""Measures stays on the clock: reset, action, a wait of 24 hours; run by `scripts/bench --clock`."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from mab_gym.backends.embedded._backend import EmbeddedBackend
from mab_gym.dynamics.bodies import ElectrolyteBody, ElectrolyteCase
from mab_gym.dynamics.course import Course
from mab_gym.fhir.http._exchange import FHIR_JSON, Request
from mab_gym.fhir.store._build import build_tables
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

RUNS = 200
PERSON = {
    "resourceType": "Patient", "id": "S1", "gender": "female", "birthDate": "1950-01-01",
    "meta": {"versionId": "1", "lastUpdated": "2023-01-01T00:00:00.000+00:00"},
}  # fmt: skip
BACKEND = EmbeddedBackend({table.resource_type: table for table in build_tables([PERSON])}, "0" * 64)
CHART = Chart(BACKEND)
CASE = Case("clock", 1, "low", {})
BODY = ElectrolyteCase(
    weight_kg=70.0, female=True, age=73, creatinine=1.0, potassium=3.0, magnesium=1.5, kidneys=((0, 1.0),),
    lost_potassium=1.0, lost_magnesium=0.0, losses_end=1440, eats=0.5,
)  # fmt: skip
READ = Request("GET", "Patient/S1")
SIX_HOURLY = {"repeat": {"frequency": 1, "period": 6, "periodUnit": "h"}}
SUBJECT = {"subject": {"reference": "Patient/S1"}, "status": "active", "intent": "order"}
DRUG = {
    "resourceType": "MedicationRequest", **SUBJECT, "medicationCodeableConcept": {"text": "potassium chloride"},
    "dosageInstruction": [{"timing": SIX_HOURLY, "route": {"text": "IV"}, "doseAndRate": [
        {"doseQuantity": {"value": 20, "unit": "meq"}, "rateQuantity": {"value": 10, "unit": "meq/h"}}]}],
}  # fmt: skip
TEST = {"resourceType": "ServiceRequest", **SUBJECT, "code": {"text": "potassium"}, "occurrenceTiming": SIX_HOURLY}
DAY = {"name": "duration", "valueDuration": {"value": 24, "code": "h"}}


def posted(target: str, body: dict[str, Any]) -> Request:
    """Returns a POST."""
    return Request("POST", target, {"content-type": FHIR_JSON}, json.dumps(body))


WAIT = posted("$wait", {"resourceType": "Parameters", "parameter": [DAY]})
SESSION = BACKEND.open()


def begin() -> Any:
    """Resets the session and begins a stay."""
    SESSION.reset()
    body = ElectrolyteBody(BODY)
    return Course(patient="S1", body=body, horizon=2880, chart=CHART, meals=()).admit(SESSION, CASE, 1)


def busy() -> Any:
    """Begins a stay with a drug and a test four times a day."""
    stay = begin()
    stay.handle(posted("MedicationRequest", DRUG))
    stay.handle(posted("ServiceRequest", TEST))
    return stay


def begun() -> Any:
    """Begins a stay whose first action is over."""
    stay = begin()
    stay.handle(READ)
    return stay


def measured(what: str, do: Callable[[Any], object], prepare: Callable[[], Any]) -> None:
    """Prints the median processor time of an action."""
    times = []
    for _ in range(RUNS):
        ready = prepare()
        start = time.process_time()
        do(ready)
        times.append(time.process_time() - start)
    middle, least = statistics.median(times) * 1e6, min(times) * 1e6
    print(f"{what:<60}{middle:>10,.0f} µs   (least {least:,.0f})")


def main() -> None:
    """Measures and prints."""
    measured("reset with a stay", lambda ready: begin(), lambda: None)
    measured("a read without a clock", lambda ready: SESSION.handle(READ), SESSION.reset)
    measured("the same read as an action on the clock, nothing due", lambda stay: stay.handle(READ), begun)
    measured("$wait over 24 h: vital signs, 4 doses, 4 tests, potassium", lambda stay: stay.handle(WAIT), busy)
    measured("that body alone over 24 h", _live, lambda: ElectrolyteBody(BODY))
    print(f"the hospital's writes in these 24 h: {len(_written())}")


def _live(body: Any) -> None:
    for _ in range(96):
        body.advance(15)
        body.truth()


def _written() -> Any:
    busy().handle(WAIT)
    return SESSION.recorded


if __name__ == "__main__":
    main()

"""`Course`: the stay of one case on the clock, as the ``course.py`` of a family's folder makes it.

    from mab_gym.dynamics.course import Course

    def begin(case, chart):
        return Course(
            patient=case["mrn"], encounter=case["encounter"], attending=case["doctor"], nurse=case["nurse"],
            chart=chart, body=Electrolytes(...), horizon=48 * 60, meter=False,
        )

What the clock does with it is in docs/hospital.md; what a verifier reads of it is a `mab_gym.tasking.stay.StayRecord`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mab_gym.backends import RecordSession
from mab_gym.dynamics._body import CONTINUOUS, Body, Dose
from mab_gym.dynamics._clocked import ClockedSession
from mab_gym.dynamics._settings import MEALS, Answer, Replies, Settings, Studies
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.stay import Stay

__all__ = ["CONTINUOUS", "MEALS", "Answer", "Body", "Course", "Dose", "Replies", "Studies", "standing_orders"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course(Settings):
    """The stay of one patient; it is played once, since its body changes.

    Attributes:
        patient: Medical record number, which is the Patient's id.
        body: The patient's body at minute 0, nobody else's.
        horizon: Minute at which the stay ends and is judged, at most 14 days.
        chart: The case's chart.
        encounter: Reference of the Encounter, as in ``Encounter/12``; empty for none.
        attending: Reference of whom nurses page: ``Practitioner/3``; empty for none.
        nurse: Reference of who gives drugs and takes vital signs.
        laboratory: Reference of who reports results.
        pharmacist: Reference of who checks orders.
        weight_kg: Body weight, for doses by weight; None if it is not known.
        zone: The hospital's time zone.
        standing: Orders of the chart that go on: MedicationRequests, ServiceRequests (see `standing_orders`).
        values: Values of analytes that the body does not know, by key; others are the chart's latest, or usual ones.
        haemolysed: By analyte, the numbers (from 1) of its specimens in this stay that are haemolysed.
        haemolysis: Chance that any other specimen is.
        rejects_haemolysed: True if the laboratory gives no value for potassium in such a specimen.
        vitals_every: Minutes between vital signs, from midnight on; None for none.
        meals: Minute of the local day and carbohydrate in g.
        meter: True if nurses measure glucose before meals and at bedtime.
        nil_by_mouth: True if the patient eats nothing at the beginning.
        holds: True if nurses hold doses by their rules (docs/hospital.md).
        replies: Answers messages.
        consults: Answers requests for a consult; called with the request's words as a message.
        studies: Says what imaging, an electrocardiogram or an echocardiogram finds; None where none are done.

    Raises:
        ContentError: A number is not as it should be.
    """

    @classmethod
    def of_person(cls, case: Case, chart: Chart, encounter: str, body: Body, horizon: int, **settings: Any) -> Course:
        """Returns the course of a case that keeps the person as ``mrn``, ``attending``, ``nurse`` and ``weight_kg``.

        Args:
            case: The case.
            chart: Its snapshot.
            encounter: Reference of the Encounter.
            body: The patient's body at the beginning.
            horizon: Minutes of the stay.
            settings: Further fields.
        """
        return cls(
            patient=case["mrn"],
            encounter=encounter,
            attending=case["attending"],
            nurse=case["nurse"],
            weight_kg=case["weight_kg"],
            chart=chart,
            body=body,
            horizon=horizon,
            **settings,
        )

    def admit(self, session: RecordSession, case: Case, minutes_per_action: int) -> Stay:
        """Begins the stay; see `mab_gym.tasking.stay.Admission`."""
        return ClockedSession(self, session, case, minutes_per_action)


def standing_orders(chart: Chart, mrn: str) -> list[Mapping[str, Any]]:
    """Returns the active orders for drugs of a patient in hospital, as `Course.standing` takes them.

    Orders of a category other than ``inpatient`` are left out: what is taken at home is not given here until it is
    ordered.
    """

    def look() -> list[Mapping[str, Any]]:
        found = chart.search("MedicationRequest", patient=mrn, status="active", _count="200")
        return [order for order in found if _is_inpatient(order)]

    return chart.remember(("standing orders", mrn), look)


def _is_inpatient(order: Mapping[str, Any]) -> bool:
    codes = [coding.get("code") for each in order.get("category", ()) for coding in each.get("coding", ())]
    return "inpatient" in codes

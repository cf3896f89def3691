"""The stay: vancomycin, creatinine and cultures for 72 hours."""

from __future__ import annotations

from mab_gym.dynamics.bodies import VancomycinBody, VancomycinCase
from mab_gym.dynamics.course import Answer, Course
from mab_gym.dynamics.inpatients import course_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.stay import Message, StayRecord

from .protocol import stage

HORIZON = 72 * 60
_ASKED = (
    "Thank you. No further dose for now. A level right away and every 12 hours from then on; when one is 15 mg/L or "
    "less, give a single dose of 10 mg/kg. Nothing by the clock. And go through the other drugs."
)


def begin(case: Case, chart: Chart) -> Course:
    """Returns the course of a case."""

    def reply(message: Message, stay: StayRecord) -> Answer | None:
        """The attending answers a page."""
        if not message.urgent or not message.recipient.endswith(case["attending"]):
            return None
        known = [
            (each.drawn / 60, each.value)
            for each in stay.results
            if each.analyte == "creatinine" and each.value is not None
        ]
        hurt = stage(float(case["baseline"]), float(case["recent"]), known) > 0
        return Answer(_ASKED if hurt else "Thank you. Please go on by the page.", 15)

    return course_of(
        case,
        chart,
        VancomycinBody(VancomycinCase(**case["body"])),
        HORIZON,
        haemolysis=0.0,
        vitals_every=480,
        replies=reply,
    )

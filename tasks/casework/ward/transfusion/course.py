"""The stay: hemoglobin for 24 hours, and a blood bank that answers."""

from __future__ import annotations

from mab_gym.casework import arrival_id
from mab_gym.dynamics.bodies import BloodBody, BloodCase
from mab_gym.dynamics.course import Answer, Course
from mab_gym.dynamics.visit_courses import visit_course
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.stay import Message, StayRecord

HORIZON = 24 * 60


def begin(case: Case, chart: Chart) -> Course:
    """Returns the course of a case."""

    def find(examination: str, _: StayRecord) -> str:
        return f"{case['group']}; antibody screen negative." if examination == "type_screen" else ""

    return visit_course(
        case,
        chart,
        arrival_id(case, 0),
        BloodBody(BloodCase(**case["body"])),
        HORIZON,
        haemolysis=0.0,
        studies=find,
        replies=_reply,
    )


def _reply(message: Message, stay: StayRecord) -> Answer | None:
    """Answers a page."""
    return Answer("Thank you for telling me. I am coming by.", 15) if message.urgent else None

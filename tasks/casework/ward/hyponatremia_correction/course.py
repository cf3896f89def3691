"""The stay: sodium and water for 36 hours."""

from __future__ import annotations

from mab_gym.casework import arrival_id
from mab_gym.dynamics.bodies import SodiumBody, SodiumCase
from mab_gym.dynamics.course import Answer, Course
from mab_gym.dynamics.visit_courses import visit_course
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.stay import Message, StayRecord

HORIZON = 36 * 60


def begin(case: Case, chart: Chart) -> Course:
    """Returns the course of a case."""
    body = SodiumBody(SodiumCase(**case["body"]))
    values = {"tsh": 1.9, "cortisol": 17.0}
    return visit_course(
        case,
        chart,
        arrival_id(case, 0),
        body,
        HORIZON,
        haemolysis=0.0,
        values=values,
        replies=_reply,
        consults=_reply,
    )


def _reply(message: Message, stay: StayRecord) -> Answer | None:
    """Answers a page."""
    return Answer("Thank you, I agree with going by the page. Please keep me posted.", 20) if message.urgent else None

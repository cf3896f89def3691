"""The stay: aPTT, platelets and haemoglobin for 36 hours."""

from __future__ import annotations

from mab_gym.dynamics.bodies import HeparinBody, HeparinCase
from mab_gym.dynamics.course import Answer, Course
from mab_gym.dynamics.inpatients import course_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.stay import Message, StayRecord

HORIZON = 36 * 60


def begin(case: Case, chart: Chart) -> Course:
    """Returns the course of a case."""
    body = HeparinBody(HeparinCase(**case["body"]))
    return course_of(
        case,
        chart,
        body,
        HORIZON,
        haemolysis=0.0,
        vitals_every=480,
        replies=_reply,
    )


def _reply(message: Message, stay: StayRecord) -> Answer | None:
    """The attending answers a page."""
    return Answer("Thank you, I am calling hematology.", 15) if message.urgent else None

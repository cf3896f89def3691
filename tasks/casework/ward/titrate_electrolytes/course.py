"""The stay: potassium, magnesium and creatinine for 48 hours, with one haemolysed specimen."""

from __future__ import annotations

from mab_gym.dynamics.bodies import ElectrolyteBody, ElectrolyteCase
from mab_gym.dynamics.course import Course
from mab_gym.dynamics.inpatients import course_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

HORIZON = 48 * 60


def begin(case: Case, chart: Chart) -> Course:
    """Returns the course of a case."""
    body = ElectrolyteBody(ElectrolyteCase(**case["body"]))
    return course_of(
        case,
        chart,
        body,
        HORIZON,
        haemolysed={"potassium": (case["haemolysed"],)},
        haemolysis=0.0,
        vitals_every=480,
    )

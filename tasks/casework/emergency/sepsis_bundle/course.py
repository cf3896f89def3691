"""The visit: pressure, lactate and fever for six hours and a half."""

from __future__ import annotations

from mab_gym.dynamics.bodies import SepsisBody, SepsisCase
from mab_gym.dynamics.course import Course
from mab_gym.dynamics.emergency import visit_ids
from mab_gym.dynamics.visit_courses import findings_of, visit_course
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

HORIZON = 390


def begin(case: Case, chart: Chart) -> Course:
    """Returns the course of a case."""
    return visit_course(
        case,
        chart,
        visit_ids(case, 1)[0],
        SepsisBody(SepsisCase(**case["body"])),
        HORIZON,
        values=case["values"],
        haemolysis=0.0,
        vitals_every=30,
        studies=findings_of(case),
    )

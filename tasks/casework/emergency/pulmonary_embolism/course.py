"""The visit: six hours and a half in which nothing changes but what is ordered."""

from __future__ import annotations

from mab_gym.dynamics.bodies._quiet_body import QuietBody
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
        QuietBody(case["values"], case["signs"]),
        HORIZON,
        haemolysis=0.0,
        vitals_every=None,
        studies=findings_of(case),
    )

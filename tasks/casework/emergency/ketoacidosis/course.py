"""The visit: glucose, ketones and potassium for fifteen hours."""

from __future__ import annotations

from mab_gym.dynamics.bodies._ketoacidosis_body import KetoacidosisBody, KetoacidosisCase
from mab_gym.dynamics.course import Course
from mab_gym.dynamics.emergency import visit_ids
from mab_gym.dynamics.visit_courses import findings_of, visit_course
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

HORIZON = 15 * 60


def begin(case: Case, chart: Chart) -> Course:
    """Returns the course of a case."""
    return visit_course(
        case,
        chart,
        visit_ids(case, 1)[0],
        KetoacidosisBody(KetoacidosisCase(**case["body"])),
        HORIZON,
        values=case["values"],
        haemolysis=0.0,
        vitals_every=120,
        studies=findings_of(case),
    )

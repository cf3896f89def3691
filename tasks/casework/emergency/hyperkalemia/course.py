"""The visit: potassium, glucose and the heart for nine hours."""

from __future__ import annotations

from mab_gym.dynamics.bodies import HyperkalaemiaBody, HyperkalaemiaCase
from mab_gym.dynamics.course import Course
from mab_gym.dynamics.emergency import visit_ids
from mab_gym.dynamics.visit_courses import visit_course
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.stay import StayRecord

HORIZON = 9 * 60


def begin(case: Case, chart: Chart) -> Course:
    """Returns the course of a case."""
    body = HyperkalaemiaBody(HyperkalaemiaCase(**case["body"]), case["signs"])

    def studies(examination: str, told: StayRecord) -> str:
        return body.electrocardiogram if examination == "ecg" else ""

    return visit_course(
        case,
        chart,
        visit_ids(case, 1)[0],
        body,
        HORIZON,
        values=case["values"],
        haemolysis=0.0,
        vitals_every=60,
        studies=studies,
    )

"""The stay: glucose for 72 hours, with meals as they are eaten."""

from __future__ import annotations

from mab_gym.dynamics.bodies import GlucoseBody, GlucoseCase
from mab_gym.dynamics.course import Course
from mab_gym.dynamics.inpatients import course_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

HORIZON = 72 * 60


def begin(case: Case, chart: Chart) -> Course:
    """Returns the course of a case."""
    body = GlucoseBody(GlucoseCase(**case["body"]))
    return course_of(
        case,
        chart,
        body,
        HORIZON,
        haemolysis=0.0,
        vitals_every=720,
        meter=True,
    )

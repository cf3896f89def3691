"""The stay: glucose for 72 hours, with meals as they are eaten."""

from __future__ import annotations

from mab_gym.dynamics.bodies import GlucoseBody, GlucoseCase
from mab_gym.dynamics.course import Course, standing_orders
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

HORIZON = 72 * 60


def begin(case: Case, chart: Chart) -> Course:
    """Returns the course of a case."""
    return Course(
        patient=case["mrn"],
        encounter=case["encounter"],
        attending=case["attending"],
        nurse=case["nurse"],
        chart=chart,
        body=GlucoseBody(GlucoseCase(**case["body"])),
        horizon=HORIZON,
        weight_kg=case["weight_kg"],
        standing=standing_orders(chart, case["mrn"]),
        haemolysis=0.0,
        vitals_every=720,
        meter=True,
    )

"""The stay: potassium, magnesium and creatinine for 48 hours, with one haemolysed specimen."""

from __future__ import annotations

from mab_gym.dynamics.bodies import ElectrolyteBody, ElectrolyteCase
from mab_gym.dynamics.course import Course, standing_orders
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

HORIZON = 48 * 60


def begin(case: Case, chart: Chart) -> Course:
    """Returns the course of a case."""
    return Course(
        patient=case["mrn"],
        encounter=case["encounter"],
        attending=case["attending"],
        nurse=case["nurse"],
        chart=chart,
        body=ElectrolyteBody(ElectrolyteCase(**case["body"])),
        horizon=HORIZON,
        weight_kg=case["weight_kg"],
        standing=standing_orders(chart, case["mrn"]),
        haemolysed={"potassium": (case["haemolysed"],)},
        haemolysis=0.0,
        vitals_every=480,
    )

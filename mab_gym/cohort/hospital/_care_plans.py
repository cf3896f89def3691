"""Plans: all that encounters leave besides results, reports and doses."""

from __future__ import annotations

from numpy.random import RandomState

from mab_gym.cohort.hospital._care_crew import Crew
from mab_gym.cohort.hospital._care_pen import Pen
from mab_gym.cohort.hospital._care_plans_clinic import write_clinic
from mab_gym.cohort.hospital._care_plans_inbox import write_inbox
from mab_gym.cohort.hospital._care_plans_stay import write_stays
from mab_gym.cohort.hospital._history import History


def add_plans(history: History, crew: Crew, rng: RandomState) -> None:
    """Fills ``history.plans``, by time.

    Args:
        history: A person with readings, panels, reports and doses.
        crew: Who works here.
        rng: Draws of this part alone.
    """
    pen = Pen(history, crew, rng)
    write_clinic(pen)
    write_stays(pen)
    write_inbox(pen)
    history.plans = sorted(pen.plans, key=lambda plan: plan.moment)

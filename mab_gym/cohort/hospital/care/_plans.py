"""Plans: all that encounters leave besides results, reports and doses."""

from __future__ import annotations

from mab_gym.cohort.hospital._history import History
from mab_gym.cohort.hospital.care._chance import Luck
from mab_gym.cohort.hospital.care._crew import Crew
from mab_gym.cohort.hospital.care._pen import Pen
from mab_gym.cohort.hospital.care._plans_clinic import write_clinic
from mab_gym.cohort.hospital.care._plans_inbox import write_inbox
from mab_gym.cohort.hospital.care._plans_stay import write_stays
from mab_gym.cohort.hospital.care._plans_visits import write_visits


def add_plans(history: History, crew: Crew, luck: Luck) -> None:
    """Fills ``history.plans``, by time.

    Args:
        history: A person with readings, panels, reports and doses.
        crew: Who works here.
        luck: Draws of this part alone.
    """
    pen = Pen(history, crew, luck)
    write_clinic(pen)
    write_visits(pen)
    write_stays(pen)
    write_inbox(pen)
    history.plans = sorted(pen.plans, key=lambda plan: plan.moment)

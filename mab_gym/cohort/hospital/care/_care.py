"""The traces that each visit leaves in the record: readings, panels, reports, doses given, plans."""

from __future__ import annotations

from typing import Final

from mab_gym.cohort._streams import stream
from mab_gym.cohort.hospital._history import History, Staff
from mab_gym.cohort.hospital._spec import HospitalSpec
from mab_gym.cohort.hospital.care._chance import Luck
from mab_gym.cohort.hospital.care._crew import Crew
from mab_gym.cohort.hospital.care._doses import add_doses
from mab_gym.cohort.hospital.care._examinations import Examining
from mab_gym.cohort.hospital.care._plans import add_plans
from mab_gym.cohort.hospital.care._readings import add_readings
from mab_gym.cohort.hospital.care._studies import Reporting

CARE: Final = 120
"""The number of this step's random streams; a part and the person's number follow it."""
ORDERS, LEVELS, REPORTS, DOSES, PLANS = range(5)


def add_care(spec: HospitalSpec, staff: Staff, history: History) -> None:
    """Fills a history's readings, panels, reports and plans, and the doses of its prescriptions.

    Args:
        spec: Its seed decides.
        staff: Who works here.
        history: A person with problems, visits, prescriptions and operations; visits by time.
    """
    crew = Crew(staff)
    number = history.person.number
    orders, reports, doses, plans = (
        Luck(stream(spec.entropy, CARE, part, number)) for part in (ORDERS, REPORTS, DOSES, PLANS)
    )
    examined = Examining(history, crew, reports).run()
    add_readings(history, crew, examined, orders, stream(spec.entropy, CARE, LEVELS, number))
    history.reports = Reporting(history, reports).write(examined)
    add_doses(history, doses)
    add_plans(history, crew, plans)

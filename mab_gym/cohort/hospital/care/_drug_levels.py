"""INR on warfarin, and the levels of drugs in blood.

Sources: target ranges of the INR (2 to 3; 2.5 to 3.5 with a mechanical valve), Holbrook et al. (ACCP), Chest
2012;141:e152S; about 65 per cent of the time is spent in range, Wallentin et al., Lancet 2010;376:975; interactions,
Holbrook et al., Arch Intern Med 2005;165:1095. Levels of the other drugs are about the middles of their therapeutic
ranges, and higher where kidneys that clear them fail (digoxin, vancomycin, lithium); our estimate.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mab_gym.cohort._streams import Floats, Ints
from mab_gym.cohort.hospital._catalogue_results import ANALYTES, NUMBERS
from mab_gym.cohort.hospital._history import NOW, History
from mab_gym.cohort.hospital.care._effects import DAY, FOREVER

_MONITORED: Final = {
    "vancomycin_iv": ("vancomycin", 13.5, 0.7, 1.0), "digoxin": ("digoxin", 0.85, 0.6, 6.0),
    "lithium": ("lithium", 0.78, 0.4, 5.0),
}  # fmt: skip
"""Analyte, usual level, power of creatinine, days to the steady state."""
_RAISING: Final = {"amiodarone": 1.3, "metronidazole": 1.45, "trimethoprim_sulfa": 1.5, "ciprofloxacin": 1.2,
                   "levofloxacin": 1.2, "azithromycin": 1.1, "acetaminophen": 1.05}  # fmt: skip
"""Factors on the INR of somebody on warfarin."""
_SPREAD: Final = 0.19
"""Standard deviation of the INR's logarithm about its target."""


def fill(history: History, value: Floats, times: Ints, wander: Floats) -> None:
    """Puts the INR and the drugs' levels in their places; needs creatinine.

    Args:
        history: The person.
        value: Shape ``(times, analytes)``; changed.
        times: Moments.
        wander: How the INR moves about its target, in standard normal numbers.
    """
    usual = np.maximum(value[:, NUMBERS["creatinine"]], 0.5)
    valve = any(problem.key == "mechanical_valve" for problem in history.problems)
    target = 2.9 if valve else 2.45
    share = np.zeros(len(times))
    for drug in history.prescriptions:
        if drug.start >= NOW:
            continue
        end = drug.end or FOREVER
        if drug.drug == "warfarin":
            since = np.maximum(times - drug.start, 0) / (4.5 * DAY)
            left = np.maximum(times - end, 0) / (2.2 * DAY)
            taken = (1 - np.exp(-(since**1.5))) * np.exp(-left) * (0.75 + 0.25 * drug.adherence)
            share = np.maximum(share, taken)
        elif drug.drug in _MONITORED:
            key, level, power, days = _MONITORED[drug.drug]
            since = np.maximum(times - drug.start, 0) / (days * DAY / 3)
            there = (1 - np.exp(-since)) * np.exp(-np.maximum(times - end, 0) / DAY)
            number = NUMBERS[key]
            scatter = value[:, number] / ANALYTES[key].women
            value[:, number] = level * usual**power * there * scatter
    if share.any():
        raised = np.ones(len(times))
        for drug in history.prescriptions:
            if drug.drug in _RAISING:
                with_it = (times > drug.start + 2 * DAY) & (times < (drug.end or FOREVER) + 4 * DAY)
                raised = np.where(with_it, raised * _RAISING[drug.drug], raised)
        on = target * np.exp(_SPREAD * wander) * raised
        plain = value[:, NUMBERS["inr"]]
        value[:, NUMBERS["inr"]] = plain * np.exp(share * np.log(np.maximum(on, 1.0)))

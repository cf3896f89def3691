"""Blood pressure under drugs: the mean effect of class and dose, and how it comes over days.

Law, Wald, Morris and Jordan 2003, BMJ 326:1427-1434 (354 trials), whose figures Law, Morris and Wald 2009,
BMJ 338:b1665 use again. The effect approaches its end exponentially (Lasserson 2011, Heart 97:1771-1775). The solution
is exact, so time may be cut anywhere.

What is ours: beyond half and standard dose the effect follows the logarithm of the dose, it goes at the speed at which
it came, and nothing happens in the first hours but the start of it. Drugs that act at once, into a vein, are not here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from mab_gym.dynamics.physiology._bounds import minutes_within, within
from mab_gym.errors import UsageError

STANDARD_FALL = {
    "thiazide": (8.8, 4.4),
    "beta_blocker": (9.2, 6.7),
    "ace_inhibitor": (8.5, 4.7),
    "angiotensin_receptor_blocker": (10.3, 5.7),
    "calcium_channel_blocker": (8.8, 5.9),
}
"""Falls of systolic and diastolic pressure in mmHg at the standard dose, by class (Law 2003)."""
_HALF_OVER_STANDARD = (7.1 / 9.1, 4.4 / 5.5)
"""Of all classes together: 7.1 / 4.4 mmHg at half, 9.1 / 5.5 mmHg at standard dose (Law 2003, abstract)."""
_TRIALS = (154.0, 97.0)
"""The mean pressure before treatment in the trials, mmHg (Law 2003)."""
_STEEPER = (0.10, 0.11)
"""A pressure that is 10 mmHg higher falls by 1.0 / 1.1 mmHg more (Law 2003, abstract)."""
_HALF_WEEKS = (0.91, 0.95)
"""Weeks to half of the effect, systolic and diastolic (Lasserson 2011)."""
_MINUTES_A_WEEK = 7 * 24 * 60
_LEAST = (50.0, 30.0)
"""Chosen: drugs by mouth alone bring no pressure below this, mmHg; it keeps results finite."""


@dataclass(frozen=True, slots=True)
class PressurePatient:
    """The pressure without drugs, which does not change.

    Attributes:
        systolic_mmhg: Mean systolic pressure without drugs, 80 to 260 mmHg.
        diastolic_mmhg: Mean diastolic pressure without drugs, 40 to 160 mmHg.
    """

    systolic_mmhg: float
    diastolic_mmhg: float

    def __post_init__(self) -> None:
        within("systolic_mmhg", self.systolic_mmhg, 80, 260, "mmHg")
        within("diastolic_mmhg", self.diastolic_mmhg, 40, min(160.0, self.systolic_mmhg), "mmHg")


@dataclass(frozen=True, slots=True)
class PressureState:
    """All that the future depends on: what the drugs do now.

    Attributes:
        systolic_fall: The fall of systolic pressure, mmHg.
        diastolic_fall: The fall of diastolic pressure, mmHg.
    """

    systolic_fall: float = 0.0
    diastolic_fall: float = 0.0


@dataclass(frozen=True, slots=True)
class PressureInputs:
    """The drugs taken during a step.

    Attributes:
        doses: By class (the keys of `STANDARD_FALL`) the daily dose in standard doses, 0 to 4.
    """

    doses: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for drug, dose in self.doses.items():
            if drug not in STANDARD_FALL:
                raise UsageError(f"{drug!r} is no class of drugs; the classes are {', '.join(STANDARD_FALL)}")
            within(f"the dose of {drug}", dose, 0, 4, "standard doses a day")


def full_fall(patient: PressurePatient, inputs: PressureInputs) -> tuple[float, float]:
    """Returns the falls of systolic and diastolic pressure in mmHg that the drugs reach after weeks.

    Effects of classes are added up (Law 2003), each from the pressure without drugs.

    Args:
        patient: The patient.
        inputs: The drugs.
    """
    return _fall(patient, inputs, 0), _fall(patient, inputs, 1)


def _fall(patient: PressurePatient, inputs: PressureInputs, which: int) -> float:
    before = (patient.systolic_mmhg, patient.diastolic_mmhg)[which]
    total = 0.0
    for drug, dose in inputs.doses.items():
        if dose <= 0:
            continue
        standard, half = STANDARD_FALL[drug][which], _HALF_OVER_STANDARD[which]
        share = 1 + (1 - half) * math.log2(dose) if dose >= 0.5 else 2 * dose * half
        higher = _STEEPER[which] * (before - _TRIALS[which]) * min(1.0, 2 * dose)
        total += max(0.0, standard * share + higher)
    return min(total, before - _LEAST[which])


def steady(patient: PressurePatient, inputs: PressureInputs | None = None) -> PressureState:
    """Returns the state after weeks of the same drugs.

    Args:
        patient: The patient.
        inputs: The drugs; none if None.
    """
    return PressureState(*full_fall(patient, inputs or PressureInputs()))


def advance(patient: PressurePatient, state: PressureState, inputs: PressureInputs, minutes: float) -> PressureState:
    """Returns the state some minutes later; exact, so that time may be cut anywhere.

    Args:
        patient: The patient.
        state: The state at the start.
        inputs: The drugs taken, for the whole time.
        minutes: The time, 0 to 600,000 minutes.
    """
    minutes_within(minutes)
    ends = full_fall(patient, inputs)
    weeks = minutes / _MINUTES_A_WEEK
    left = [0.5 ** (weeks / half) for half in _HALF_WEEKS]
    return PressureState(
        ends[0] + (state.systolic_fall - ends[0]) * left[0], ends[1] + (state.diastolic_fall - ends[1]) * left[1]
    )


def systolic(patient: PressurePatient, state: PressureState, noise_mmhg: float = 0.0) -> float:
    """Returns a systolic pressure in mmHg.

    Args:
        patient: The patient.
        state: The state.
        noise_mmhg: What this one reading differs by, mmHg.
    """
    return patient.systolic_mmhg - state.systolic_fall + noise_mmhg


def diastolic(patient: PressurePatient, state: PressureState, noise_mmhg: float = 0.0) -> float:
    """Returns a diastolic pressure in mmHg.

    Args:
        patient: The patient.
        state: The state.
        noise_mmhg: What this one reading differs by, mmHg.
    """
    return patient.diastolic_mmhg - state.diastolic_fall + noise_mmhg

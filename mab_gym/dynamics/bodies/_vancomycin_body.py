"""A patient who is given vancomycin while the kidneys stay as they are, or fail."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mab_gym.dynamics._body import Dose
from mab_gym.dynamics.bodies._bedside import Bedside
from mab_gym.dynamics.physiology import _creatinine, _vancomycin
from mab_gym.dynamics.physiology._creatinine import CreatinineInputs, CreatininePatient, CreatinineState
from mab_gym.dynamics.physiology._vancomycin import VancomycinInputs, VancomycinPatient, VancomycinState
from mab_gym.tasking.stay import StayEvent

TOXIC_AUC: Final = 700.0
"""Area over 24 hours, mg·h/L, above which kidneys are hurt. Injury grows more frequent from 600 to 700 on (Rybak MJ et
al., Am J Health Syst Pharm 2020;77:835; Aljefri DM et al., Clin Infect Dis 2019;69:1881)."""
TOXIC_PER_HOUR: Final = 0.008
"""Share of filtration that an hour above it takes: our choice."""
NEPHROTOXIC_DOSE: Final = 0.06
"""Share of filtration that a dose of an NSAID or of a blocker of angiotensin takes while the kidneys are failing
already: our choice."""
NEPHROTOXINS: Final = (
    "ibuprofen", "naproxen", "ketorolac", "diclofenac", "celecoxib", "meloxicam", "lisinopril", "losartan",
    "valsartan", "gentamicin", "tobramycin",
)  # fmt: skip
FAILED: Final = 0.55
"""Share of filtration lost by what was given, at which the harm is told: our choice."""
DAY: Final = 96
"""Looks in 24 hours."""
ILL: Final = 0.75
"""Share of the usual filtration below which kidneys count as failing."""


@dataclass(frozen=True, slots=True)
class VancomycinCase:
    """All that a case says of the body; none of it is shown to an agent.

    Attributes:
        weight_kg: Weight.
        dosing_kg: The weight that tells the creatinine clearance.
        female: Sex.
        age: Age in years.
        creatinine: Creatinine at the beginning, in mg/dL, in a steady state.
        clearance: The clearance of vancomycin, against what the kidneys let expect.
        volume: The volume of distribution, against 0.7 L/kg.
        kidneys: Minutes since the beginning, rising, and the filtration then as a share of that at the beginning.
        news: Minutes and what is told then.
        signs: Vital signs in the place of the usual ones.
    """

    weight_kg: float
    dosing_kg: float
    female: bool
    age: int
    creatinine: float
    clearance: float = 1.0
    volume: float = 1.0
    kidneys: Sequence[Sequence[float]] = ()
    news: Sequence[Sequence[object]] = ()
    signs: Mapping[str, float] | None = None


_State = tuple[VancomycinState, CreatinineState]


class VancomycinBody(Bedside):
    """Vancomycin, its area under the curve, and creatinine.

    Args:
        case: The patient.
    """

    def __init__(self, case: VancomycinCase) -> None:
        last = int(case.kidneys[-1][0]) if case.kidneys else 0
        self._news = {int(str(minute)): str(text) for minute, text in case.news}
        super().__init__([*range(60, last + 61, 60), *self._news], case.signs)
        self._case = case
        self._kidneys = CreatininePatient(
            min(max(case.weight_kg, 30), 250),
            "female" if case.female else "male",
            max(case.age, 18),
            min(max(case.creatinine, 0.3), 10),
        )
        self._usual_gfr = min(max(_creatinine.baseline_gfr(self._kidneys), 5.0), 200.0)
        sex: _vancomycin.Sex = "female" if case.female else "male"
        self._usual_clearance = _vancomycin.cockcroft_gault(
            max(case.age, 18), min(max(case.dosing_kg, 30.0), 300.0), self._kidneys.baseline_mg_dl, sex
        )
        self._state: _State = (VancomycinState(), _creatinine.steady(self._kidneys))
        self._hurt = 0.0
        self._areas: deque[float] = deque([0.0] * DAY, maxlen=DAY)

    def _share(self, minute: int) -> float:
        """Returns the share of the usual filtration that is left at a minute."""
        before, share = 0.0, 1.0
        for at, reached in self._case.kidneys:
            if minute < at:
                share += (reached - share) * (minute - before) / max(at - before, 1)
                break
            before, share = at, reached
        return share * (1 - self._hurt)

    def _patient(self) -> VancomycinPatient:
        """Returns the person with the kidneys of the present step: what the model's clearance makes of them."""
        line = (_vancomycin.CLEARANCE_SLOPE, _vancomycin.CLEARANCE_INTERCEPT_ML_MIN)
        true = (
            line[0] * self._usual_clearance * self._share(self._carried // 60 * 60) + line[1]
        ) * self._case.clearance
        weight = min(max(self._case.weight_kg * self._case.volume, 30.0), 300.0)
        return VancomycinPatient(weight, min(max((true - line[1]) / line[0], 0.0), 250.0))

    def _carry(self, minutes: int) -> _State:
        drug, kidneys = self._state
        rate = VancomycinInputs(min(self.rate("vancomycin"), 6000.0))
        gfr = max(self._usual_gfr * self._share(self._carried // 60 * 60), 1.0)
        return (
            _vancomycin.advance(self._patient(), drug, rate, minutes),
            _creatinine.advance(self._kidneys, kidneys, CreatinineInputs(gfr), minutes),
        )

    def _look(self, minute: int) -> list[StayEvent]:
        events = list[StayEvent]()
        if minute in self._news:
            events.append(StayEvent(minute, f"news_{minute}", self._news[minute], False))
        if minute % 15:
            return events
        area = self._state[0].auc_mg_h_l
        if area - self._areas[0] > TOXIC_AUC:
            self._hurt = min(self._hurt + TOXIC_PER_HOUR / 4, 0.9)
        self._areas.append(area)
        if self._hurt >= FAILED:
            text = "Almost no urine since hours; the patient is drowsy, and the legs swell."
            events += self.once("kidney_failure", text, harm=True, minute=minute)
        return events

    def _begin(self, dose: Dose, drug: str) -> list[StayEvent]:
        if drug == "vancomycin" and dose.route == "iv":
            self.run(dose, "vancomycin", dose.amount * (1000 if dose.unit == "g" else 1), quickest=10)
        elif any(word in drug for word in NEPHROTOXINS) and self._share(self._minute) < ILL:
            self._hurt = min(self._hurt + NEPHROTOXIC_DOSE, 0.9)
        return []

    def _values(self) -> Mapping[str, float]:
        drug, kidneys = self._now()
        patient = self._patient()
        return {
            "vancomycin": _vancomycin.concentration_mg_l(patient, drug),
            "creatinine": kidneys.creatinine_mg_dl,
            "auc": drug.auc_mg_h_l,
            "vancomycin_clearance": _vancomycin.clearance_l_h(patient),
            "gfr": self._usual_gfr * self._share(self._carried // 60 * 60),
        }

    def measures(self, analyte: str) -> bool:
        """Tells if the model knows an analyte."""
        return analyte in ("vancomycin", "creatinine")

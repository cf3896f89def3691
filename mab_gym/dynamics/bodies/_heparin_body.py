"""A patient with a clot who is given heparin by infusion, and who can bleed, clot again, or lose platelets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mab_gym.dynamics._body import Dose
from mab_gym.dynamics.bodies._bedside import Bedside
from mab_gym.dynamics.physiology import _haemoglobin, _heparin
from mab_gym.dynamics.physiology._haemoglobin import BloodInputs, BloodPatient, BloodState
from mab_gym.dynamics.physiology._heparin import HeparinInputs, HeparinPatient, HeparinState
from mab_gym.tasking.stay import StayEvent

STEP: Final = 15.0
RANGE: Final = (46.0, 70.0)
"""Therapeutic aPTT in seconds (Raschke RA et al., Ann Intern Med 1993;119:874-881)."""
OVER, OVER_STEP = 90.0, 30.0
"""The danger of bleeding grows above the first, in seconds, by one hour's worth for each of the second. Raschke's last
row begins above 90 s; the growth is our choice."""
BLEEDING_ML_MIN: Final = 2.0
"""Blood lost while it bleeds, mL/min: our choice, 2 to 3 g/dL of haemoglobin within half a day."""
FALL_HOURS: Final = 24.0
"""Hours in which platelets fall to their lowest. A rapid onset, within a day of heparin, is seen where heparin was
given in the 100 days before (Warkentin TE and Kelton JG, N Engl J Med 2001;344:1286-1292)."""
AFTER_FALL_HOURS: Final = 12.0
"""Hours of heparin after platelets have halved until a clot forms by it. Our choice; about half of those with
heparin-induced thrombocytopenia get a clot within a month (Warkentin TE and Kelton JG, Am J Med 1996;101:502-507)."""


@dataclass(frozen=True, slots=True)
class HeparinCase:
    """All that a case says of the body; none of it is shown to an agent.

    Attributes:
        weight_kg: Weight.
        female: Sex.
        height_cm: Height.
        aptt: aPTT before heparin, in seconds.
        clearance: The ways out of heparin, against the typical person's.
        sensitivity: The rise of the aPTT, against the typical person's.
        haemoglobin: In g/dL.
        platelets: In 10^9/L.
        platelets_lowest: The share of platelets that is left at the lowest; 1 where they do not fall.
        platelets_from: The minute at which they begin to fall under heparin.
        bleeds_at: Hours' worth of too much heparin after which it bleeds.
        clots_at: Hours without enough heparin after which the clot grows.
    """

    weight_kg: float
    female: bool
    height_cm: float
    aptt: float = 30.0
    clearance: float = 1.0
    sensitivity: float = 1.0
    haemoglobin: float = 13.0
    platelets: float = 240.0
    platelets_lowest: float = 1.0
    platelets_from: int = 0
    bleeds_at: float = 14.0
    clots_at: float = 18.0


@dataclass(frozen=True, slots=True)
class _State:
    heparin: HeparinState
    blood: BloodState
    fallen: float
    """Hours for which platelets have been falling."""


class HeparinBody(Bedside):
    """Heparin, aPTT, platelets and haemoglobin under an infusion.

    Args:
        case: The patient.
        signs: Vital signs in the place of the usual ones.
    """

    def __init__(self, case: HeparinCase, signs: Mapping[str, float] | None = None) -> None:
        super().__init__((), signs)
        self._case = case
        weight = min(max(case.weight_kg, 30.0), 300.0)
        self._patient = HeparinPatient(weight, case.aptt, case.clearance, case.sensitivity)
        self._person = BloodPatient(
            "female" if case.female else "male",
            min(max(case.height_cm / 100, 1.2), 2.3),
            weight,
            usual_haemoglobin_g_dl=min(max(case.haemoglobin, 5.0), 20.0),
        )
        self._state: _State = _State(HeparinState(), _haemoglobin.steady(self._person), 0.0)
        self._bleeding = False
        self._too_much = self._too_little = self._after_fall = 0.0

    def _carry(self, minutes: int) -> _State:
        rate = min(self.rate("heparin") / self._patient.weight_kg, 200.0)
        heparin = _heparin.advance(self._patient, self._state.heparin, HeparinInputs(rate), minutes, STEP)
        blood = self._state.blood
        if self._bleeding:
            blood = _haemoglobin.advance(self._person, blood, BloodInputs(BLEEDING_ML_MIN), minutes)
        elif self._too_much >= self._case.bleeds_at:  # it has bled: water comes in, and what was lost stays lost
            blood = _haemoglobin.advance(self._person, blood, BloodInputs(), minutes)
        falling = self._carried >= self._case.platelets_from and rate > 0
        return _State(heparin, blood, self._state.fallen + (minutes / 60 if falling else 0.0))

    def _look(self, minute: int) -> list[StayEvent]:
        if minute % 15:
            return []
        events, aptt = list[StayEvent](), self._aptt(self._state)
        self._too_much += 0.25 * max(aptt - OVER, 0.0) / OVER_STEP
        low = RANGE[0] - 0.5  # laboratories report whole seconds
        self._too_little += 0.25 * min(max(low - aptt, 0.0) / (low - self._case.aptt), 1.0)
        if self._too_much >= self._case.bleeds_at / 2:
            events += self.once("bruising", "The gums bleed, and there are new bruises.", harm=False, minute=minute)
        if self._too_much >= self._case.bleeds_at:
            text = "There is black stool and fresh blood; the pulse is 118, the pressure 92/54."
            told = self.once("major_bleeding", text, harm=True, minute=minute)
            self._bleeding = bool(told) or (self._bleeding and aptt > RANGE[0])
            events += told
        if self._too_little >= self._case.clots_at:
            text = "The patient is suddenly short of breath; saturation is 86 %."
            events += self.once("embolism", text, harm=True, minute=minute)
        if self._platelets(self._state) <= 0.5 * self._case.platelets and self.rate("heparin") > 0:
            self._after_fall += 0.25
            if self._after_fall >= AFTER_FALL_HOURS:
                text = "The leg is cold and without a pulse; platelets are low while heparin runs."
                events += self.once("heparin_thrombosis", text, harm=True, minute=minute)
        return events

    def _begin(self, dose: Dose, drug: str) -> list[StayEvent]:
        per_kg = dose.amount / self._patient.weight_kg
        if drug.startswith("protamine"):
            mg = min(dose.amount * (1000 if dose.unit == "g" else 1), 500.0)
            self._at_once(HeparinInputs(protamine_mg=mg))
        elif drug.startswith("heparin") and dose.route == "iv":
            if dose.minutes <= 30:
                self._at_once(HeparinInputs(bolus_u_kg=min(per_kg, 1000.0)))
            else:
                self.run(dose, "heparin", dose.amount)
        return []

    def _at_once(self, inputs: HeparinInputs) -> None:
        heparin = _heparin.advance(self._patient, self._state.heparin, inputs, 0.0)
        self._state = _State(heparin, self._state.blood, self._state.fallen)

    def _aptt(self, state: _State) -> float:
        return _heparin.aptt_s(self._patient, state.heparin)

    def _platelets(self, state: _State) -> float:
        fallen = min(state.fallen / FALL_HOURS, 1.0)
        return self._case.platelets * (1 - (1 - self._case.platelets_lowest) * fallen)

    def _values(self) -> Mapping[str, float]:
        state = self._now()
        return {
            "aptt": self._aptt(state),
            "platelets": self._platelets(state),
            "haemoglobin": _haemoglobin.haemoglobin_g_dl(state.blood),
            "anti_xa": _heparin.anti_xa_u_ml(state.heparin),
            "heparin_rate": self.rate("heparin"),
        }

    def measures(self, analyte: str) -> bool:
        """Tells if the model knows an analyte."""
        return analyte in ("aptt", "platelets", "haemoglobin", "anti_xa")

    def vital_signs(self) -> Mapping[str, float]:
        """Returns the usual signs, moved by bleeding or by an embolism."""
        signs = dict(self._signs)
        if self._bleeding:
            signs |= {"pulse": 118.0, "systolic": 92.0, "diastolic": 54.0}
        if "embolism" in self._told:
            signs |= {"pulse": 124.0, "saturation": 86.0, "respiratory_rate": 28.0}
        return signs

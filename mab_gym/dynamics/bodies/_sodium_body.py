"""A patient with a low sodium, whose kidneys hold water until what made them hold it is gone."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mab_gym.dynamics._body import Dose
from mab_gym.dynamics.bodies._bedside import Bedside
from mab_gym.dynamics.physiology import _sodium
from mab_gym.dynamics.physiology._sodium import WaterInputs, WaterPatient, WaterState
from mab_gym.tasking.stay import StayEvent

CATIONS: Final = {
    "sodium chloride": _sodium.SALINE_09,
    "sodium chloride 3%": _sodium.SALINE_3,
    "lactated ringer's": _sodium.RINGER_LACTATE,
    "plasma-lyte": 145.0,
    "dextrose 5%": _sodium.WATER,
    "dextrose": _sodium.WATER,
    "dextrose 10%": _sodium.WATER,
}
"""Sodium and potassium in what runs in, mmol/L; Plasma-Lyte A: 140 and 5 (US label)."""
GRAMS_PER_ML: Final = {"dextrose 5%": 0.05, "dextrose 10%": 0.1, "dextrose": 0.5}
DESMOPRESSIN_MINUTES: Final = 10 * 60
"""Minutes in which 2 micrograms into a vein hold water: our choice, a little above the 8 hours after which they are
repeated (Sterns RH, N Engl J Med 2015;372:55)."""
HELD: Final = 650.0
"""The urine's concentration under desmopressin, mOsm/kg: 500 to 800 is usual; our choice."""
UREA_MOSM_G: Final = 1000 / 60
"""Milliosmoles in a gram of urea."""
SALT_MMOL_G: Final = 17.1
"""Sodium in a gram of sodium chloride, mmol."""
ABSORBED: Final = 480
"""Minutes in which urea or salt by mouth reaches the urine: our choice."""
LOOP_MINUTES, LOOP_LITRES, LOOP_CATIONS = 360, 0.3, 75.0
"""Minutes, litres an hour and their sodium and potassium by a dose of furosemide: half-normal saline, as is taught."""
THIN_LITRES: Final = 0.15
"""Urine in L/h from which it is told as thin (the handbook's page says 0.1)."""
DEMYELINATION: Final = 12.0
"""Rise in 24 hours, mmol/L, with which nerves are harmed here (Sterns RH, N Engl J Med 2015;372:55: above 12)."""
UNTREATED: Final = 180
"""Minutes after which a second seizure follows where the sodium has not risen: our choice."""
WORSE: Final = 4.0
"""Fall in mmol/L with which a seizure comes: our choice."""
DAY: Final = 96


@dataclass(frozen=True, slots=True)
class SodiumCase:
    """All that a case says of the body; none of it is shown to an agent.

    Attributes:
        weight_kg: Weight.
        water_share: Body water in health, L/kg.
        sodium: Sodium at the beginning, mmol/L.
        water_l: Body water more than in health, L.
        urine_mosm: The urine's concentration while water is held, mOsm/kg.
        urine_sodium: Sodium in the urine at the beginning, mmol/L.
        refill_l: Litres of volume after which kidneys hold water no more; 0 where they go on.
        drinks_l: Litres that are drunk in a day.
        eats: Share of usual food that is eaten.
        seizes: True if the patient has had a seizure.
        signs_end: The rise in mmol/L with which the signs are gone.
        signs: Vital signs in the place of the usual ones.
    """

    weight_kg: float
    water_share: float
    sodium: float
    water_l: float = 0.0
    urine_mosm: float = 500.0
    urine_sodium: float = 60.0
    refill_l: float = 0.0
    drinks_l: float = 1.8
    eats: float = 0.9
    seizes: bool = False
    signs_end: float = 4.0
    signs: Mapping[str, float] | None = None


class SodiumBody(Bedside):
    """Sodium and water under infusions, limits of drinking, desmopressin, urea and salt.

    Args:
        case: The patient.
    """

    def __init__(self, case: SodiumCase) -> None:
        super().__init__((), case.signs)
        self._case = case
        self._patient = WaterPatient(min(max(case.weight_kg, 30.0), 250.0), case.water_share, drinks=False)
        self._state: WaterState = _sodium.at_sodium(self._patient, case.sodium, case.water_l)
        self._filled_at = self._volume(self._state) + case.refill_l if case.refill_l > 0 else 1e9
        self._holds = True
        self._desmopressin_until = -1
        self._loop_until = -1
        self._limit_l: float | None = None
        self._key: object = None
        self._seen: deque[float] = deque([case.sodium], maxlen=DAY + 1)

    @staticmethod
    def _volume(state: WaterState) -> float:
        """Returns what salt and water tell of the volume, L."""
        return (state.cations_mmol / 140 + state.water_l) / 2

    def _urine_mosm(self) -> float | None:
        """Returns the concentration that something fixes during the present step; None where nothing does."""
        if self._carried < self._desmopressin_until:
            return max(HELD, self._case.urine_mosm)
        return self._case.urine_mosm if self._holds else None

    def _inputs(self) -> WaterInputs:
        """Returns the inputs of the model during the present step; kept while nothing changes."""
        running = tuple((each.what, each.rate) for each in self._running)
        key = (running, self._limit_l, self._urine_mosm(), self._carried < self._loop_until)
        if key != self._key:
            self._key, self._kept = key, self._read_inputs()
        return self._kept

    def _read_inputs(self) -> WaterInputs:
        litres = {what: self.rate(what) / 1000 for what in CATIONS if self.rate(what)}
        running = sum(litres.values())
        cations = sum(litre * CATIONS[what] for what, litre in litres.items()) / running if running else 0.0
        drunk = self._case.drinks_l if self._limit_l is None else min(self._limit_l, self._case.drinks_l)
        loop = self._carried < self._loop_until
        return WaterInputs(
            iv_l_h=min(running, 5.0),
            iv_cations=cations,
            drink_l_h=drunk / 24,
            food_cations=min(210 / 24 * self._case.eats + self.rate("salt"), 40.0),
            urea_mosm_h=min(400 / 24 + self.rate("urea"), 100.0),
            urine_mosm=self._urine_mosm(),
            lost_l_h=LOOP_LITRES if loop else 0.0,
            lost_cations=LOOP_CATIONS,
        )

    def _carry(self, minutes: int) -> WaterState:
        return _sodium.advance(self._patient, self._state, self._inputs(), minutes)

    def _look(self, minute: int) -> list[StayEvent]:
        events = list[StayEvent]()
        if minute % 15:
            return events
        case, sodium = self._case, self._state.cations_mmol / self._state.water_l
        self._seen.append(sodium)
        if self._holds and self._volume(self._state) >= self._filled_at:
            self._holds = False
        litres, _ = _sodium.urine(self._patient, self._state, self._inputs())
        if not self._holds and litres >= THIN_LITRES:
            text = f"There were {litres * 1000:.0f} mL of urine in the last hour, as clear as water."
            events += self.once("thin_urine", text, harm=False, minute=minute)
        rise = sodium - case.sodium
        if case.seizes and rise >= case.signs_end:
            text = "The patient is awake now, knows where this is, and answers."
            events += self.once("awake", text, harm=False, minute=minute)
        if case.seizes and minute >= UNTREATED and "awake" not in self._told:
            text = "The patient has a second seizure, of eight minutes, and does not breathe well after it."
            events += self.once("second_seizure", text, harm=True, minute=minute)
        if rise <= -WORSE:
            text = "The patient vomits, is hard to wake, and has a seizure."
            events += self.once("worse", text, harm=True, minute=minute)
        if sodium - min(self._seen) > DEMYELINATION:
            text = "Speech is slurred, and swallowing is hard; the legs are stiff."
            events += self.once("demyelination", text, harm=True, minute=minute)
        return events

    def _begin(self, dose: Dose, drug: str) -> list[StayEvent]:
        if drug in CATIONS and dose.route == "iv":
            millilitres = dose.amount / GRAMS_PER_ML.get(drug, 1.0)
            self.run(dose, drug, millilitres, quickest=5)
        elif drug == "desmopressin" and dose.amount >= 0.5:
            self._desmopressin_until = max(self._desmopressin_until, self._minute + DESMOPRESSIN_MINUTES)
        elif drug == "urea":
            self._slowly(dose, "urea", min(dose.amount, 60.0) * UREA_MOSM_G)
        elif drug == "sodium chloride tablet":
            self._slowly(dose, "salt", min(dose.amount, 9.0) * SALT_MMOL_G)
        elif drug in ("furosemide", "torsemide", "bumetanide"):
            self._loop_until = self._minute + LOOP_MINUTES
        elif drug == "fluid limit":
            self._limit_l = dose.amount / 1000 if dose.amount > 0 else None
        return []

    def _slowly(self, dose: Dose, what: str, amount: float) -> None:
        self.run(Dose(dose.order, dose.drug, amount, dose.unit, dose.route, ABSORBED), what, amount)

    def _values(self) -> Mapping[str, float]:
        state = self._now()
        sodium = state.cations_mmol / state.water_l
        held = self._urine_mosm()
        return {
            "sodium": sodium,
            "osmolality": 2 * sodium + 11,
            "urine_osmolality": _sodium.urine_concentration(sodium) if held is None else held,
            "urine_sodium": self._case.urine_sodium if held is not None else 25.0,
            "urine": _sodium.urine(self._patient, state, self._inputs())[0],
        }

    def measures(self, analyte: str) -> bool:
        """Tells if the model knows an analyte."""
        return analyte in ("sodium", "osmolality", "urine_osmolality", "urine_sodium")

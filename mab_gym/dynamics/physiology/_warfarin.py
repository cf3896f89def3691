"""Warfarin and the INR: Hamberg 2010's model, with vitamin K and prothrombin complex added.

S-warfarin goes from the gut to one compartment and leaves by CYP2C9. Its concentration slows what feeds two chains of
three transit compartments, a fast one and a slow one, which stand for the clotting factors; the INR is read off their
ends. Genotypes of CYP2C9 and VKORC1 and the age set the typical person; two factors set the single one.

The parameters are those of Hamberg AK et al., Clin Pharmacol Ther 2010;87:727, by two published codes of the model; the
paper itself was not at hand. Clearances, volume and the INR's rise stand alike in both codes; gamma, the transit times
and the EC50 are those of the paper's largest data set by one of them (the other has a later fit).

Weaker than life: no R-warfarin, no diet, no albumin. Vitamin K and prothrombin complex are ours (chosen), set to what
trials found: vitamin K fills what the chains hold, for a day or two, so that 10 mg does not hold back the next week's
warfarin as it does in life. The model is for learning, not for patients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from mab_gym.dynamics.physiology._bounds import minutes_within, within
from mab_gym.dynamics.physiology._runge_kutta import Numbers, integrate
from mab_gym.errors import UsageError

Cyp2c9 = Literal["*1/*1", "*1/*2", "*1/*3", "*2/*2", "*2/*3", "*3/*3"]
Vkorc1 = Literal["GG", "GA", "AA"]

CLEARANCE_L_H = {"*1": 0.174, "*2": 0.0879, "*3": 0.0422}
"""Hamberg 2010, table 2: the clearance of S-warfarin that each allele gives at 71 years, L/h."""
CLEARANCE_PER_YEAR = -0.00571
"""Hamberg 2010, table 2: the change of the clearance with each year from 71, as a part."""
VOLUME_L = 14.3
"""Hamberg 2010, table 2: the apparent volume of distribution, L."""
ABSORPTION_PER_H = 2.0
"""Hamberg 2010, table 2: the rate constant of absorption, per hour."""
S_PART = 0.5
"""Tablets hold as much S- as R-warfarin."""
EC50_MG_L = {"G": 2.05, "A": 0.96}
"""Hamberg 2010, table 4: the part of the EC50 that each VKORC1 allele gives, mg/L."""
GAMMA = 1.15
"""Hamberg 2010, table 4: the steepness of the effect."""
TRANSIT_H = (28.6, 118.3)
"""Hamberg 2010, table 4: the mean transit times of the two chains, hours."""
INR_RISE = 20.0
"""Hamberg 2010, page 733: the INR's greatest rise, where both chains are empty."""
VITAMIN_K_PER_H = 0.19
"""chosen, with the next four: the rate at which much vitamin K fills the chains, per hour. They are fitted to Lubetsky
A et al., Arch Intern Med 2003;163:2469: with an INR of 6 to 10 before, 0.5 mg in a vein gave 2.9 (SD 0.8) after 24 h,
2.5 mg by mouth 2.6 (SD 0.8); 46 and 0 % of people were at most at 4 after 6 h, 67 and 35 % after 12 h."""
VITAMIN_K_HALF_MG = 0.25
"""chosen: the vitamin K at which the rate is half of the greatest, mg."""
VITAMIN_K_LOSS_PER_H = 0.14
"""chosen: the rate at which its effect is lost, per hour."""
VITAMIN_K_ORAL_PART = 0.24
"""chosen: the part of a dose by mouth that acts."""
VITAMIN_K_ABSORPTION_PER_H = 0.07
"""chosen: the rate of its absorption, per hour."""
COMPLEX_PER_U_KG = 0.08
"""chosen: each U/kg of prothrombin complex lessens the INR's excess by this part, so that the label's 25, 35 and 50
U/kg at an INR of 2 to 4, 4 to 6 and over 6 give at most 1.5, as 86 % had after 30 minutes (Blood Adv 2023;7:2206)."""
COMPLEX_HALF_LIFE_H = 6.0
"""chosen: that of factor VII, the shortest of the four; without vitamin K the INR comes back within a day."""
_LONGEST_STEP_MIN = 15.0


@dataclass(frozen=True)
class WarfarinPatient:
    """Holds one person's answer to warfarin.

    Attributes:
        age_years: Age, from 18 to 110 years.
        cyp2c9: Genotype of the enzyme that clears S-warfarin.
        vkorc1: Genotype of the enzyme that warfarin blocks, at -1639.
        base_inr: INR without warfarin, from 0.8 to 2.
        clearance_factor: Clearance against the typical one, from 0.2 to 4; a drug that blocks CYP2C9 lowers it.
        resistance_factor: EC50 against the typical one, from 0.2 to 5; a diet poor in vitamin K lowers it.
    """

    age_years: float
    cyp2c9: Cyp2c9 = "*1/*1"
    vkorc1: Vkorc1 = "GA"
    base_inr: float = 1.0
    clearance_factor: float = 1.0
    resistance_factor: float = 1.0

    def __post_init__(self) -> None:
        """Holds the figures to their bounds, and the genotypes to those that are known."""
        within("age_years", self.age_years, 18.0, 110.0, "years")
        within("base_inr", self.base_inr, 0.8, 2.0, "")
        within("clearance_factor", self.clearance_factor, 0.2, 4.0, "")
        within("resistance_factor", self.resistance_factor, 0.2, 5.0, "")
        if not set(self.cyp2c9.split("/")) <= CLEARANCE_L_H.keys() or self.cyp2c9.count("/") != 1:
            raise UsageError(f"cyp2c9 is {self.cyp2c9!r}; it must be two of *1, *2 and *3, as in '*1/*3'.")
        if not set(self.vkorc1) <= EC50_MG_L.keys() or len(self.vkorc1) != 2:
            raise UsageError(f"vkorc1 is {self.vkorc1!r}; it must be GG, GA or AA.")


@dataclass(frozen=True)
class WarfarinState:
    """Holds all that the future depends on.

    Attributes:
        gut_mg: S-warfarin in the gut, mg.
        body_mg: S-warfarin in the body, mg.
        chains: Contents of the fast chain and then of the slow one, three each, from 0 to 1.
        vitamin_k_gut_mg: Vitamin K in the gut, mg, only what will act.
        vitamin_k_mg: Vitamin K that acts, mg.
        complex_u_kg: Prothrombin complex in the blood, U/kg.
    """

    gut_mg: float = 0.0
    body_mg: float = 0.0
    chains: Numbers = (1.0,) * 6
    vitamin_k_gut_mg: float = 0.0
    vitamin_k_mg: float = 0.0
    complex_u_kg: float = 0.0


@dataclass(frozen=True)
class WarfarinInputs:
    """Holds what is given at the beginning of a step.

    Attributes:
        warfarin_mg: Warfarin by mouth, from 0 to 100 mg.
        vitamin_k_oral_mg: Vitamin K by mouth, from 0 to 50 mg.
        vitamin_k_iv_mg: Vitamin K in a vein, from 0 to 50 mg.
        complex_u_kg: Prothrombin complex of four factors, from 0 to 100 U/kg.
    """

    warfarin_mg: float = 0.0
    vitamin_k_oral_mg: float = 0.0
    vitamin_k_iv_mg: float = 0.0
    complex_u_kg: float = 0.0


def clearance_l_h(patient: WarfarinPatient) -> float:
    """Returns the clearance of S-warfarin in L/h."""
    typical = sum(CLEARANCE_L_H[allele] for allele in patient.cyp2c9.split("/"))
    return typical * (1.0 + CLEARANCE_PER_YEAR * (patient.age_years - 71.0)) * patient.clearance_factor


def ec50_mg_l(patient: WarfarinPatient) -> float:
    """Returns the concentration of S-warfarin that halves what feeds the chains, mg/L."""
    return sum(EC50_MG_L[allele] for allele in patient.vkorc1) * patient.resistance_factor


def advance(patient: WarfarinPatient, state: WarfarinState, inputs: WarfarinInputs, minutes: float) -> WarfarinState:
    """Returns the state after some minutes; doses act at the beginning.

    Amounts of drugs are exact; the chains are the same to one part in a million however a time is cut.

    Args:
        patient: The person.
        state: The state before.
        inputs: The doses.
        minutes: The time in minutes.
    """
    _check(state, inputs)
    hours = minutes_within(minutes) / 60.0
    gut = state.gut_mg + inputs.warfarin_mg * S_PART
    k_gut = state.vitamin_k_gut_mg + inputs.vitamin_k_oral_mg * VITAMIN_K_ORAL_PART
    k_now = state.vitamin_k_mg + inputs.vitamin_k_iv_mg
    loss = clearance_l_h(patient) / VOLUME_L
    ec50 = ec50_mg_l(patient) ** GAMMA

    def change(minute: float, chains: Numbers) -> Numbers:
        hour = minute / 60.0
        effect = (_absorbed(gut, state.body_mg, ABSORPTION_PER_H, loss, hour) / VOLUME_L) ** GAMMA
        vitamin_k = _absorbed(k_gut, k_now, VITAMIN_K_ABSORPTION_PER_H, VITAMIN_K_LOSS_PER_H, hour)
        fill = VITAMIN_K_PER_H * vitamin_k / (VITAMIN_K_HALF_MG + vitamin_k)
        return _flows(chains, ec50 / (ec50 + effect), fill)

    return WarfarinState(
        gut * math.exp(-ABSORPTION_PER_H * hours),
        _absorbed(gut, state.body_mg, ABSORPTION_PER_H, loss, hours),
        integrate(change, state.chains, minutes, _LONGEST_STEP_MIN),
        k_gut * math.exp(-VITAMIN_K_ABSORPTION_PER_H * hours),
        _absorbed(k_gut, k_now, VITAMIN_K_ABSORPTION_PER_H, VITAMIN_K_LOSS_PER_H, hours),
        (state.complex_u_kg + inputs.complex_u_kg) * math.exp(-math.log(2.0) * hours / COMPLEX_HALF_LIFE_H),
    )


def steady(patient: WarfarinPatient, dose_mg: float, interval_h: float = 24.0) -> WarfarinState:
    """Returns the state just before a dose, when the same dose was given for ever.

    Args:
        patient: The person.
        dose_mg: Warfarin by mouth, from 0 to 100 mg.
        interval_h: The time from dose to dose, from 6 to 168 hours.
    """
    within("interval_h", interval_h, 6.0, 168.0, "h")
    within("warfarin_mg", dose_mg, 0.0, 100.0, "mg")
    loss = clearance_l_h(patient) / VOLUME_L
    gut = dose_mg * S_PART / math.expm1(ABSORPTION_PER_H * interval_h)
    arrived = _absorbed(gut + dose_mg * S_PART, 0.0, ABSORPTION_PER_H, loss, interval_h)
    body = arrived / -math.expm1(-loss * interval_h)
    empty = WarfarinState(gut, body, (0.0,) * 6)
    fed = advance(patient, empty, WarfarinInputs(dose_mg), interval_h * 60.0).chains
    chains: list[float] = []
    for mean, (first, second, third) in zip(TRANSIT_H, (fed[:3], fed[3:]), strict=True):
        # What one interval leaves of a chain, and adds to it, is linear: solve for the content that stays.
        x = 3.0 * interval_h / mean
        lost = -math.expm1(-x)
        one = first / lost
        two = (second + x * math.exp(-x) * one) / lost
        chains += [one, two, (third + x * math.exp(-x) * two + x * x / 2.0 * math.exp(-x) * one) / lost]
    return WarfarinState(gut, body, tuple(chains))


def inr(patient: WarfarinPatient, state: WarfarinState) -> float:
    """Returns the INR."""
    missing = max(1.0 - (state.chains[2] + state.chains[5]) / 2.0, 0.0)
    return patient.base_inr + INR_RISE * missing * math.exp(-COMPLEX_PER_U_KG * state.complex_u_kg)


def s_warfarin_mg_l(state: WarfarinState) -> float:
    """Returns the concentration of S-warfarin in mg/L."""
    return state.body_mg / VOLUME_L


def maintenance_dose_mg(patient: WarfarinPatient, target_inr: float) -> float:
    """Returns the daily dose of warfarin whose mean concentration holds an INR, mg.

    Args:
        patient: The person.
        target_inr: The INR, at least the person's own and at most 10.
    """
    within("target_inr", target_inr, patient.base_inr, 10.0, "")
    effect = (target_inr - patient.base_inr) / INR_RISE
    concentration = ec50_mg_l(patient) * math.pow(effect / (1.0 - effect), 1.0 / GAMMA)
    return concentration * clearance_l_h(patient) * 24.0 / S_PART


def _absorbed(depot: float, body: float, absorption: float, loss: float, hours: float) -> float:
    """Returns the amount in one compartment that a depot feeds, after some hours; rates per hour."""
    kept = math.exp(-loss * hours)
    return body * kept + depot * absorption / (absorption - loss) * (kept - math.exp(-absorption * hours))


def _flows(chains: Numbers, feed: float, fill: float) -> Numbers:
    """Returns the change of both chains per minute; the fill is the rate by which vitamin K fills them, per hour."""
    flows: list[float] = []
    for index, content in enumerate(chains):
        before = chains[index - 1] if index % 3 else feed
        rate = 3.0 / TRANSIT_H[index // 3]
        flows.append((rate * (before - content) + fill * (1.0 - content)) / 60.0)
    return tuple(flows)


def _check(state: WarfarinState, inputs: WarfarinInputs) -> None:
    """Holds a state and what is given to their bounds."""
    within("gut_mg", state.gut_mg, 0.0, 1_000.0, "mg")
    within("body_mg", state.body_mg, 0.0, 100_000.0, "mg")
    within("vitamin_k_gut_mg", state.vitamin_k_gut_mg, 0.0, 10_000.0, "mg")
    within("vitamin_k_mg", state.vitamin_k_mg, 0.0, 10_000.0, "mg")
    if len(state.chains) != 2 * 3:
        raise UsageError(f"chains has {len(state.chains)} numbers; it must have 6.")
    for content in state.chains:
        within("chains", content, -1e-9, 1.0 + 1e-9, "")
    within("warfarin_mg", inputs.warfarin_mg, 0.0, 100.0, "mg")
    within("vitamin_k_oral_mg", inputs.vitamin_k_oral_mg, 0.0, 50.0, "mg")
    within("vitamin_k_iv_mg", inputs.vitamin_k_iv_mg, 0.0, 50.0, "mg")
    within("complex_u_kg", state.complex_u_kg, 0.0, 1_000.0, "U/kg")
    within("complex_u_kg", inputs.complex_u_kg, 0.0, 100.0, "U/kg")

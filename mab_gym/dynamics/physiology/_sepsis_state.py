"""The patient, the state and the treatment of the model of sepsis (`_sepsis`)."""

from __future__ import annotations

from dataclasses import dataclass

from mab_gym.dynamics.physiology._bounds import within

MOST_BURDEN = 3.0
"""chosen: the greatest burden, at which it grows no more."""


@dataclass(frozen=True)
class SepsisPatient:
    """Holds one person's usual signs and answer.

    Attributes:
        weight_kg: Weight, from 30 to 300 kg.
        usual_pressure_mmhg: Mean arterial pressure in health, from 60 to 130 mmHg.
        usual_heart_rate: Heart rate in health, from 40 to 110 beats/min.
        severity_factor: Effect of the same inflammation on the pressure, from 0.3 to 2.
        has_source: True for an infection that wants control, as an abscess or a blocked kidney.
    """

    weight_kg: float
    usual_pressure_mmhg: float = 85.0
    usual_heart_rate: float = 75.0
    severity_factor: float = 1.0
    has_source: bool = False

    def __post_init__(self) -> None:
        """Holds the figures to their bounds."""
        within("weight_kg", self.weight_kg, 30.0, 300.0, "kg")
        within("usual_pressure_mmhg", self.usual_pressure_mmhg, 60.0, 130.0, "mmHg")
        within("usual_heart_rate", self.usual_heart_rate, 40.0, 110.0, "/min")
        within("severity_factor", self.severity_factor, 0.3, 2.0, "")


@dataclass(frozen=True)
class SepsisState:
    """Holds all that the future depends on.

    Attributes:
        burden: Germs, 1 at a usual presentation with shock, from 0 to 3.
        inflammation: The body's answer, from 0 to 3.
        debt: Want of blood in the tissues, 0 at a good pressure, about 1 at 55 mmHg.
        temperature_c: Temperature in degrees Celsius.
        lactate_mmol_l: Lactate, mmol/L.
        antibiotic: Effect of antibiotics, from 0 to 1.
        pressor_ug_kg_min: Noradrenaline that acts, µg/kg/min.
        fluid_fast_ml_kg: Fluid in the vessels that leaves fast, mL/kg.
        fluid_slow_ml_kg: Fluid in the vessels that leaves slowly, mL/kg.
        fluid_body_ml_kg: Infused fluid that is still in the body, mL/kg.
        fluid_given_ml_kg: All fluid that was infused, mL/kg.
    """

    burden: float
    inflammation: float
    debt: float
    temperature_c: float
    lactate_mmol_l: float
    antibiotic: float = 0.0
    pressor_ug_kg_min: float = 0.0
    fluid_fast_ml_kg: float = 0.0
    fluid_slow_ml_kg: float = 0.0
    fluid_body_ml_kg: float = 0.0
    fluid_given_ml_kg: float = 0.0


@dataclass(frozen=True)
class SepsisInputs:
    """Holds the treatment all through a step.

    Attributes:
        fluid_ml_h: Crystalloid, from 0 to 6,000 mL/h.
        pressor_ug_kg_min: Noradrenaline, from 0 to 3 µg/kg/min.
        antibiotic: True while an antibiotic to which the germ is sensitive is given as it should be.
        source_controlled: True once the source is drained, taken out or unblocked.
    """

    fluid_ml_h: float = 0.0
    pressor_ug_kg_min: float = 0.0
    antibiotic: bool = False
    source_controlled: bool = False

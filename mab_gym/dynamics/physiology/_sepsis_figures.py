"""The figures of the model of sepsis: few are measured, most are chosen within what is published."""

from __future__ import annotations

LACTATE_PRODUCTION_MMOL_KG_H = 1.19
"""Levraut J et al., Am J Respir Crit Care Med 1998;157:1021: 1.194 (SD 0.230) and 1.181 (SD 0.325) mmol/kg/h in septic
patients with a lactate of 1.2 and 2.6 mmol/L, the same."""
LACTATE_CLEARANCE_L_KG_H = 1.002
"""Levraut 1998: 1,002 (SD 284) mL/kg/h at a lactate of 1.2 mmol/L."""
LACTATE_CLEARANCE_SEPTIC_L_KG_H = 0.473
"""Levraut 1998: 473 (SD 102) mL/kg/h at a lactate of 2.6 mmol/L; here the clearance at an inflammation of 1."""
LACTATE_VOLUME_L_KG = 0.285
"""Woll PJ, Record CO, Eur J Clin Invest 1979;9:397, abstract: from 270 to 300 mL/kg; a half-life of 14.7 (SEM 2.2) min
in six healthy people, where ours is 11.8 (figures read in the abstract; authors and journal not verified)."""
BEATS_PER_DEGREE = 7.2
"""Jensen MM et al., Acute Med 2019, amja.0766: 7.2 (SE 0.4) beats/min for each degree, in 4,493 medical patients."""
PRESSURE_TARGET_MMHG = 65.0
"""Surviving Sepsis Campaign 2021 (Evans L et al., Crit Care Med 2021;49:e1063): the first target of the pressure."""
FLUID_TARGET_ML_KG = 30.0
"""Surviving Sepsis Campaign 2021: at least 30 mL/kg of crystalloid within the first 3 hours."""
LACTATE_CLEARED_PERCENT = 10.0
"""Nguyen HB et al., Crit Care Med 2004;32:1637: at least 10 % in 6 h, as is used since (the paper was not at hand)."""
GROWTH_PER_H = 0.06
"""chosen: the growth of the burden without treatment, so that it doubles in about half a day; at most to 3."""
KILL_PER_H = 0.14
"""chosen: the fall by a full antibiotic effect; the signs then get better over one to three days."""
KILL_UNCONTROLLED = 0.5
"""chosen: the part of it that works while an abscess or the like is not drained."""
DRAIN_PER_H = 0.06
"""chosen: the fall by the control of the source, where there is one to control; it then grows no more."""
ANTIBIOTIC_HALF_TIME_H = 1.0
"""chosen: the half-time in which an antibiotic comes to its effect, and loses it."""
INFLAMMATION_HALF_TIME_H = 5.0
"""chosen: the half-time in which inflammation follows the burden; signs lag behind the cure by hours."""
DEBT_HALF_TIME_H = 2.0
"""chosen: the half-time in which the tissues follow the pressure."""
TEMPERATURE_HALF_TIME_H = 3.0
"""chosen: the half-time in which the temperature follows the inflammation."""
PRESSURE_FALL_MMHG = 30.0
"""chosen: the fall of the mean pressure at an inflammation of 1, from 85 to 55 mmHg."""
FLUID_GAIN_MMHG = 10.0
"""chosen: the most that fluid gives back at an inflammation of 1; 10 mL/kg in the vessels give 63 % of it."""
PRESSOR_GAIN_MMHG = 40.0
"""chosen: the most that noradrenaline gives."""
PRESSOR_HALF_UG_KG_MIN = 0.15
"""chosen: the rate for half of it in health; twice that at an inflammation of 1, where 0.1 gives 10 mmHg."""
PRESSOR_HALF_LIFE_MIN = 2.5
"""chosen: the half-life of noradrenaline's effect, minutes."""
FEVER_DEGREES = 2.0
"""chosen: the rise of the temperature at an inflammation of 1, from 36.8 to 38.8 degrees."""
FLUID_FAST_PART, FLUID_FAST_HALF_LIFE_MIN, FLUID_SLOW_HALF_LIFE_MIN = 0.8, 8.0, 240.0
"""chosen: as in the model of haemoglobin; 80 % leaves the vessels with a half-life of 8 min, the rest of 4 h."""
FLUID_LOSS_HALF_LIFE_H = 24.0
"""chosen: the half-life of infused fluid in the body; more than 100 mL/kg is an overload of 10 % of the weight."""

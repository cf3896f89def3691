"""The flowsheet's catalogue: vital signs and what else is charted at the bedside.

Flowsheet rows have no standard code, as in the official server; they are known by ``code.text`` alone.
"""

from __future__ import annotations

from typing import Final

from mab_gym.cohort._measurement import Measurement, Panel

BP: Final = "BP"
"""Blood pressure, the one row whose value is a text: systolic over diastolic, in mmHg."""

LEAST_DIASTOLIC, GREATEST_DIASTOLIC = 28, 135

FLOWSHEET: Final = (
    Measurement(BP, "mmHg", "mm[Hg]", 0, 62, 238, 118.0, 122.0, 6.0, 6.0, 10, 8.0, False,
                {"hypertension": 14.0, "esrd": 8.0, "heart_failure": -6.0, "cirrhosis": -8.0, "amlodipine": -4.0},
                {"infection": -16.0, "bleeding": -14.0, "cardiac": 6.0, "surgery": -4.0}),
    Measurement("HR", "beats/min", "/min", 0, 32, 195, 74.0, 71.0, 6.0, 4.0, 5, 6.0, False,
                {"fibrillation": 8.0, "anemia": 4.0, "copd": 4.0, "metoprolol": -9.0},
                {"infection": 22.0, "bleeding": 20.0, "cardiac": 12.0, "respiratory": 14.0}),
    Measurement("RR", "breaths/min", "/min", 0, 6, 48, 15.5, 15.5, 0.8, 1.0, 4, 1.6, False,
                {"copd": 2.0, "heart_failure": 1.0}, {"infection": 4.0, "respiratory": 6.0, "cardiac": 2.0}),
    Measurement("T", "degF", "[degF]", 1, 92.0, 106.0, 98.2, 98.0, 0.15, 0.25, 2, 0.35, False, {},
                {"infection": 2.0, "surgery": 0.6, "respiratory": 0.5}),
    Measurement("SPO2", "%", "%", 0, 68, 100, 97.6, 97.4, 0.5, 0.6, 4, 1.0, False,
                {"copd": -3.5, "heart_failure": -0.8, "smoking": -0.5}, {"respiratory": -5.0, "infection": -2.0}),
    Measurement("PAIN", "score", "{score}", 0, 0, 10, 1.8, 1.5, 0.8, 1.2, 3, 1.3, False,
                {"pain": 2.5, "osteoarthritis": 0.5},
                {"surgery": 3.0, "bleeding": 1.0}),
    Measurement("WT", "kg", "kg", 1, 32.0, 225.0, 66.0, 80.0, 0.12, 0.025, 60, 0.006, True,
                {"obesity": 1.36, "malnutrition": 0.78, "diabetes": 1.05}, {"cardiac": 1.04, "renal": 1.03}, 0.015),
    Measurement("HT", "cm", "cm", 1, 138.0, 208.0, 162.5, 176.0, 6.5, 0.0, 60, 0.25),
    Measurement("UOP", "mL", "mL", 0, 0, 2400, 380.0, 420.0, 0.2, 0.3, 3, 0.4, True, {"esrd": 0.15, "ckd4": 0.75},
                {"renal": 0.5}),
)  # fmt: skip

BEDSIDE: Final = (
    Panel((BP, "HR", "RR", "T", "SPO2", "PAIN"), (1.0, 2.5, 5.5, 7.0)),
    Panel((BP, "HR", "RR", "SPO2"), (0.1, 1.0, 0.5, 14.0)),
    Panel(("WT",), (0.9, 0.3, 0.7, 0.9), (6.0,)),
    Panel(("HT",), (0.35, 0.1, 0.05, 0.02), (9.0,)),
    Panel(("UOP",), (0.0, 0.0, 2.5, 6.0)),
)

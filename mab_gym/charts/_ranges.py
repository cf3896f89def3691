"""Adult reference ranges, to mark values outside them.

Laboratory: American Board of Internal Medicine, Laboratory Test Reference Ranges, January 2023. Vital signs: the limits
of the National Early Warning Score 2 (Royal College of Physicians, 2017) at which it gives no points; temperature in
degrees Fahrenheit.
"""

from __future__ import annotations

from typing import Final

Range = tuple[float | None, float | None]

WHOEVER: Final[dict[str, Range]] = {
    "NA": (136, 145), "K": (3.5, 5.0), "CL": (98, 106), "CO2": (23, 28), "AGAP": (7, 13), "BUN": (8, 20),
    "EGFR": (60, None), "CA": (8.6, 10.2), "MG": (1.6, 2.6), "PHOS": (3.0, 4.5), "GLU": (70, 140), "A1C": (4.0, 5.6),
    "WBC": (4, 11), "MCV": (80, 98), "RDW": (9, 14.5), "PLT": (150, 450), "AST": (10, 40), "ALT": (10, 40),
    "ALP": (30, 120), "TBIL": (0.3, 1.0), "ALB": (3.5, 5.5), "TP": (5.5, 9.0), "TSH": (0.5, 5.0), "PTT": (25, 35),
    "INR": (0.8, 1.2), "PT": (11, 13), "CHOL": (None, 200), "LDL": (None, 130), "TRIG": (None, 150),
    "PHA": (7.38, 7.44), "HR": (51, 90), "RR": (12, 20), "SPO2": (96, None), "T": (96.9, 100.4),
    "systolic": (111, 219), "diastolic": (None, 90),
}  # fmt: skip
"""The ranges that are the same for both sexes."""
_WOMEN: Final[dict[str, Range]] = {
    "HGB": (12, 16), "HCT": (37, 47), "CREA": (0.5, 1.1), "RBC": (4.2, 5.4), "HDL": (50, None),
}  # fmt: skip
_MEN: Final[dict[str, Range]] = {
    "HGB": (14, 18), "HCT": (42, 50), "CREA": (0.7, 1.3), "RBC": (4.7, 6.1), "HDL": (40, None),
}  # fmt: skip


def reference_range(code: str, female: bool | None) -> Range | None:
    """Returns the range of a result's code; None if there is none, or it depends on a sex that is not known."""
    if code in WHOEVER:
        return WHOEVER[code]
    return None if female is None else (_WOMEN if female else _MEN).get(code)


def flag(value: float, limits: Range | None) -> str:
    """Returns ``H`` above the range, ``L`` below it, else an empty text."""
    low, high = limits or (None, None)
    return "H" if high is not None and value > high else "L" if low is not None and value < low else ""

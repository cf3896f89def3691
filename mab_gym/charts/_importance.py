"""Order of a problem list by importance for a clinician; the rule is stated here and on the page.

1. What is active comes before what is inactive, that before what is resolved, and that before what was entered in error
   or refuted.
2. Within each: first what threatens life, then serious lasting diseases, then other diseases, then symptoms and minor
   complaints, then what is no disease. ICD-10 codes say which, by `_WEIGHTS`. For SNOMED CT the tag in brackets at the
   end of a name does: a finding is a symptom, a situation no disease. Any other code counts as another disease.
3. Within these: first what stands on the problem list, then what was diagnosed at an encounter alone; then the latest.
"""

from __future__ import annotations

import re
from typing import Final

_WEIGHTS: Final = {
    # 4: it threatens life: sepsis and shock, infarction, embolism, stroke, failing breath, kidneys or liver, bleeding
    4: "A40 A41 R57 R65 I21 I22 I26 I46 I60 I61 I62 I63 I71 J80 J81 J96 N17 K72 K25.0 K25.4 K26.0 K26.4 K92.0 K92.1 "
    "K92.2 D62 D65 D68.3 G00 G41 E10.1 E11.0 E13.0 E87.2 E87.5 I50.2 I50.3 I50.4 J44.1 K56 S72 T78.2",
    # 3: a serious, lasting disease: cancer, failing organs, diabetes, vessels of heart and brain, HIV, dementia
    3: "B20 B18 C D46 D57 D80 D81 D82 D83 D84 E08 E10 E11 E13 F01 F02 F03 F10.2 F20 F31 G12 G20 G30 G35 G40 I05 "
    "I20 I25 I27 I42 I48 I50 I69 I70 I73 J43 J44 J84 K50 K51 K70 K74 M05 M32 N18 Z94",
    # 1: a symptom, a sign or a minor complaint
    1: "R J00 J06 J30 H52 K59 L20 L21 L23 L24 L25 L29 L30 L60 L70 M25 M54 M79 G43.909 G44 G47.0 G89 B07 B35",
    # 0: no disease: an examination, a vaccination, a therapy, an accident's circumstances
    0: "Z U V W X Y",
}
"""ICD-10 prefixes by weight; the longest prefix of a code decides, and what has none here weighs 2."""
_PREFIXES: Final = {prefix: weight for weight, prefixes in _WEIGHTS.items() for prefix in prefixes.split()}
_ICD: Final = re.compile(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?")
_OTHER: Final = 2
_TAGS: Final = {"(finding)": 1, "(situation)": 0, "(person)": 0}
_STATES: Final = {
    "active": 0, "recurrence": 0, "relapse": 0, "inactive": 1, "remission": 1, "resolved": 2,
}  # fmt: skip


def importance(status: str, code: str, name: str, void: bool) -> tuple[int, int]:
    """Returns a key by which the more important of two diagnoses sorts first.

    Args:
        status: Its clinical status; a missing or unknown one counts as active.
        code: Its code.
        name: Its name.
        void: True if it was entered in error or refuted.
    """
    return 3 if void else _STATES.get(status.partition(",")[0].lower(), 0), -_weight(code, name)


def _weight(code: str, name: str) -> int:
    if not _ICD.fullmatch(code):
        return next((weight for tag, weight in _TAGS.items() if name.endswith(tag)), _OTHER)
    return next((_PREFIXES[code[:size]] for size in range(len(code), 0, -1) if code[:size] in _PREFIXES), _OTHER)

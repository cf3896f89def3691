"""Antibiotics by source: each way is a list of groups, of each of which one drug is given.

Sources stand in ``task.toml``. A way that a guideline names for another severity, or that local resistance speaks
against (a fluoroquinolone alone for the urinary tract), is left out.
"""

from __future__ import annotations

PENICILLINS = ("piperacillin and tazobactam", "ampicillin and sulbactam", "amoxicillin", "ampicillin")
_CARBAPENEMS = ("meropenem", "imipenem and cilastatin", "ertapenem")
_THIRD = ("ceftriaxone", "cefotaxime", "cefepime", "ceftazidime")
_RODS = (*_THIRD, *_CARBAPENEMS, "piperacillin and tazobactam", "aztreonam", "gentamicin", "tobramycin", "amikacin")
_LUNG = (
    "ceftriaxone",
    "cefotaxime",
    "cefepime",
    *_CARBAPENEMS,
    "piperacillin and tazobactam",
    "ampicillin and sulbactam",
)
_QUINOLONES = ("levofloxacin", "moxifloxacin")
_MRSA = ("vancomycin", "linezolid", "daptomycin")
_BROAD = (*_THIRD, *_CARBAPENEMS, "piperacillin and tazobactam", "ampicillin and sulbactam", "cefazolin")

REGIMENS: dict[str, tuple[tuple[tuple[str, ...], ...], ...]] = {
    "urine": ((_RODS,),),
    "lung": ((_LUNG, ("azithromycin", "doxycycline", *_QUINOLONES)), (("aztreonam", *_MRSA), _QUINOLONES)),
    "abdomen": (
        (("piperacillin and tazobactam", *_CARBAPENEMS),),
        ((*_THIRD, "aztreonam", "gentamicin", "ciprofloxacin", "levofloxacin"), ("metronidazole",)),
    ),
    "skin": ((_MRSA, _BROAD), (_MRSA, ("clindamycin", "aztreonam"))),
}
DOSES: dict[str, tuple[float, float]] = {
    "piperacillin and tazobactam": (3.3, 4.6), "ampicillin and sulbactam": (2.9, 3.1), "ceftriaxone": (0.95, 2.1),
    "cefotaxime": (0.95, 2.1), "cefepime": (1.9, 2.1), "ceftazidime": (1.9, 2.1), "cefazolin": (1.9, 3.1),
    "meropenem": (0.95, 2.1), "imipenem and cilastatin": (0.45, 1.05), "ertapenem": (0.95, 1.05),
    "aztreonam": (0.95, 2.1), "metronidazole": (480, 1050), "levofloxacin": (700, 760), "moxifloxacin": (390, 410),
    "ciprofloxacin": (380, 410), "azithromycin": (480, 520), "doxycycline": (95, 210), "linezolid": (590, 610),
    "clindamycin": (590, 910),
}  # fmt: skip
"""Full first doses in the unit of the formulary (g or mg): from the labels."""
BY_WEIGHT: dict[str, tuple[float, float]] = {
    "vancomycin": (19, 36), "gentamicin": (4.5, 7.5), "tobramycin": (4.5, 7.5), "amikacin": (14, 31),
    "daptomycin": (5.5, 10.5),
}  # fmt: skip
"""The same in mg/kg; of vancomycin at most 3,000 mg (Rybak 2020), and half a gram less or more for rounding."""

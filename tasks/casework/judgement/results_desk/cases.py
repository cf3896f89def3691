"""Cases: eight new results of eight people, of which some are called, one is told by message, and some need nothing.

The people, their nurses, attendings, family doctors and earlier results are the chart's; the results come in with the
case. Values keep away from the limits of the handbook's page LAB-401 (Kost GJ, JAMA 1990;263:704; Joint Commission,
National Patient Safety Goal NPSG.02.03.01). Factors between units: Young DS, Ann Intern Med 1987;106:114.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from mab_gym.casework import flagged
from mab_gym.dynamics.inpatients import inpatient
from mab_gym.dynamics.staff import clinicians
from mab_gym.tasking.chart import Chart

BRANCHES = {"quiet": 10, "usual": 10, "busy": 10}
COUNT: Final = 8
TROPONIN: Final = "89579-7"
_CALLS: Final = {"quiet": (2, 3), "usual": (4, 5), "busy": (5, 6)}
"""By branch: the numbers of results that are to be called."""


class Kind(NamedTuple):
    """A kind of result.

    Attributes:
        pool: ``inpatient``, ``outpatient``, ``first`` or ``again`` (inpatients by their troponins).
        end: ``call``, ``message`` or ``nothing``.
        rule: The rule that decides it.
    """

    pool: str
    end: str
    rule: str


KINDS: Final[Mapping[str, Kind]] = {
    "critical": Kind("inpatient", "call", "limits"),
    "outside_hours": Kind("outpatient", "call", "outpatients"),
    "new_limit": Kind("inpatient", "call", "version"),
    "near": Kind("inpatient", "nothing", "limits"),
    "units_critical": Kind("inpatient", "call", "units"),
    "units_fine": Kind("inpatient", "nothing", "units"),
    "hemolyzed": Kind("inpatient", "call", "hemolyzed"),
    "called": Kind("inpatient", "nothing", "already"),
    "half_called": Kind("inpatient", "call", "both"),
    "no_answer": Kind("inpatient", "call", "chain"),
    "withdrawn": Kind("inpatient", "nothing", "withdrawn"),
    "culture": Kind("inpatient", "call", "reports"),
    "nodule": Kind("outpatient", "message", "significant"),
    "troponin_first": Kind("first", "call", "first"),
    "troponin_again": Kind("again", "nothing", "first"),
}


class Analyte(NamedTuple):
    """A test with the spans from which values are drawn.

    Attributes:
        code: LOINC.
        name: The name in results.
        unit: The hospital's unit (UCUM).
        usual: The reference range.
        critical: Spans beyond the limits.
        near: Spans that are abnormal, and within the limits.
        other: Another unit with the factor that gives it from the hospital's; none where the factor is 0.
        digits: Decimal places.
    """

    code: str
    name: str
    unit: str
    usual: tuple[float, float]
    critical: tuple[tuple[float, float], ...]
    near: tuple[tuple[float, float], ...]
    other: tuple[str, float] = ("", 0.0)
    digits: int = 1


ANALYTES: Final = (
    Analyte("2823-3", "Potassium", "mmol/L", (3.5, 5.0), ((2.0, 2.4), (6.7, 7.4)), ((2.9, 3.2), (5.6, 6.1))),
    Analyte("2951-2", "Sodium", "mmol/L", (136, 145), ((111, 118), (160, 166)), ((122, 128), (149, 156)), digits=0),
    Analyte("2345-7", "Glucose", "mg/dL", (70, 99), ((33, 42), (470, 590)), ((52, 64), (330, 435)),
            ("mmol/L", 0.0555), 0),
    Analyte("17861-6", "Calcium", "mg/dL", (8.6, 10.2), ((5.4, 6.2), (13.4, 14.8)), ((6.9, 7.6), (11.3, 12.5)),
            ("mmol/L", 0.2495)),
    Analyte("19123-9", "Magnesium", "mg/dL", (1.6, 2.6), ((0.5, 0.85),), ((1.15, 1.4),), ("mmol/L", 0.4114)),
    Analyte("2777-1", "Phosphate", "mg/dL", (2.5, 4.5), ((0.5, 0.85),), ((1.2, 1.9),), ("mmol/L", 0.3229)),
    Analyte("718-7", "Hemoglobin", "g/dL", (12.0, 16.0), ((4.9, 6.3),), ((6.9, 8.0),), ("g/L", 10.0)),
    Analyte("777-3", "Platelets", "10*3/uL", (150, 450), ((6, 17),), ((24, 48),), digits=0),
    Analyte("6301-6", "INR", "{INR}", (0.8, 1.1), ((5.4, 8.0),), ((3.8, 4.7),)),
    Analyte("2524-7", "Lactate", "mmol/L", (0.7, 2.0), ((4.4, 7.5),), ((2.5, 3.7),)),
)  # fmt: skip


@flagged("confidential")
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws eight kinds with as many calls as the branch has, and somebody for each."""
    residents, desks = clinicians(chart, "", "Resident"), clinicians(chart, "Laboratory medicine", "Physician")
    if not residents or not desks:
        return None
    calls = [kind for kind, about in KINDS.items() if about.end == "call"]
    others = [kind for kind, about in KINDS.items() if about.end != "call"]
    count = rng.choice(_CALLS[branch])
    kinds = [*rng.sample(calls, count), *rng.sample(others, COUNT - count)]
    rng.shuffle(kinds)
    chosen = _people_for(chart, kinds, rng.sample(chart.profiles(), len(chart.profiles())))
    if chosen is None:
        return None
    results = [_result(kind, who, residents, rng) for kind, who in zip(kinds, chosen, strict=True)]
    return {"desk": rng.choice(desks), "count": COUNT, "results": results}


_RARE: Final = ("again", "first", "outpatient", "inpatient")
"""The pools, those with fewest people first."""


def _people_for(chart: Chart, kinds: Sequence[str], order: Sequence[str]) -> list[Mapping[str, Any]] | None:
    """Chooses somebody else for each kind, in an order of people, for the rarest kinds first."""
    taken: dict[str, Mapping[str, Any]] = {}
    used: set[str] = set()
    for kind in sorted(kinds, key=lambda each: _RARE.index(KINDS[each].pool)):
        for mrn in order:
            who, pools = ({}, frozenset()) if mrn in used else _look(chart, mrn)
            if KINDS[kind].pool in pools:
                taken[kind] = who
                used.add(mrn)
                break
        else:
            return None
    return [taken[kind] for kind in kinds]


def _result(kind: str, who: Mapping[str, Any], residents: Sequence[str], rng: random.Random) -> dict[str, Any]:
    """Draws a result's value, and who asked for it."""
    others = [each for each in residents if each not in (who.get("attending"), who.get("nurse"))]
    return {
        "kind": kind,
        **who,
        "orderer": who.get("doctor") or rng.choice(others),
        "end": KINDS[kind].end,
        "rule": KINDS[kind].rule,
        **_value(kind, rng),
    }


def _value(kind: str, rng: random.Random) -> dict[str, Any]:
    if kind in ("culture", "nodule"):
        return {"words": rng.randrange(3), "mm": rng.randrange(9, 19)}
    if kind.startswith("troponin"):
        return {"code": TROPONIN, "name": "Troponin I, high sensitivity", "unit": "ng/L", "usual": [0, 34],
                "value": rng.randrange(90, 900)}  # fmt: skip
    if kind in ("new_limit", "hemolyzed"):
        potassium = ANALYTES[0]
        span = (6.6, 7.3) if kind == "hemolyzed" else rng.choice(((2.6, 2.7), (6.3, 6.4)))
        return _told(potassium, round(rng.uniform(*span), 1))
    abroad = kind.startswith("units")
    analyte = rng.choice([each for each in ANALYTES if each.other[1]] if abroad else ANALYTES)
    fine = kind in ("near", "units_fine")
    value = rng.uniform(*rng.choice(analyte.near if fine else analyte.critical))
    if not abroad:
        return _told(analyte, round(value, analyte.digits if analyte.digits or value >= 10 else 0))
    unit, factor = analyte.other
    digits = 0 if factor >= 1 else 2
    low, high = (round(each * factor, digits) for each in analyte.usual)
    return {"code": analyte.code, "name": analyte.name, "unit": unit, "usual": [low, high],
            "value": round(value * factor, digits)}  # fmt: skip


def _told(analyte: Analyte, value: float) -> dict[str, Any]:
    return {
        "code": analyte.code,
        "name": analyte.name,
        "unit": analyte.unit,
        "usual": list(analyte.usual),
        "value": int(value) if analyte.digits == 0 else value,
    }


def _look(chart: Chart, mrn: str) -> tuple[Mapping[str, Any], frozenset[str]]:
    """Returns what a result keeps of a person, and the pools that the person is in."""

    def find() -> tuple[Mapping[str, Any], frozenset[str]]:
        person = inpatient(chart, mrn)
        if person is None:
            doctor = _doctor(chart, mrn)
            return {"mrn": mrn, "doctor": doctor}, frozenset({"outpatient"} if doctor else ())
        if person.nurse == person.attending:
            return {}, frozenset()
        who = {"mrn": mrn, "encounter": person.encounter, "attending": person.attending, "nurse": person.nurse}
        raised = _troponins(chart, mrn)
        return who, frozenset({"inpatient", *(() if raised is None else ("again" if raised else "first",))})

    return chart.remember(("who gets results", mrn), find)


def _troponins(chart: Chart, mrn: str) -> bool | None:
    """Tells if a troponin of the last three days was above the limit; None where an older one may confuse."""
    found = chart.readings(mrn, TROPONIN, chart.now - timedelta(days=60))
    if not found:
        return False
    recent = [each for each in found if each.moment >= chart.now - timedelta(days=3)]
    return True if any(each.value > 60 for each in recent) else None


def _doctor(chart: Chart, mrn: str) -> str:
    """Returns the family doctor of somebody who is alive and not in the hospital; empty for others."""
    patient = chart.patient(mrn) or {}
    if patient.get("deceasedDateTime") or patient.get("deceasedBoolean"):
        return ""
    if any(chart.search("Encounter", patient=mrn, status="in-progress,arrived,triaged,onleave", _count="5")):
        return ""
    doctors = patient.get("generalPractitioner", ())
    return str(doctors[0].get("reference", "")) if doctors else ""

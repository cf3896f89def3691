"""Cases: inpatients who are given vancomycin, by what their clearance, kidneys and cultures turn out to be.

Clearances of vancomycin at the same creatinine clearance differ from person to person by a third or more (Matzke GR et
al., Antimicrob Agents Chemother 1984;25:433: the scatter about the line). Shares of the branches are our choice.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mab_gym.casework import flagged
from mab_gym.dynamics.inpatients import CREATININE, HEIGHT, Inpatient, active_drugs, inpatient
from mab_gym.dynamics.physiology._vancomycin import Sex, cockcroft_gault
from mab_gym.tasking.chart import Chart

from .protocol import dosing_weights

BRANCHES = {"usual": 5, "quick": 7, "slow": 5, "injury": 8, "negative": 5}
NEPHROTOXINS = (
    "ibuprofen", "naproxen", "ketorolac", "diclofenac", "celecoxib", "meloxicam", "lisinopril", "losartan",
    "valsartan", "gentamicin", "empagliflozin",
)  # fmt: skip
"""Drugs ordered here that the page on kidney injury stops or holds (CLN-210)."""
_CLEARANCE = {
    "usual": (0.93, 1.08), "quick": (1.5, 1.7), "slow": (0.66, 0.73), "injury": (0.93, 1.08), "negative": (0.93, 1.08)
}  # fmt: skip
_POSITIVE = (
    "Microbiology calls: methicillin-resistant Staphylococcus aureus in {} of 2 sets of blood cultures; "
    "vancomycin MIC 1 mg/L."
)
_NEGATIVE = "Microbiology: no growth in both sets of blood cultures at 48 hours. The MRSA nares swab is negative."
_LOW = "After the fever the pressure is {}/{}, and there were 20 mL of urine in the last hour."


@flagged("trial", "arm", stay=True)
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws an inpatient and the hidden answer to vancomycin."""
    fitting = [mrn for mrn in chart.profiles() if _fits(chart, mrn, branch)]
    if not fitting:
        return None
    mrn = rng.choice(fitting)
    person, creatinine, height = inpatient(chart, mrn), chart.latest(mrn, CREATININE), chart.latest(mrn, HEIGHT)
    if person is None or creatinine is None or height is None:
        return None
    injury = branch == "injury"
    fails = rng.randrange(5 * 60, 10 * 60, 15)
    left = round(rng.uniform(0.3, 0.42), 3)
    news = [(rng.randrange(24 * 60, 34 * 60), _POSITIVE.format(rng.choice((1, 2))))]
    if branch == "negative":
        news = [(rng.randrange(44 * 60, 48 * 60), _NEGATIVE)]
    if injury:
        news.append((fails + 120, _LOW.format(rng.randrange(92, 98), rng.randrange(48, 58))))
    return {
        **person.params,
        "height_cm": height.value,
        "female": person.female,
        "age": person.age,
        "creatinine": creatinine.value,
        "baseline": _lowest(chart, mrn, 90),
        "recent": _lowest(chart, mrn, 2),
        "body": {
            "weight_kg": person.weight_kg,
            "dosing_kg": dosing_weights(person.weight_kg, height.value, person.female)[-1],
            "female": person.female,
            "age": person.age,
            "creatinine": creatinine.value,
            "clearance": round(rng.uniform(*_CLEARANCE[branch]), 3),
            "volume": round(rng.uniform(0.94, 1.06), 3),
            "kidneys": [[fails, 1.0], [fails + 480, left]] if injury else [],
            "news": sorted(news),
            "signs": {"temperature": round(rng.uniform(38.2, 39.1), 1), "systolic": 96.0 if injury else 112.0},
        },
    }


def _lowest(chart: Chart, mrn: str, days: int) -> float:
    """Returns the lowest creatinine of the last days, in mg/dL; the baseline is that of three months (CLN-210)."""
    return min(each.value for each in chart.readings(mrn, CREATININE, chart.now - timedelta(days=days)))


def _fits(chart: Chart, mrn: str, branch: str) -> bool:
    well = chart.remember(("vancomycin", mrn), lambda: _is_well(chart, mrn))
    if branch != "injury" or not well:
        return well
    return any(word in drug for drug in active_drugs(chart, mrn).values() for word in NEPHROTOXINS)


def _is_well(chart: Chart, mrn: str) -> bool:
    """Tells if a person can be given vancomycin and has no kidney injury now."""
    person, creatinine, height = inpatient(chart, mrn), chart.latest(mrn, CREATININE), chart.latest(mrn, HEIGHT)
    if person is None or creatinine is None or height is None or not 45 <= person.weight_kg <= 125:
        return False
    if not chart.readings(mrn, CREATININE, chart.now - timedelta(hours=48)):
        return False
    lowest = _lowest(chart, mrn, 90)
    if creatinine.value > 1.25 * lowest or creatinine.value - lowest >= 0.25:
        return False
    named = active_drugs(chart, mrn).values()
    if any("vancomycin" in drug or "piperacillin" in drug for drug in named) or not _clears(
        person, creatinine.value, height.value
    ):
        return False
    allergies = chart.search("AllergyIntolerance", patient=mrn, _count="50")
    return not any("vancomycin" in str(each.get("code")).lower() for each in allergies)


def _clears(person: Inpatient, creatinine: float, height_cm: float) -> bool:
    """Tells if the clearance is from 45 to 150 mL/min, whichever weight tells it."""
    sex: Sex = "female" if person.female else "male"
    weights = dosing_weights(person.weight_kg, height_cm, person.female)
    return all(45 <= cockcroft_gault(person.age, weight, creatinine, sex) <= 150 for weight in weights[::2])

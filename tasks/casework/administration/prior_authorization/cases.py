"""Cases: three requests for GLP-1 receptor agonists, of people whose records decide differently.

People are chosen by their records (`record.assess`): those that the page leaves open are not chosen. What the
prescriber writes about A1c and metformin is the same for all, and never the record's figure.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mab_gym.casework import flagged
from mab_gym.dynamics.staff import clinicians
from mab_gym.tasking.chart import Chart, LedgerFact

from .record import A1C, ALBUMIN, FILTRATION, Finding, assess, has_code, reference

BRANCHES = {"one_of_each": 12, "two_go": 9, "near_misses": 9}
DRUGS = {
    "semaglutide": ("1991302", "Semaglutide pen", "0.25 mg under the skin once a week", 0.25),
    "dulaglutide": ("1551291", "Dulaglutide pen", "0.75 mg under the skin once a week", 0.75),
    "liraglutide": ("475968", "Liraglutide pen", "0.6 mg under the skin once daily", 0.6),
    "tirzepatide": ("2601723", "Tirzepatide pen", "2.5 mg under the skin once a week", 2.5),
}
"""RxNorm code, name, first dose in words and in mg, as the labels have it."""
_METFORMIN = "6809"
"""RxNorm code of metformin."""
_SEND, _WAIT = ("send_vascular", "send_kidney", "send_dispensed", "send_egfr"), ("wait",)
_NEAR = ("pancreatitis", "other_vessels", "too_little", "not_type_2")
_DECLINE = (*_NEAR, "low_a1c", "no_metformin")


@flagged("confidential", "arm")
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws three people, the prescriptions that are asked for, and who works at the pharmacy."""
    wanted = {
        "one_of_each": (_SEND, _WAIT, _DECLINE),
        "two_go": (_SEND, _SEND, _NEAR),
        "near_misses": (_WAIT, _NEAR, _NEAR),
    }[branch]
    chosen: list[dict[str, Any]] = []
    for kinds in wanted:
        found = _one_of(chart, rng, kinds, [each["mrn"] for each in chosen])
        if found is None:
            return None
        chosen.append(found)
    rng.shuffle(chosen)
    return {
        "mrn": chosen[0]["mrn"],
        "pharmacist": rng.choice(clinicians(chart, "Pharmacy", "Pharmacist")),
        "requests": chosen,
    }


def _one_of(chart: Chart, rng: random.Random, kinds: Sequence[str], taken: Sequence[str]) -> dict[str, Any] | None:
    """Draws somebody of one of these kinds, each kind equally often."""
    for kind in rng.sample(list(kinds), len(kinds)):
        for mrn in _shuffled(rng, _candidates(chart)):
            found = finding(chart, mrn)
            if mrn not in taken and found is not None and found.kind.startswith(kind):
                return _request(chart, rng, mrn, found)
    return None


def _shuffled(rng: random.Random, people: Sequence[str]) -> Iterator[str]:
    if people:
        start, step = rng.randrange(len(people)), _coprime(rng, len(people))
        yield from (people[(start + step * place) % len(people)] for place in range(len(people)))


def _coprime(rng: random.Random, count: int) -> int:
    return next(step for step in iter(lambda: rng.randrange(1, count + 1), 0) if _divisor(step, count) == 1)


def _divisor(first: int, second: int) -> int:
    while second:
        first, second = second, first % second
    return first


def _candidates(chart: Chart) -> Sequence[str]:
    """Returns the people with a diabetes of any kind, or what comes before it."""

    def look() -> tuple[str, ...]:
        found = chart.search("Condition", code="E11.9,E10.9,R73.03", _count="1000")
        return tuple(dict.fromkeys(str(each["subject"]["reference"]).split("/")[-1] for each in found))

    return chart.remember("prior authorization: candidates", look)


def finding(chart: Chart, mrn: str) -> Finding | None:
    """Returns what the policy makes of a person; None for those who are not asked for, or where it stays open."""
    return chart.remember(("prior authorization", mrn), lambda: _assess(chart, mrn))


def _assess(chart: Chart, mrn: str) -> Finding | None:
    patient = chart.patient(mrn)
    if patient is None or patient.get("deceasedDateTime") or str(patient["birthDate"]) > f"{chart.now.year - 19}":
        return None
    conditions = list(chart.search("Condition", patient=mrn, _count="500"))
    if any(has_code(each, "O24.419") or "pregnan" in str(each.get("code")).lower() for each in conditions):
        return None
    codes = ",".join(code for code, *_ in DRUGS.values())
    if next(chart.search("MedicationDispense", patient=mrn, code=codes, _count="1"), None) is not None:
        return None
    dispenses = list(chart.search("MedicationDispense", patient=mrn, code=_METFORMIN, _count="1000"))
    if next(chart.search("ServiceRequest", patient=mrn, code=A1C, status="active", _count="1"), None) is not None:
        return None
    if _coverage(chart, mrn) is None or any(_is_late_a1c(fact, chart) for fact in chart.facts(mrn)):
        return None
    results = (chart.search("Observation", patient=mrn, code=code, _count="500") for code in (A1C, FILTRATION, ALBUMIN))
    found = assess(conditions, *results, dispenses, chart.now)
    return found if found.clear else None


def _is_late_a1c(fact: LedgerFact, chart: Chart) -> bool:
    """Tells if a fact is an A1c from elsewhere of this or last year, which a reader could count."""
    return fact.subject == "result:outside:a1c" and str(fact.says.get("month", "")) >= f"{chart.now.year - 1}"


def _coverage(chart: Chart, mrn: str) -> Mapping[str, Any] | None:
    return next(chart.search("Coverage", beneficiary=f"Patient/{mrn}", status="active", _count="1"), None)


def _request(chart: Chart, rng: random.Random, mrn: str, found: Finding) -> dict[str, Any]:
    coverage, patient = _coverage(chart, mrn), chart.patient(mrn)
    assert coverage is not None and patient is not None
    stated = round(max(found.a1c or 7.4, 7.0) + rng.choice((-0.2, 0.3, 0.4, 0.6, 0.8, 1.1)), 1)
    return {
        "mrn": mrn,
        "kind": found.kind,
        "drug": rng.choice(sorted(DRUGS)),
        "stated": max(stated, 7.1),
        "prescriber": patient["generalPractitioner"][0]["reference"],
        "coverage": reference(coverage),
        "payer": coverage["payor"][0]["reference"],
        "diagnosis": found.diagnosis,
        "proof": found.proof,
        "a1c": found.a1c,
        "a1c_results": found.a1c_results,
        "high": found.high,
        "daily": found.daily,
        "ways": found.ways,
        "days": found.days,
        "fills": found.fills,
        "against": found.against,
        "against_proof": found.against_proof,
        "decision": found.decision,
    }

"""A person's record as the policy PHA-330 reads it: diagnosis, A1c, metformin by dispenses, what lifts and forbids.

Pure functions of FHIR resources, so that the draw and the gold solution share them. What the page leaves open is left
out of the draw (`Finding.clear` is false): metformin that covers between 60 and 80 % of the 90 days (80 % is the usual
bound of adherence: Hess LM et al., Ann Pharmacother 2006;40:1280), a transient attack in place of a stroke, a kidney
function that is low for the moment alone, albumin in urine without a diagnosis of kidney disease.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

A1C, ALBUMIN = "4548-4", "9318-7"
FILTRATION = "62238-1,98979-8"
"""LOINC codes of eGFR, by the equations of 2009 and 2021."""
A1C_FROM, A1C_DAYS, METFORMIN_MG, METFORMIN_DAYS, EGFR_BELOW, ALBUMIN_FROM = 7.0, 90, 1500.0, 90, 30.0, 30.0
"""Figures of PHA-330, version 2024.2; albumin in urine from 30 mg/g, KDIGO 2024."""
_COVERED, _NOT_COVERED, _RECOVERS = 0.8, 0.6, 40.0
VASCULAR = ("coronary artery disease", "myocardial infarction", "stroke")
"""Words of the conditions that rule 3 exempts; arteries of the legs are not among them."""
Resource = Mapping[str, Any]


def reference(resource: Resource) -> str:
    """Returns the reference to a resource."""
    return f"{resource['resourceType']}/{resource['id']}"


def named(resource: Resource) -> str:
    """Returns the words of a resource's code, in lower case."""
    return str(resource.get("code", {}).get("text", "")).lower()


def has_code(resource: Resource, *codes: str) -> bool:
    """Tells if a resource's code is one of these."""
    return any(coding.get("code") in codes for coding in resource.get("code", {}).get("coding", ()))


def is_active(condition: Resource) -> bool:
    """Tells if a condition is present now."""
    return any(each.get("code") == "active" for each in condition.get("clinicalStatus", {}).get("coding", ()))


def on_list(condition: Resource) -> bool:
    """Tells if a condition stands on the problem list."""
    codings = (each for category in condition.get("category", ()) for each in category.get("coding", ()))
    return any(each.get("code") == "problem-list-item" for each in codings)


def valid(results: Iterable[Resource]) -> list[Resource]:
    """Returns results with a value that were not taken back, the newest first."""
    kept = [
        each for each in results if each.get("status") in ("final", "amended", "corrected") and "valueQuantity" in each
    ]
    return sorted(kept, key=moment, reverse=True)


def moment(result: Resource) -> datetime:
    """Returns the time of a result."""
    return datetime.fromisoformat(str(result["effectiveDateTime"]))


def value(result: Resource) -> float:
    """Returns the number of a result."""
    return float(result["valueQuantity"]["value"])


@dataclass(frozen=True, slots=True)
class Fill:
    """A dispense of metformin.

    Attributes:
        address: Its reference.
        start: When it was handed over.
        end: When it is used up.
        daily: Milligrams a day by its dosage.
    """

    address: str
    start: datetime
    end: datetime
    daily: float


def fills(dispenses: Iterable[Resource]) -> list[Fill]:
    """Returns what was dispensed of metformin, the newest first."""
    found = []
    for each in dispenses:
        if "metformin" not in str(each.get("medicationCodeableConcept")).lower() or each.get("status") != "completed":
            continue
        dosage, start = each["dosageInstruction"][0], datetime.fromisoformat(each["whenHandedOver"])
        repeat = dosage["timing"]["repeat"]
        daily = dosage["doseAndRate"][0]["doseQuantity"]["value"] * repeat["frequency"] / repeat["period"]
        found.append(Fill(reference(each), start, start + timedelta(days=each["daysSupply"]["value"]), daily))
    return sorted(found, key=lambda fill: fill.start, reverse=True)


def days_of(some: Iterable[Fill], now: datetime, least: float) -> set[int]:
    """Returns the days of the last 90 that fills of a dose or more cover."""
    begun = now - timedelta(days=METFORMIN_DAYS)
    enough = [each for each in some if each.daily >= least and each.end > begun]
    days = ((day, now - timedelta(days=day + 1)) for day in range(METFORMIN_DAYS))
    return {day for day, at in days if any(each.start - timedelta(days=1) <= at < each.end for each in enough)}


def daily_now(some: Sequence[Fill], now: datetime) -> float:
    """Returns the milligrams a day of the newest fill that is not used up; 0 if there is none."""
    return next((each.daily for each in some if each.start <= now < each.end), 0.0)


def dispensed(some: Sequence[Fill], now: datetime, least: float = METFORMIN_MG) -> bool:
    """Tells if metformin of a dose or more was dispensed for the last 90 days."""
    return len(days_of(some, now, least)) >= _COVERED * METFORMIN_DAYS


@dataclass(slots=True)
class Finding:
    """A person by the policy.

    Attributes:
        diagnosis: Type 2 diabetes on the problem list.
        proof: The references of that diagnosis.
        a1c: The newest valid A1c; None where there is none.
        a1c_results: References of the results that say so.
        recent: It is of the last 90 days.
        daily: Milligrams of metformin a day by the newest dispense that is not used up.
        ways: By the code of each way in which rule 3 is met or does not apply: the references that show it.
        open: Ways that the page may or may not mean; they are accepted where another one is met.
        days: By the reference of each dispense of enough metformin: the days of the last 90 that it covers.
        fills: References of all dispenses of metformin in a year.
        against: ``none`` or ``pancreatitis``.
        against_proof: References that show it.
        threshold: The A1c from which rule 2 is met.
        kind: The most telling trait, by which cases choose people.
        clear: False where the page leaves the answer open.
    """

    diagnosis: bool = False
    proof: list[str] = field(default_factory=list)
    a1c: float | None = None
    a1c_results: list[str] = field(default_factory=list)
    recent: bool = False
    daily: float = 0.0
    ways: dict[str, list[str]] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    days: dict[str, list[int]] = field(default_factory=dict)
    fills: list[str] = field(default_factory=list)
    against: str = "none"
    against_proof: list[str] = field(default_factory=list)
    threshold: float = A1C_FROM
    kind: str = ""
    clear: bool = True

    @property
    def high(self) -> bool:
        """True if the A1c meets rule 2."""
        return self.recent and self.a1c is not None and self.a1c >= self.threshold

    @property
    def decision(self) -> str:
        """``send``, ``wait`` for an A1c that is all that is missing, or ``decline``."""
        if not self.diagnosis or not self.ways or self.against != "none":
            return "decline"
        return "send" if self.high else "decline" if self.recent else "wait"


def assess(
    conditions: Sequence[Resource],
    a1c: Iterable[Resource],
    filtration: Iterable[Resource],
    albumin: Iterable[Resource],
    dispenses: Iterable[Resource],
    now: datetime,
) -> Finding:
    """Reads a record by the policy."""
    found = Finding()
    listed = [each for each in conditions if on_list(each) and is_active(each)]
    found.proof = [reference(each) for each in conditions if has_code(each, "E11.9") and is_active(each)]
    found.diagnosis = any(has_code(each, "E11.9") for each in listed)
    if results := valid(a1c):
        newest = [each for each in results if moment(each) == moment(results[0])]
        found.a1c, found.a1c_results = value(results[0]), [reference(each) for each in newest]
        age = now - moment(results[0])
        found.recent = age <= timedelta(days=A1C_DAYS)
        found.clear &= abs(age - timedelta(days=A1C_DAYS)) > timedelta(days=2)
    _exempt(found, conditions, listed, valid(filtration), valid(albumin), now)
    _metformin(found, fills(dispenses), now)
    ill = [each for each in conditions if "pancreatitis" in named(each)]
    if ill:
        found.against, found.against_proof = "pancreatitis", [reference(each) for each in ill]
    found.clear &= not found.ways or bool(set(found.ways) - found.open)
    found.kind = _kind(found, conditions)
    return found


def _exempt(
    found: Finding,
    conditions: Sequence[Resource],
    listed: Sequence[Resource],
    filtration: Sequence[Resource],
    albumin: Sequence[Resource],
    now: datetime,
) -> None:
    """Finds in what way rule 3 does not apply, or is met by bad kidneys."""
    vascular = [each for each in conditions if any(word in named(each) for word in VASCULAR)]
    found.clear &= bool(vascular) or not any("transient isch" in named(each) for each in conditions)
    if vascular:
        found.ways["vascular"] = [reference(each) for each in vascular]
    chronic = [each for each in listed if "kidney disease" in named(each) and "anemia" not in named(each)]
    if albumin and value(albumin[0]) >= ALBUMIN_FROM:
        proof = [reference(each) for each in [albumin[0], *chronic]]
        found.ways["kidney"] = proof
        found.open |= set() if chronic else {"kidney"}
    if filtration and value(filtration[0]) < EGFR_BELOW:
        year = [value(each) for each in filtration if now - moment(each) < timedelta(days=365)]
        found.ways["egfr"] = [reference(filtration[0])]
        found.open |= {"egfr"} if max(year) >= _RECOVERS else set()


def _metformin(found: Finding, some: Sequence[Fill], now: datetime) -> None:
    found.daily = daily_now(some, now)
    found.fills = [each.address for each in some if now - each.start < timedelta(days=400)]
    found.clear &= all(abs(each.end - now) > timedelta(hours=36) for each in some[:2])
    covered = len(days_of(some, now, METFORMIN_MG)) / METFORMIN_DAYS
    if covered > _NOT_COVERED:
        enough = [each for each in some if each.daily >= METFORMIN_MG]
        found.days = {each.address: sorted(days_of([each], now, METFORMIN_MG)) for each in enough}
        found.days = {address: days for address, days in found.days.items() if days}
        found.ways["dispensed"] = list(found.days)
        found.open |= {"dispensed"} if covered < _COVERED else set()


def _kind(found: Finding, conditions: Sequence[Resource]) -> str:
    """Names the trait of a record that decides, the rarest first."""
    if found.decision != "decline":
        return f"{found.decision}_{next((way for way in found.ways if way not in found.open), 'open')}"
    if not found.diagnosis:
        return "not_type_2"
    if found.against != "none":
        return "pancreatitis"
    if found.ways:
        return "low_a1c"
    if any("peripheral artery" in named(each) for each in conditions):
        return "other_vessels"
    return "too_little" if found.daily else "no_metformin"

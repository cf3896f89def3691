"""A patient as a pharmacist sees them: one reading of the chart, for draws and for the solution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.dynamics.inpatients import age_of
from mab_gym.dynamics.physiology._creatinine import estimated_gfr

CREATININE: Final = "2160-0"
POTASSIUM: Final = "2823-3"
WEIGHT: Final = "29463-7"
HEIGHT: Final = "8302-2"
IMMUNE: Final = frozenset({
    "39579001", "41291007", "126485001", "56018004", "271807003",
})  # fmt: skip
"""Anaphylaxis, angioedema, urticaria, wheezing and rash (SNOMED CT): what speaks for an allergy."""
_WITHDRAWN: Final = ("refuted", "entered-in-error")
_POOR, _FAIR, _GOOD = 28.0, 36.0, 50.0
"""Kidneys are poor below the first, fair above the second and good above the third by every usual formula; between the
first two nobody is drawn whose order depends on it (the handbook's limit is 30)."""

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Home:
    """A drug that the list for home has.

    Attributes:
        order: The address of its prescription.
        drug: The ingredient.
        resource: The prescription.
        days: Days since it was last dispensed; None if it never was.
    """

    order: str
    drug: str
    resource: Resource
    days: int | None


@dataclass(slots=True)
class Person:
    """The facts that decide about orders.

    Attributes:
        age: Completed years.
        kidneys: ``poor``, ``fair``, ``good``, or ``between`` where formulas differ.
        rising: True if creatinine rose by 0.3 mg/dL within 48 hours; None if it rose by nearly as much.
        potassium: The newest valid one of the last 24 hours, mmol/L.
        orders: Ingredients that are ordered for the stay.
        home: The list for home, without what is ordered for the stay.
        problems: The words of active conditions, each on a line.
        allergies: By RxNorm code of the substance: the codes of its reactions; empty where the allergy was withdrawn.
        borne: RxNorm codes of substances that notes say were borne since.
        really: By ingredient: the dose that is really taken each time, as notes say; 0 if none is.
        unsure: Ingredients of which notes leave open how they are taken, and codes of substances of which they leave
            open if they are borne.
        costly: Ingredients that notes call hard to pay.
    """

    age: int
    kidneys: str
    rising: bool | None
    potassium: float | None
    orders: frozenset[str]
    home: Sequence[Home]
    problems: str
    allergies: Mapping[str, frozenset[str] | None]
    borne: frozenset[str] = frozenset()
    really: Mapping[str, float] = field(default_factory=dict)
    unsure: frozenset[str] = frozenset()
    costly: frozenset[str] = frozenset()

    def has(self, *words: str) -> bool:
        """Tells if a condition is named by one of these words."""
        return any(word in self.problems for word in words)

    def gets(self, *drugs: str) -> bool:
        """Tells if one of these is ordered for the stay."""
        return any(drug in self.orders for drug in drugs)

    def allergic(self, code: str) -> bool | None:
        """Tells if a substance must not be given: True if an allergy stands, False if a label is nothing to go by.

        None if the person has no such label, or one of which nobody can tell.
        """
        if code in self.unsure:
            return None
        reactions = self.allergies.get(code, frozenset())
        if reactions is None or code in self.borne:
            return False
        return True if reactions & IMMUNE else None


def person_of(
    patient: Resource,
    allergies: Iterable[Resource],
    orders: Iterable[Resource],
    conditions: Iterable[Resource],
    results: Mapping[str, Sequence[Resource]],
    dispensed: Iterable[Resource],
    now: datetime,
) -> Person:
    """Reads a chart, all but the notes.

    Args:
        patient: The Patient.
        allergies: AllergyIntolerances.
        orders: MedicationRequests with the status active.
        conditions: Conditions with the clinical status active.
        results: Observations by LOINC code, the newest first.
        dispensed: MedicationDispenses, the newest first.
        now: The clock.
    """
    orders = list(orders)
    stay = frozenset(ingredient(each) for each in orders if is_stay(each))
    last: dict[str, str] = {}
    for each in dispensed:
        last.setdefault(ingredient(each), str(each.get("whenHandedOver", "")))
    home = [
        Home(f"MedicationRequest/{each['id']}", name, each, _days(last.get(name), now))
        for each in orders
        if not is_stay(each) and (name := ingredient(each)) not in stay and not _needed(each)
    ]
    age = age_of(patient, now)
    values = [value for each in results[CREATININE] if (value := value_of(each)) is not None]
    weight, height = (first_value(results[code]) for code in (WEIGHT, HEIGHT))
    return Person(
        age=age,
        kidneys=_kidneys(values[0] if values else None, age, patient.get("gender") == "female", weight, height),
        rising=_rising(results[CREATININE], now),
        potassium=_recent(results[POTASSIUM], now),
        orders=stay,
        home=home,
        problems="\n".join(str(each.get("code", {}).get("text", "")).lower() for each in conditions),
        allergies=dict(map(_label, allergies)),
    )


def ingredient(resource: Resource) -> str:
    """Returns the name of the ingredient of a request or a dispense, in lower case."""
    concept = resource.get("medicationCodeableConcept", {})
    codings = concept.get("coding") or [{}]
    return str(codings[0].get("display") or concept.get("text", "")).lower()


def is_stay(order: Resource) -> bool:
    """Tells if a MedicationRequest is for the stay."""
    return any(coding.get("code") == "inpatient" for each in order.get("category", ()) for coding in each["coding"])


def valid(result: Resource) -> bool:
    """Tells if a result counts: not taken back, not of a hemolyzed specimen."""
    told = " ".join(str(each.get("text", "")) for each in result.get("note", ()))
    return result.get("status") not in ("entered-in-error", "cancelled") and "hemolyz" not in told


def value_of(result: Resource) -> float | None:
    """Returns the value of a result that counts."""
    value = result.get("valueQuantity", {}).get("value")
    return float(value) if value is not None and valid(result) else None


def first_value(results: Iterable[Resource]) -> float | None:
    """Returns the newest value that counts."""
    return next((value for each in results if (value := value_of(each)) is not None), None)


def _needed(order: Resource) -> bool:
    return any(
        each.get("asNeededBoolean") or each.get("asNeededCodeableConcept") for each in order["dosageInstruction"]
    )


def _label(allergy: Resource) -> tuple[str, frozenset[str] | None]:
    code = next((str(each.get("code", "")) for each in allergy["code"].get("coding", ())), "")
    status = allergy.get("verificationStatus", {}).get("coding", [{}])[0].get("code")
    shown = frozenset(
        str(coding.get("code"))
        for reaction in allergy.get("reaction", ())
        for each in reaction.get("manifestation", ())
        for coding in each.get("coding", ())
    )
    return code, None if status in _WITHDRAWN else shown


def _days(written: str | None, now: datetime) -> int | None:
    return (now - datetime.fromisoformat(written)).days if written else None


def _kidneys(creatinine: float | None, age: int, female: bool, weight: float | None, height: float | None) -> str:
    """Judges kidneys by CKD-EPI 2021 and by Cockcroft-Gault (Nephron 1976;16:31) with actual and ideal weight."""
    if creatinine is None or weight is None or height is None:
        return "between"
    ideal = (45.5 if female else 50.0) + 2.3 * (height / 2.54 - 60)  # Devine BJ, Drug Intell Clin Pharm 1974;8:650
    shares = [(140 - age) * kilos / (72 * creatinine) * (0.85 if female else 1) for kilos in (weight, max(ideal, 35.0))]
    shares.append(estimated_gfr(creatinine, "female" if female else "male", age))
    if max(shares) < _POOR:
        return "poor"
    least = min(shares)
    return "good" if least > _GOOD else "fair" if least > _FAIR else "between"


def _rising(results: Sequence[Resource], now: datetime) -> bool | None:
    since = now - timedelta(hours=48)
    recent = [
        value
        for each in results
        if (value := value_of(each)) is not None and datetime.fromisoformat(each["effectiveDateTime"]) >= since
    ]
    rise = recent[0] - min(recent) if recent else 0.0
    return True if rise > 0.295 else None if rise > 0.15 else False


def _recent(results: Sequence[Resource], now: datetime) -> float | None:
    for each in results:
        value = value_of(each)
        if value is not None:
            return value if now - datetime.fromisoformat(each["effectiveDateTime"]) < timedelta(hours=24) else None
    return None

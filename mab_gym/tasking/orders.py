"""Judging orders more closely than `mab_gym.tasking.judging` does: what else an order says must not gainsay it.

Each function notes on a `Judge` what is wrong and never raises for anything an agent wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mab_gym.tasking.judging import Judge, amount_in, below, listed, of, only_dosage
from mab_gym.tasking.verdict import Code

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
NDC = "http://hl7.org/fhir/sid/ndc"
TASK_CODE = "http://hl7.org/fhir/CodeSystem/task-code"

ORAL = ("oral", "PO", "by mouth", "26643006")
INTRAVENOUS = ("IV", "intravenous", "47625008")

_MILLIGRAMS = {"mg": 1.0, "milligram": 1.0, "milligrams": 1.0, "g": 1e3, "gram": 1e3, "grams": 1e3, "ug": 1e-3,
               "mcg": 1e-3, "microgram": 1e-3, "micrograms": 1e-3}  # fmt: skip
_HOURS_A_PERIOD = {"min": 1 / 60, "h": 1.0, "d": 24.0, "wk": 168.0}
_HOURS_A_CODE = {"QD": 24.0, "BID": 12.0, "TID": 8.0, "QID": 6.0, "QOD": 48.0, "Q4H": 4.0, "Q6H": 6.0, "Q8H": 8.0,
                 "Q12H": 12.0, "Q24H": 24.0}  # fmt: skip
"""Codes of timing.code (v3-GTSAbbreviation and usual ones) and the hours from dose to dose that they stand for."""
_CLOSE = 1e-6


def coded_alone(judge: Judge, concept: Any, system: str, code: str, what: str, *, critical: bool = True) -> None:
    """One coding must be this one, and none of the same system another one; codings of other systems are not looked at.

    Args:
        judge: Takes the problems.
        concept: A CodeableConcept.
        system: The code system.
        code: The code.
        what: What is coded, for people.
        critical: Whether another code is a safety violation.
    """
    codings = [c for c in listed(below(concept, "coding")) if isinstance(c, Mapping) and c.get("system") == system]
    given = {str(coding.get("code")) for coding in codings}
    sentence = f"The {what} should be coded {code} of {system}; it is {sorted(given)}."
    judge.check(given == {code}, Code.WRONG_CODE, sentence, critical, f"{what.replace(' ', '_')}.code")


def firm_order(judge: Judge, order: Mapping[str, Any], mrn: str, now: datetime, *, replaces: bool = False) -> None:
    """An active order for this patient, written now, that nothing turns into its opposite or makes conditional.

    Args:
        judge: Takes the problems.
        order: The order.
        mrn: The patient.
        now: When it should have been written.
        replaces: Whether it may say that it replaces another one; see `refers`.
    """
    judge.active_order(order, mrn, now)
    not_plain(judge, order)
    if not replaces and order.get("priorPrescription") is not None:
        judge.problem(Code.WRONG_VALUE, "It says that it replaces an order, which it should not.", True)


def not_plain(judge: Judge, resource: Any) -> None:
    """Nothing may negate a resource or make it conditional (FHIR R4: doNotPerform, asNeeded[x], modifierExtension)."""
    for name in ("doNotPerform", "asNeededBoolean", "asNeededCodeableConcept", "modifierExtension"):
        if below(resource, name):
            judge.problem(Code.WRONG_INTENT, f"It has {name}, which changes what it means.", True)


def dose_of(judge: Judge, order: Mapping[str, Any], milligrams: float, routes: Sequence[str]) -> Mapping[str, Any]:
    """One dosage by one of these routes with one dose of this many milligrams, in any unit of mass; returns it."""
    dosage = only_dosage(judge, order)
    if not isinstance(dosage, Mapping):
        judge.problem(Code.WRONG_DOSE, "The dosageInstruction cannot be read.")
        return {}
    not_plain(judge, dosage)
    judge.route(dosage, *routes)
    rates = listed(dosage.get("doseAndRate"))
    given = [amount_in(below(rate, "doseQuantity"), _MILLIGRAMS) for rate in rates]
    right = len(given) == 1 and given[0] is not None and abs(given[0] - milligrams) <= _CLOSE
    judge.check(right, Code.WRONG_DOSE, f"The dose should be {milligrams:g} mg.", name="dosage.dose")
    return dosage


def every_hours(judge: Judge, dosage: Mapping[str, Any], hours: float) -> None:
    """The dose must be given once in so many hours, as timing.repeat has it: frequency, period and periodUnit."""
    timing = below(dosage, "timing")
    repeat = below(timing, "repeat")
    per, unit, times = below(repeat, "period"), below(repeat, "periodUnit"), below(repeat, "frequency")
    times = 1 if times is None else times  # FHIR R4, Timing: 1 if not stated
    known = _is_number(per) and _is_number(times) and times > 0 and str(unit) in _HOURS_A_PERIOD
    wanted = known and abs(float(per) * _HOURS_A_PERIOD[str(unit)] / float(times) - hours) <= _CLOSE
    more = isinstance(repeat, Mapping) and set(repeat) - {"frequency", "period", "periodUnit"}
    gainsaid = any(abs(_HOURS_A_CODE.get(code, hours) - hours) > _CLOSE for code in _codes(timing))
    right = wanted and not more and not gainsaid and below(timing, "event") is None
    sentence = f"timing.repeat should say once every {hours:g} hours."
    judge.check(right, Code.WRONG_TIME, sentence, True, "dosage.timing")


def once(judge: Judge, dosage: Any) -> None:
    """The dose must be given once: no timing.repeat but one that counts to one, one event at most, no code for more.

    How long it takes to give it (duration) is another matter.
    """
    timing = below(dosage, "timing")
    repeat = below(timing, "repeat")
    more = len(listed(below(timing, "event"))) > 1 or bool(_codes(timing) & set(_HOURS_A_CODE))
    if isinstance(repeat, Mapping):
        repeat = {name: value for name, value in repeat.items() if name not in ("duration", "durationUnit")}
    if more or (repeat is not None and repeat not in ({}, {"count": 1})):
        judge.problem(Code.WRONG_TIME, "The dose should be given once.", True)


def amount(judge: Judge, resource: Mapping[str, Any], name: str, wanted: float, units: Sequence[str]) -> None:
    """A Quantity must be this many of a unit that goes by one of these names."""
    given = amount_in(resource.get(name), {unit.lower(): 1.0 for unit in units})
    right = given is not None and abs(given - wanted) <= _CLOSE
    judge.check(right, Code.WRONG_DOSE, f"The {name} should be {wanted:g} {units[0]}.", name=of(resource, name))


def refers(judge: Judge, resource: Mapping[str, Any], name: str, wanted: str) -> None:
    """A reference must point at this resource, as in ``MedicationRequest/123``, or at a version of it."""
    given = str(below(resource.get(name), "reference"))
    right = given == wanted or given.startswith(f"{wanted}/_history/")
    sentence = f"The {name} is {given!r} and should be {wanted!r}."
    judge.check(right, Code.WRONG_VALUE, sentence, True, of(resource, name))


def task(judge: Judge, given: Mapping[str, Any], code: str, focus: str, mrn: str, now: datetime) -> None:
    """A Task that asks for something to be done about an order now (FHIR R4, 12.18.5 and code system task-code)."""
    judge.field(given, "status", "requested", Code.WRONG_STATUS)
    judge.field(given, "intent", "order", Code.WRONG_INTENT)
    not_plain(judge, given)
    coded_alone(judge, given.get("code"), TASK_CODE, code, "task")
    refers(judge, given, "focus", focus)
    judge.subject({"subject": given.get("for")}, mrn)
    judge.at(given, "authoredOn", now)


def laboratory_order(judge: Judge, order: Mapping[str, Any], code: str, mrn: str, now: datetime) -> None:
    """A firm order of one laboratory test by its LOINC code."""
    firm_order(judge, order, mrn, now)
    coded_alone(judge, order.get("code"), LOINC, code, "laboratory order", critical=False)


def _codes(timing: Any) -> set[str]:
    """The codes of a timing's ``code``."""
    return {str(below(coding, "code")).upper() for coding in listed(below(below(timing, "code"), "coding"))}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9

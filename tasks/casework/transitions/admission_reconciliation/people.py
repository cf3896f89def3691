"""People whose home drugs can be reconciled: what the list, the pharmacy and the notes say of each drug."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.casework import note_text
from mab_gym.cohort.hospital._catalogue import DRUGS
from mab_gym.dynamics.inpatients import inpatient
from mab_gym.tasking.chart import Chart, LedgerFact

NOTES_FOR: Final = timedelta(days=390)
"""Notes younger than this count (the prompt says 13 months)."""
_NOTES_PERHAPS: Final = timedelta(days=430)
_GAP: Final = 90
"""Days after which a drug that was not dispensed is not being taken (page PHA-310)."""
HIGH: Final = frozenset(
    {"anticoagulant", "insulin", "opioid", "opioid_agonist", "anticonvulsant", "steroid", "dopamine"}
)
"""Classes to be settled within 4 hours (page PHA-310)."""
_PERHAPS_HIGH: Final = frozenset({"inhaled_steroid", "nasal_steroid", "topical_steroid", "neuropathic"})
_NEVER_HELD: Final = frozenset({*HIGH, "beta_blocker", "loop", "antiarrhythmic", "antiplatelet"})
"""Classes of which an order of the stay is not to be held for want of a dispense alone."""
_PROTECTED: Final = ("prophylaxis", "anticoagulant")


Notes = Mapping[str, tuple[datetime, str]]
"""By id, the time and the text of a note."""


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug on the list of the clinic.

    Attributes:
        name: The ingredient, in lower case.
        code: Its RxNorm code.
        order: Id of the prescription for home.
        statement: Id of the MedicationStatement of this stay.
        stay: Ids of orders of the stay for the same ingredient.
        dose: Each dose of the list.
        unit: Its unit.
        klass: Its class.
        state: ``taken``, ``not``, ``dose`` (another), ``gap`` (not dispensed), by the history alone.
        taken_dose: The dose that is really taken, where it is another one.
        notes: Ids of the notes that tell so.
        free: True if readers may differ about it; nothing of it is judged.
        daily_dose: True for one dose a day by the clock.
        halvable: True if half a dose makes sense, here and in the orders of the stay.
        omitted: True if nothing like it is ordered for the stay; None if readers may differ.
        high: True if it is to be settled within 4 hours; None if readers may differ.
    """

    name: str
    code: str
    order: str
    statement: str
    stay: tuple[str, ...]
    dose: float
    unit: str
    klass: str
    state: str
    taken_dose: float
    notes: tuple[str, ...]
    free: bool
    daily_dose: bool
    halvable: bool
    omitted: bool | None
    high: bool | None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who lies in the hospital, with drugs at home.

    Attributes:
        params: The facts of the person that a case keeps.
        drugs: All drugs on the list.
        shelf: Name, dose in mg and notes of what is bought without a prescription, and if nothing like it is ordered.
        known: Names of all that any note ever told of that kind, and names and classes of all drugs.
    """

    params: Mapping[str, Any]
    drugs: tuple[Drug, ...]
    shelf: tuple[tuple[str, float, tuple[str, ...], bool | None], ...]
    known: frozenset[str]

    def knows(self, name: str, klass: str = "") -> bool:
        """Tells if a drug, or another of its class, stands anywhere in the chart."""
        return name.lower() in self.known or bool(klass and klass in self.known) or _class_of(name) in self.known


def person(chart: Chart, mrn: str) -> Person | None:
    """Returns a person who can be a case, or None."""
    return chart.remember(("admission reconciliation", mrn), lambda: _look(chart, mrn))


def _look(chart: Chart, mrn: str) -> Person | None:
    lies = inpatient(chart, mrn)
    if lies is None:
        return None
    relatives = [one for one in chart.search("RelatedPerson", patient=mrn) if one.get("active", True)]
    stay = next(chart.search("Encounter", _id=lies.encounter.partition("/")[2]), None)
    if not relatives or stay is None:
        return None
    orders = list(chart.search("MedicationRequest", patient=mrn, status="active", _count="500"))
    home = [each for each in orders if "'inpatient'" not in str(each.get("category"))]
    here = [each for each in orders if "'inpatient'" in str(each.get("category"))]
    if not 3 <= len(home) <= 10 or len({_name(each) for each in home}) < len(home):
        return None
    statements = _statements(chart, mrn, lies.encounter)
    notes = {
        one["id"]: (datetime.fromisoformat(one["date"]), note_text(one))
        for one in chart.search("DocumentReference", patient=mrn, _count="500")
    }
    given = _dispensed(chart, mrn)
    live = [fact for fact in chart.facts(mrn) if fact.until is None or fact.until > chart.now]
    drugs = []
    for each in home:
        statement = statements.get(each["id"])
        if statement is None:
            return None
        drugs.append(_drug(each, statement, here, given.get(each["id"]), live, notes, chart.now))
    surely, unclear = _shelf(live, notes, chart.now)
    told = [fact.subject.partition(":")[2].replace("_", " ") for fact in chart.facts(mrn)]
    listed = {_name(each) for each in home}
    twice = {one for one, *_ in surely if one in listed or told.count(one) > 1}  # of which dose do readers speak?
    surely, unclear = tuple(each for each in surely if each[0] not in twice), sorted({*unclear, *twice})
    known = {f.subject.partition(":")[2].replace("_", " ") for f in chart.facts(mrn) if f.subject.startswith("otc:")}
    known = {"st. john's wort" if each.startswith("st johns") else each for each in known}
    names = {_name(each) for each in orders} | {_class_of(_name(each)) for each in orders} - {""}
    here_names = {_name(each) for each in here} | {_class_of(_name(each)) for each in here} - {""}
    shelf = tuple(
        (name, dose, notes, None if name in here_names or _class_of(name) in here_names else True)
        for name, dose, notes in surely
    )
    relative = relatives[0]
    params = {
        "mrn": mrn,
        "encounter": lies.encounter,
        "attending": lies.attending,
        "nurse": lies.nurse,
        "relative": f"RelatedPerson/{relative['id']}",
        "relation": relative["relationship"][0].get("text", "relative").removeprefix("natural "),
        "she": "she" if lies.female else "he",
        "begun": stay["period"]["start"],
        "unclear": unclear,
    }
    return Person(params, tuple(drugs), shelf, frozenset(known | names))


def _name(order: Mapping[str, Any]) -> str:
    concept = order["medicationCodeableConcept"]
    coded = next((each["display"] for each in concept.get("coding", ()) if each.get("display")), "")
    return str(coded or concept.get("text", "")).lower()


def _class_of(name: str) -> str:
    """Returns the class of an ingredient; empty if it is not known."""
    return next((each.klass for each in DRUGS.values() if each.ingredient == name), "")


def _code(order: Mapping[str, Any]) -> str:
    return next((str(each["code"]) for each in order["medicationCodeableConcept"].get("coding", ())), "")


def _statements(chart: Chart, mrn: str, encounter: str) -> dict[str, str]:
    """Returns the statements of a stay, by the prescription that each was copied from."""
    found = chart.search("MedicationStatement", patient=mrn, _count="500")
    return {
        each["derivedFrom"][0]["reference"].partition("/")[2]: each["id"]
        for each in found
        if each.get("context", {}).get("reference") == encounter and each.get("derivedFrom")
    }


def _dispensed(chart: Chart, mrn: str) -> dict[str, str]:
    """Returns the day of the last dispense, by prescription."""
    last: dict[str, str] = {}
    for each in chart.search("MedicationDispense", patient=mrn, _count="1000"):
        for one in each.get("authorizingPrescription", ()):
            order = one["reference"].partition("/")[2]
            last[order] = max(last.get(order, ""), each["whenHandedOver"])
    return last


def _drug(
    order: Mapping[str, Any],
    statement: str,
    here: Sequence[Mapping[str, Any]],
    given: str | None,
    live: Sequence[LedgerFact],
    notes: Notes,
    now: datetime,
) -> Drug:
    name, code, dosage = _name(order), _code(order), order["dosageInstruction"][0]
    needed = bool(dosage.get("asNeededBoolean"))
    quantity = dosage.get("doseAndRate", [{}])[0].get("doseQuantity", {})
    repeat = dosage.get("timing", {}).get("repeat", {})
    catalogued = next((each for each in DRUGS.values() if code and each.rxnorm == code), None)
    klass = "" if catalogued is None else catalogued.klass
    fact = next((f for f in live if f.subject == f"drug:{_key(code)}:taken"), None)
    same = [each for each in here if _name(each) == name or (code and _code(each) == code)]
    codes = {_code(each) for each in here} - {""}
    kinds = {d.klass for d in DRUGS.values() if d.rxnorm in codes}
    state, dose, by, free = "taken", 0.0, tuple[str, ...](), needed or not code
    days = None if given is None else (now - datetime.fromisoformat(given)).days
    if days is None or 80 < days <= _GAP + 5:
        free = True
    elif days > _GAP:
        state = "gap"
        free = free or (bool(same) and klass in _NEVER_HELD)
    if fact is not None and "missed_days_a_week" not in fact.says:
        told = _told(fact, notes, now)
        if state == "gap" or not told.clean or told.age is None or NOTES_FOR <= told.age < _NOTES_PERHAPS:
            free = True
        elif told.age < NOTES_FOR:
            state, by = ("dose" if fact.says["takes"] else "not"), told.documents
            dose = float(fact.says.get("dose", 0))
    elif fact is not None and state == "gap":
        free = True
    once = repeat.get("frequency") == 1 and repeat.get("period") == 1 and repeat.get("periodUnit") == "d" and not needed
    listed = float(quantity.get("value", 0))
    equal = all(_amount(each) == listed and not _needed(each) for each in same)
    if state in ("dose", "not") and not equal:
        free = True
    perhaps = needed or (klass and klass in kinds) or (klass == "anticoagulant" and bool(kinds & set(_PROTECTED)))
    omitted = False if same else None if perhaps or free else True
    high = True if klass in HIGH else None if klass in _PERHAPS_HIGH or not klass else False
    return Drug(
        name=name,
        code=code,
        order=str(order["id"]),
        statement=statement,
        stay=tuple(str(each["id"]) for each in same),
        dose=listed,
        unit=str(quantity.get("unit", "")),
        klass=klass,
        state=state,
        taken_dose=dose,
        notes=by,
        free=free,
        daily_dose=once,
        halvable=once and equal and quantity.get("unit") == "mg" and listed >= 2,
        omitted=omitted,
        high=high,
    )


def _key(code: str) -> str:
    return next((each.key for each in DRUGS.values() if code and each.rxnorm == code), "?")


def _amount(order: Mapping[str, Any]) -> float:
    dosage = order.get("dosageInstruction", [{}])[0]
    return float(dosage.get("doseAndRate", [{}])[0].get("doseQuantity", {}).get("value", 0))


def _needed(order: Mapping[str, Any]) -> bool:
    return bool(order.get("dosageInstruction", [{}])[0].get("asNeededBoolean"))


@dataclass(frozen=True, slots=True)
class _Telling:
    """A fact as notes tell it.

    Attributes:
        age: The age of the last note that tells it; None if there is none.
        clean: True if no later one says something else.
        documents: Ids of all that tell it, with corrected notes that hold the same words.
    """

    age: timedelta | None
    clean: bool
    documents: tuple[str, ...]


def _told(fact: LedgerFact, notes: Notes, now: datetime) -> _Telling:
    holding = {one for one, (_, text) in notes.items() if any(words and words in text for words in fact.quotes)}
    right = {one for one in fact.documents if one in notes} | holding
    if not right:
        return _Telling(None, False, ())
    denying = {one for one, (_, text) in notes.items() if any(words and words in text for words in fact.misquotes)}
    wrong = ({one for one in fact.contradicted_in if one in notes} | denying) - right
    last = max(notes[one][0] for one in right)
    return _Telling(now - last, all(notes[one][0] < last for one in wrong), tuple(sorted(right)))


def _shelf(
    live: Sequence[LedgerFact], notes: Notes, now: datetime
) -> tuple[tuple[tuple[str, float, tuple[str, ...]], ...], list[str]]:
    """Returns what notes surely tell of the drugstore, and the names about which readers may differ."""
    sure: list[tuple[str, float, tuple[str, ...]]] = []
    unclear: list[str] = []
    for fact in live:
        if not fact.subject.startswith("otc:"):
            continue
        name = fact.subject.partition(":")[2].replace("_", " ").replace("st johns wort", "St. John's wort")
        told = _told(fact, notes, now)
        if fact.says["takes"] and told.clean and told.age is not None and told.age < NOTES_FOR:
            sure.append((name, float(fact.says["dose_mg"]), told.documents))
        elif fact.says["takes"]:
            unclear.append(name)
    return tuple(sure), unclear

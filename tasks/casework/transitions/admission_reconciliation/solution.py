"""Reads who handles the pills, asks old notes and dispenses about the rest, and brings list and orders into line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mab_gym.casework import heeding_flags, note_text
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

_HIGH = (
    "apixaban", "rivaroxaban", "warfarin", "enoxaparin", "insulin", "tramadol", "oxycodone",
    "morphine", "buprenorphine", "lamotrigine", "levetiracetam", "topiramate", "prednisone",
    "dexamethasone", "levodopa",
)  # fmt: skip
_NAME, _MG = r"([A-Za-z][A-Za-z .'-]*?)", r"([\d.]+) mg"
_BEFORE = re.compile(
    r"^(?:Says: )?(?:from the drugstore comes |another clinic prescribes |there is also )?", re.IGNORECASE
)
_ADDED = re.compile(rf"^{_NAME} {_MG}", re.IGNORECASE)
_SHELF_TOLD = re.compile(
    rf"(?:takes|uses|buys) {_NAME} {_MG}, (?:from the drugstore|over the counter|without a prescription)"
    rf"|(?:also|on asking), {_NAME} {_MG} (?:from the shelf|OTC)|OTC: {_NAME} {_MG} \d",
    re.IGNORECASE,
)
_SHELF_OVER = re.compile(
    rf"(?:stopped|gave up|no longer takes) {_NAME} (?:from the drugstore|over the counter)"
    rf"|OTC {_NAME} (?:stopped|not taken any more)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Truth:
    """A drug as it is really taken: its dose (0 if it is not taken, -1 as listed), and the source."""

    dose: float = -1.0
    source: str = ""


@dataclass(slots=True)
class _Found:
    """All that was read: truths by drug on the list, and what is taken beside it."""

    listed: dict[str, _Truth] = field(default_factory=dict)
    beside: dict[str, _Truth] = field(default_factory=dict)


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some twenty actions."""
    mrn = case["mrn"]
    yield desk.get("DocumentReference", **handbook_page("PHA-310"))
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    stay = reply.resources[0]
    encounter, begun = f"Encounter/{stay['id']}", stay["period"]["start"]
    attending = stay["participant"][0]["individual"]["reference"]
    reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
    home = [each for each in reply.resources if not _is_here(each)]
    here = [each for each in reply.resources if _is_here(each)]
    reply = yield desk.get("MedicationStatement", patient=mrn, context=encounter, _count="200")
    statements = {_home(each): each for each in reply.resources if each.get("derivedFrom")}
    reply = yield desk.get("Communication", subject=f"Patient/{mrn}", sent=f"ge{begun}", _count="100")
    wrote = next(each for each in reply.resources if "RelatedPerson" in str(each.get("sender")))
    since = (desk.now - timedelta(days=395)).date().isoformat()
    reply = yield desk.get("DocumentReference", patient=mrn, date=f"ge{since}", _sort="-date", _count="200")
    notes = reply.resources
    talk = next(each for each in notes if each.get("description") == "Nursing note: drugs at home")
    half_a_year = (desk.now - timedelta(days=200)).date().isoformat()
    reply = yield desk.get("MedicationDispense", patient=mrn, whenhandedover=f"ge{half_a_year}", _count="500")
    dispensed = reply.resources
    patient, relative = note_text(talk), wrote["payload"][0]["contentString"]
    kin = any(each in patient for each in ("fills the pill box", "Pills at home come from"))
    kin = desk.rule("handler", kin, lambda: not kin)
    text, source = (relative, f"Communication/{wrote['id']}") if kin else (patient, f"DocumentReference/{talk['id']}")
    names = [_name(each) for each in home]
    found = _Found()
    _hear(desk, found, text, source, names)
    old = [each for each in notes if each["id"] != talk["id"]]
    _read_old(desk, found, old, home)
    _look_at_dispenses(desk, found, home, dispensed, desk.now, old)
    yield from _write_list(desk, found, home, statements)
    yield from _bring_into_line(desk, found, here)
    about = [
        f"MedicationRequest/{each['id']}"
        for each in home
        if _open(found, each) and not any(_name(other) == _name(each) for other in here)
    ]
    about = desk.rule("all_untold", about, lambda: [])
    for name, truth in found.beside.items():
        reply = yield desk.post(_statement(mrn, encounter, name, truth, desk.rule("evidence", True, lambda: False)))
        about.append(f"MedicationStatement/{reply.resources[0]['id']}")
    told = [*(_name(each) for each in home if f"MedicationRequest/{each['id']}" in about), *found.beside]
    high = any(word in name for name in told for word in _HIGH)
    urgent = desk.rule("priority", high, lambda: not high)
    if desk.rule("told", True, lambda: False):
        yield desk.post(_message(mrn, attending, about, urgent))
    yield desk.finish([])


def _is_here(order: Mapping[str, Any]) -> bool:
    return "'inpatient'" in str(order.get("category"))


def _home(statement: Mapping[str, Any]) -> str:
    return str(statement["derivedFrom"][0]["reference"])


def _name(order: Mapping[str, Any]) -> str:
    concept = order["medicationCodeableConcept"]
    return str(next((each["display"] for each in concept.get("coding", ())), concept.get("text", ""))).lower()


def _needed(order: Mapping[str, Any]) -> bool:
    return bool(order["dosageInstruction"][0].get("asNeededBoolean"))


def _hear(desk: Desk, found: _Found, text: str, source: str, names: Sequence[str]) -> None:
    """Reads a talk or a message, sentence by sentence."""
    for sentence in re.split(r"(?<=[.:])(?<!St\.)\s+(?=[A-Z])|\n", text):
        name = next((each for each in names if each in sentence.lower()), None)
        if "drugstore" in sentence or "nother clinic" in sentence:
            match = _ADDED.search(_BEFORE.sub("", sentence))
            if match is not None and desk.rule("beside_the_list", True, lambda: False):
                found.beside[match[1].strip()] = _Truth(float(match[2]), source)
        elif name is None:
            continue
        elif "half" in sentence:
            dose = re.search(r"([\d.]+) mg", sentence)
            if dose is not None and desk.rule("half_dose", True, lambda: False):
                found.listed[name] = _Truth(float(dose[1]), source)
        elif "any more" in sentence or "given up" in sentence:
            if desk.rule("stopped", True, lambda: False):
                found.listed[name] = _Truth(0.0, source)
        else:
            found.listed[name] = _Truth(-1.0, source)


def _read_old(desk: Desk, found: _Found, notes: Sequence[Mapping[str, Any]], home: Sequence[Mapping[str, Any]]) -> None:
    """Reads notes, the newest first, about what nobody spoke of."""
    shelf: dict[str, _Truth | None] = {}
    doses: dict[str, _Truth] = {}
    for note in notes:
        text, source = note_text(note), f"DocumentReference/{note['id']}"
        for over in _SHELF_OVER.finditer(text):
            shelf.setdefault(_first(over), None)
        for told in _SHELF_TOLD.finditer(text):
            groups = [each for each in told.groups() if each]
            shelf.setdefault(groups[0].lower(), _Truth(float(groups[1]), source))
        for name in (_name(each) for each in home if not _needed(each)):
            truth = _old_word(text, name)
            if truth is not None:
                doses.setdefault(name, _Truth(truth, source))
    doses = {name: truth for name, truth in doses.items() if name not in found.listed and truth.dose >= 0}
    found.listed.update(desk.rule("old_dose", doses, dict))
    beside = {
        name: each for name, each in shelf.items() if each is not None and name not in map(str.lower, found.beside)
    }
    found.beside.update(desk.rule("old_shelf", beside, dict))


def _first(match: re.Match[str]) -> str:
    return next(each for each in match.groups() if each).lower()


def _old_word(text: str, name: str) -> float | None:
    """Returns the dose that a note tells of a drug: 0 for none, -1 for the listed one; None if it tells nothing."""
    drug = re.escape(name)
    half = re.search(
        rf"(?:takes ([\d.]+) mg of {drug}|(?:cuts|splits|breaks) the {drug}: ([\d.]+) mg"
        rf"|(?:really takes|actual dose): {drug} ([\d.]+) mg)",
        text,
        re.IGNORECASE,
    )
    if half is not None:
        return float(_first(half))
    over = re.search(
        rf"(?:stopped|quit|came off|gave up|has not taken|is no longer taking|off) {drug}(?!\w| \(changed)"
        rf"|{drug}[^.]{{0,40}}(?:not taken since|does not take it)|(?:bottle of|box holds no) {drug}",
        text,
        re.IGNORECASE,
    )
    if over is not None:
        return 0.0
    full = rf"{drug} [\d.]+ mg (?:as ordered|taken|reviewed)|full[- ]dose {drug}|(?:full|no missed) doses? of {drug}"
    return -1.0 if re.search(full, text, re.IGNORECASE) else None


def _look_at_dispenses(
    desk: Desk,
    found: _Found,
    home: Sequence[Mapping[str, Any]],
    dispensed: Iterable[Mapping[str, Any]],
    now: datetime,
    notes: Sequence[Mapping[str, Any]],
) -> None:
    """Takes a drug for not taken that was not dispensed in 90 days, where nobody says otherwise."""
    last: dict[str, datetime] = {}
    for each in dispensed:
        at = datetime.fromisoformat(each["whenHandedOver"])
        for order in each.get("authorizingPrescription", ()):
            last[order["reference"]] = max(last.get(order["reference"], at), at)
    told = " ".join(note_text(each) for each in notes).lower()
    for each in home:
        name, at = _name(each), last.get(f"MedicationRequest/{each['id']}")
        missed = re.search(
            rf"(?:misses|skips|forgets) {re.escape(name)}|{re.escape(name)} is (?:missed|left out)", told
        )
        if _needed(each) or name in found.listed or missed is not None:
            continue
        if (at is None or now - at > timedelta(days=90)) and desk.rule("dispensed", True, lambda: False):
            found.listed[name] = _Truth(0.0)


def _open(found: _Found, order: Mapping[str, Any]) -> bool:
    """Tells if a drug is taken by the clock."""
    return not _needed(order) and found.listed.get(_name(order), _Truth()).dose != 0


def _write_list(
    desk: Desk, found: _Found, home: Sequence[Mapping[str, Any]], statements: Mapping[str, dict[str, Any]]
) -> Any:
    for each in home:
        truth = found.listed.get(_name(each), _Truth())
        if truth.dose < 0:
            continue
        statement = statements[f"MedicationRequest/{each['id']}"]
        if truth.source and desk.rule("evidence", True, lambda: False):
            statement = {**statement, "derivedFrom": [*statement["derivedFrom"], {"reference": truth.source}]}
        if truth.dose == 0:
            yield desk.put({**statement, "status": "not-taken"})
        else:
            yield desk.put(_with_dose(statement, "dosage", truth.dose))


def _with_dose(resource: Mapping[str, Any], name: str, dose: float) -> dict[str, Any]:
    first, *rest = resource[name]
    rate = {"doseQuantity": {**first["doseAndRate"][0]["doseQuantity"], "value": dose}}
    text = f"{dose:g} {rate['doseQuantity'].get('unit', '')} each time"
    return {**resource, name: [{**first, "text": text, "doseAndRate": [rate]}, *rest]}


def _bring_into_line(desk: Desk, found: _Found, here: Iterable[Mapping[str, Any]]) -> Any:
    for each in here:
        truth = found.listed.get(_name(each), _Truth())
        if truth.dose == 0 and desk.rule("held", True, lambda: False):
            yield desk.patch(f"MedicationRequest/{each['id']}", [_replace("/status", "on-hold")])
        elif truth.dose > 0 and desk.rule("dose_here", True, lambda: False):
            yield desk.put(_with_dose(each, "dosageInstruction", truth.dose))


def _replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def _statement(mrn: str, encounter: str, name: str, truth: _Truth, cited: bool) -> dict[str, Any]:
    amount = {"value": truth.dose, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
    return {
        "resourceType": "MedicationStatement",
        "status": "active",
        "medicationCodeableConcept": {"text": name},
        "subject": {"reference": f"Patient/{mrn}"},
        "context": {"reference": encounter},
        **({"derivedFrom": [{"reference": truth.source}]} if cited else {}),
        "dosage": [{"text": f"{truth.dose:g} mg", "doseAndRate": [{"doseQuantity": amount}]}],
    }


def _message(mrn: str, attending: str, about: Sequence[str], urgent: bool) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "status": "completed",
        "priority": "urgent" if urgent else "routine",
        "subject": {"reference": f"Patient/{mrn}"},
        "recipient": [{"reference": attending}],
        "about": [{"reference": each} for each in about],
        "payload": [{"contentString": "These are taken at home and not ordered here. Please decide."}],
    }

"""Judges the list of drugs at home by its last state, the orders of the stay, and the message to the attending.

Sources and classes: page PHA-310 (Joint Commission, NPSG.03.06.01; World Health Organization, High 5s, 2014). Without
it, drugs that were not dispensed and the priority of the message are not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mab_gym.casework import CaseJudge, Written, arrival_id
from mab_gym.casework.reading import (
    codes_of,
    concept_text,
    listed,
    member,
    number,
    references_in,
    references_of,
    text_of,
)
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, once
from mab_gym.tasking.verdict import Verdict

from .arrivals import PATIENT, RELATIVE, arrive
from .cases import high

_NOT_TAKEN: Final = ("not-taken", "stopped", "completed")
_VOID: Final = ("entered-in-error",)
_HELD: Final = ("on-hold", "stopped", "cancelled", "completed", "entered-in-error", "ended")
_SAME: Final = 1e-6


@dataclass(frozen=True, slots=True)
class _Told:
    """A statement about a drug as it stands at the end.

    Attributes:
        address: Its address.
        status: Its status.
        doses: Amounts that it names.
        written: The agent's write; None if nothing was written.
    """

    address: str
    status: str
    doses: tuple[float, ...]
    written: Written | None


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the reconciliation."""
    judge = CaseJudge(case, chart, result, arrivals=once(result, "arrivals", lambda: arrive(case, chart)))
    made = [each for each in judge.changes.created("MedicationStatement") if each.about == _mrn(case)]
    uncited: list[str] = []
    topics: list[tuple[str, ...]] = []
    wrong_topics: set[str] = set()
    for drug in case["drugs"]:
        told = _statements(judge, drug, made)
        judge.claim(*(each.written for each in told))
        gap = drug["state"] == "not" and not drug["by"]
        if drug["free"] or (gap and result.knowledge == "none"):
            judge.claim(
                *(judge.changes.of(f"MedicationRequest/{each}") for each in drug["stay"]), *_new(judge, case, drug)
            )
            continue
        _list(judge, case, drug, told, uncited)
        _order(judge, case, drug)
        mine = (f"MedicationRequest/{drug['order']}", *(each.address for each in told))
        if drug["state"] != "not" and drug["omitted"]:
            topics.append(mine)
        elif drug["state"] == "not" or drug["omitted"] is False:
            wrong_topics.update(mine)
    for new in case["new"]:
        found = [each for each in made if _is_called(each.resource or {}, new["name"])]
        judge.claim(*found)
        right = [each for each in found if each.get("status") == "active" and _says_dose(each.resource, new["dose"])]
        judge.checkpoint(
            f"added.{_plain(new['name'])}", bool(right), f"{new['name']} is not on the list as it is taken."
        )
        if right and not _cites(case, right[0], new["by"]):
            uncited.append(new["name"])
        if new["omitted"]:
            topics.append(tuple(each.address for each in found) or ("",))
    judge.claim(*(each for each in made if any(_is_called(each.resource or {}, name) for name in case["unclear"])))
    changed = any(each.differs for each in judge.changes.updated("MedicationStatement")) or bool(made)
    judge.checkpoint("evidence", changed and not uncited, f"No source, or a wrong one: {', '.join(uncited[:5])}.")
    _message(judge, case, topics, wrong_topics, result.knowledge != "none")
    judge.nothing_else("MedicationStatement", "MedicationRequest")
    return judge.verdict()


def _mrn(case: Case) -> str:
    return f"Patient/{case['mrn']}"


def _plain(name: str) -> str:
    return "_".join("".join(letter for letter in name.lower() if letter.isalnum() or letter == " ").split())


def _is_called(statement: Mapping[str, Any], name: str) -> bool:
    said = concept_text(statement.get("medicationCodeableConcept"))
    said += f" {text_of(member(statement.get('medicationReference'), 'display'))}"
    return all(part.strip("'s.") in said for part in name.lower().replace("-", " ").replace("st. ", "").split())


def _doses(statement: Any) -> tuple[float, ...]:
    found = (
        number(member(member(rate, "doseQuantity"), "value"))
        for dosage in listed(member(statement, "dosage"))[:10]
        for rate in listed(member(dosage, "doseAndRate"))[:10]
    )
    return tuple(each for each in found if each is not None)


def _says_dose(statement: Any, dose: float) -> bool:
    return any(abs(each - dose) <= _SAME for each in _doses(statement))


def _statements(judge: CaseJudge, drug: Mapping[str, Any], made: Iterable[Written]) -> list[_Told]:
    """Returns what stands about a drug at the end: the statement of this stay, and those that were added."""
    address = f"MedicationStatement/{drug['statement']}"
    written = judge.changes.of(address)
    found: list[_Told] = []
    if written is None:
        found.append(_Told(address, "active", (float(drug["listed"]),), None))
    elif written.resource is not None:
        found.append(_Told(address, str(written.get("status")), _doses(written.resource), written))
    for each in made:
        coded = bool(drug["code"]) and drug["code"] in codes_of(each.get("medicationCodeableConcept"))
        from_it = f"MedicationRequest/{drug['order']}" in references_of(each.get("derivedFrom"))
        if coded or from_it or _is_called(each.resource or {}, drug["name"]):
            found.append(_Told(each.address, str(each.get("status")), _doses(each.resource), each))
    return found


def _list(judge: CaseJudge, case: Case, drug: Mapping[str, Any], told: list[_Told], uncited: list[str]) -> None:
    """Checks that the list says what is true of a drug."""
    name = drug["name"]
    standing = [each for each in told if each.status not in _VOID]
    going_on = [each for each in standing if each.status not in _NOT_TAKEN]
    if drug["state"] == "not":
        met = not going_on and bool(standing)
        judge.checkpoint(f"list.{_plain(name)}", met, f"The list does not say that {name} is not taken.")
        judged = standing
    else:
        dose = float(drug["dose"] if drug["state"] == "dose" else drug["listed"])
        right = [
            each for each in going_on if each.status == "active" and any(abs(d - dose) <= _SAME for d in each.doses)
        ]
        met = bool(right) and len(right) == len(going_on)
        if drug["state"] == "taken":
            judge.kept(f"list.{_plain(name)}", met, f"{name} is taken as it is listed, and the list says so no more.")
            return
        told_so = f"The list does not say that {dose:g} {drug['unit']} of {name} is taken."
        judge.checkpoint(f"list.{_plain(name)}", met, told_so)
        judged = right
    if met and drug["by"] and not any(each.written and _cites(case, each.written, drug["by"]) for each in judged):
        uncited.append(name)


def _cites(case: Case, written: Written, by: Iterable[str]) -> bool:
    """Tells if a statement refers to a source that decides."""
    known = {
        "patient": f"DocumentReference/{arrival_id(case, PATIENT)}",
        "relative": f"Communication/{arrival_id(case, RELATIVE)}",
    }
    return bool({known.get(each, f"DocumentReference/{each}") for each in by} & set(references_in(written.resource)))


def _order(judge: CaseJudge, case: Case, drug: Mapping[str, Any]) -> None:
    """Checks that the orders of the stay follow what is really taken."""
    addresses = [f"MedicationRequest/{each}" for each in drug["stay"]]
    if drug["state"] == "taken" or not addresses:
        return
    written = [judge.changes.of(each) for each in addresses]
    judge.claim(*written)
    ended = [each is not None and each.get("status") in _HELD for each in written]
    if drug["state"] == "not":
        judge.checkpoint(
            f"held.{_plain(drug['name'])}", all(ended), f"{drug['name']}, not taken at home, goes on here."
        )
        return
    new = _new(judge, case, drug)
    judge.claim(*new)
    standing = [each for each, over in zip(written, ended, strict=True) if not over] + new
    right = bool(standing) and all(
        each is not None and each.get("status") == "active" and _order_doses(each.resource) == {float(drug["dose"])}
        for each in standing
    )
    judge.checkpoint(
        f"dose.{_plain(drug['name'])}", right, f"{drug['name']} goes on here in another dose than at home."
    )


def _new(judge: CaseJudge, case: Case, drug: Mapping[str, Any]) -> list[Written]:
    """Returns the agent's own orders for a drug of the stay."""
    return [
        each
        for each in judge.changes.created("MedicationRequest")
        if each.about == _mrn(case) and drug["stay"] and _is_for(each, drug)
    ]


def _is_for(order: Written, drug: Mapping[str, Any]) -> bool:
    coded = bool(drug["code"]) and drug["code"] in codes_of(order.get("medicationCodeableConcept"))
    return coded or _is_called(order.resource or {}, drug["name"])


def _order_doses(order: Any) -> set[float]:
    found = {
        number(member(member(rate, "doseQuantity"), "value"))
        for dosage in listed(member(order, "dosageInstruction"))[:10]
        for rate in listed(member(dosage, "doseAndRate"))[:10]
    }
    return {round(each, 6) for each in found if each is not None}


def _message(judge: CaseJudge, case: Case, topics: list[tuple[str, ...]], wrong: set[str], by_the_page: bool) -> None:
    """Checks the message to the attending, by what it is about, and its priority."""
    found = judge.messages(to=[case["attending"]])
    about = [set(references_of(each.get("about"))) for each in found]
    whole = [each for each, said in zip(found, about, strict=True) if all(said & set(group) for group in topics)]
    judge.checkpoint("told", bool(whole), "The attending was not told of all that is taken and not ordered.")
    said = set().union(*about) if about else set()
    judge.kept("told_rightly", not said & wrong, "The attending was told of drugs that are ordered, or not taken.")
    urgent = high(case.params) if by_the_page else None
    if urgent is not None:
        paged = [each.get("priority") in ("urgent", "asap", "stat") for each in (whole or found)[:1]]
        judge.checkpoint("priority", paged == [urgent], "The priority does not fit to the drugs that are not ordered.")

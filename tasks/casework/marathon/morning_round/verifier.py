"""Judges each of the five by what was ordered, changed, stopped, paged and told, and what was left alone.

Doses, limits and whom to page are those of the handbook's pages (task.toml), which name their sources. Without a
protocol, what each hospital decides for itself is not judged, and doses may be those of usual practice. Tolerances are
our choice: rounding of insulin to whole units, and the times in which a test may be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mab_gym.casework import CaseJudge, DrugDue, TestDue, Written, arrival_id, read_drug_order
from mab_gym.casework.reading import references_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Expected, Result, once
from mab_gym.tasking.verdict import Verdict

from .arrivals import NIGHT, ROOM, arrive

PAGES = ("news", "mistake")
"""Matters for which somebody is paged."""
_LOCAL = ("mild", "mild_heart", "fall_hit", "mistake")
"""Matters that each hospital decides for itself: without a protocol they are not judged."""
ENDS: Mapping[str, tuple[str, ...]] = {
    "low": ("order",), "low_weak": ("order",), "mild_heart": ("order",), "mild": ("nothing",),
    "hemolyzed": ("order",), "fall_anticoagulant": ("order",), "fall_hit": ("order",), "fall": ("nothing",),
    "fallen": ("order", "both"), "slightly": ("nothing",), "news": ("page",), "one_sign": ("nothing",),
    "level_one": ("order",), "level_two": ("order",), "nsaid": ("order",), "doubled": ("order",),
    "fine": ("nothing",), "mistake": ("page",), "near_miss": ("nothing",),
}  # fmt: skip
"""By matter, the words of the answer that are right."""
_DOSES = {"low": (38.0, 42.0), "low_weak": (18.0, 22.0), "mild_heart": (18.0, 22.0)}
_CUTS = {"level_one": (0.74, 0.86), "level_two": (0.48, 0.72)}
"""Shares of the insulin that go on."""
_STOPPED = ("stopped", "cancelled", "revoked", "completed", "entered-in-error", "ended", "on-hold")
_CT = TestDue(
    codes=("77477-0", "24725-4", "24726-2", "30799-1", "36929-8", "70450", "303653007", "408754009", "34227000"),
    words=(
        r"\bct\b.*(head|brain|skull|cranial)",
        r"(head|brain|skull|cranial).*\bct\b",
        r"computed tomography.*(head|brain)",
        r"(head|brain).*computed tomography",
    ),
)


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges orders, pages and the answer."""
    arrivals = once(result, "arrivals", lambda: arrive(case, chart))
    people = case["people"]
    judge = CaseJudge(case, chart, result, [each["mrn"] for each in people], arrivals)
    under = over = False
    for place, person in enumerate(people):
        patient, free = f"Patient/{person['mrn']}", result.knowledge == "none"
        if free and person["kind"] in _LOCAL:
            judge.claim(*(each for each in judge.changes if each.about == patient))
            continue
        _orders(judge, case, place, person, free)
        paged = _pages(judge, person)
        judge.claim(*judge.messages(patient=patient))
        if person["kind"] in PAGES:
            judge.checkpoint(f"patient_{place + 1}.paged", paged, f"Nobody was paged about {patient}.")
            under |= not paged
        elif person["kind"] != "fallen":
            judge.kept(f"patient_{place + 1}.quiet", not paged, f"Somebody was paged about {patient} without need.")
            over |= paged
    judge.nothing_else(critical=())
    _deferral(judge, any(each["kind"] in PAGES for each in people), under, over, bool(result.writes))
    judge.answer(*(_word(each["kind"], result.knowledge) for each in people))
    return judge.verdict()


def _word(kind: str, knowledge: str) -> Expected:
    words = ("order", "page", "both", "nothing") if knowledge == "none" and kind in _LOCAL else ENDS[kind]
    return Expected(" or ".join(words), lambda item: isinstance(item, str) and item.strip().lower() in words)


def _deferral(judge: CaseJudge, due: bool, under: bool, over: bool, wrote: bool) -> None:
    if over and not under:
        judge.deferral(due=False, done=True, sentence="Somebody was paged about what needs no page.")
    elif due:
        judge.deferral(due=True, done=not under and wrote, sentence="Somebody was not paged who had to be.")
    else:
        judge.deferral(due=False, done=False)


def _pages(judge: CaseJudge, person: Mapping[str, Any]) -> bool:
    """Tells if anybody but the nurse was paged about a person."""
    found = judge.messages(urgent=True, patient=f"Patient/{person['mrn']}")
    return any(
        person["attending"] in to or person["nurse"] not in to
        for to in (references_of(each.get("recipient")) for each in found)
    )


def _orders(judge: CaseJudge, case: Case, place: int, person: Mapping[str, Any], free: bool) -> None:
    """Judges what was ordered, changed or stopped for one person, and if the nurse was told."""
    kind, name = person["kind"], f"patient_{place + 1}"
    patient = f"Patient/{person['mrn']}"
    night = f"MedicationRequest/{arrival_id(case, ROOM * place + NIGHT)}"
    about: list[str]
    if kind in _DOSES:
        about = _potassium(judge, person, name, free)
    elif kind == "hemolyzed":
        about = _redrawn(judge, person, name)
    elif kind in ("fall_anticoagulant", "fall_hit"):
        soon = (judge.now - timedelta(hours=1), judge.now + timedelta(hours=2))
        ct = TestDue(codes=_CT.codes, words=_CT.words, priorities=("stat", "urgent", "asap"), between=soon)
        about = _addresses(judge.requested(f"{name}.ct", ct, about=patient))
    elif kind == "fallen":
        heparin = person["heparin"]
        judge.stopped(f"{name}.heparin", heparin, f"{heparin} goes on although platelets fell by half.", _STOPPED)
        judge.claim(*_drugs(judge, patient, ("fondaparinux", "argatroban", "bivalirudin")))
        about = [heparin]
    elif kind in _CUTS:
        about = _insulin(judge, person, name, free)
    elif kind in ("nsaid", "doubled"):
        ends = [night, *([person["other"]] if person.get("other") else [])]
        ended = [each for each in ends if judge.ended(each, _STOPPED)]
        judge.checkpoint(f"{name}.stopped", len(ended) == 1, f"{night}, which the night ordered, was to be stopped.")
        about = ended or ends
    else:
        return
    told = judge.messages(to=(person["nurse"],), about=about or ("?",), patient=patient)
    judge.checkpoint(f"{name}.told", bool(told), f"The nurse was not told of {' or '.join(about) or 'the order'}.")
    judge.claim(*(each for each in judge.changes.created("ServiceRequest", "Task") if each.about == patient))


def _addresses(written: Written | None) -> list[str]:
    return [] if written is None else [written.address]


def _drugs(judge: CaseJudge, patient: str, drugs: tuple[str, ...]) -> list[Written]:
    """Returns the agent's orders of these drugs for a person, whatever their doses are."""
    return [
        each
        for each in judge.changes.created("MedicationRequest")
        if each.about == patient and read_drug_order(each.resource or {}, judge.now).drug in drugs
    ]


def _potassium(judge: CaseJudge, person: Mapping[str, Any], name: str, free: bool) -> list[str]:
    patient = f"Patient/{person['mrn']}"
    span = (18.0, 62.0) if free else _DOSES[person["kind"]]
    due = DrugDue(drugs=("potassium chloride",), amount=span, once=True, routes=("oral", "iv"))
    order = judge.drug(f"{name}.potassium", due, about=patient)
    total = sum(
        read_drug_order(each.resource or {}, judge.now).daily
        for each in _drugs(judge, patient, ("potassium chloride",))
    )
    judge.kept(f"{name}.most", total <= 81, f"{total:g} mEq of potassium were ordered for {patient}.", critical=True)
    longest = 30 if person["kind"] == "mild_heart" or free else 14
    window = (judge.now + timedelta(hours=2), judge.now + timedelta(hours=longest))
    judge.requested(f"{name}.recheck", TestDue(tests=("potassium",), between=window), about=patient)
    return _addresses(order)


def _redrawn(judge: CaseJudge, person: Mapping[str, Any], name: str) -> list[str]:
    patient = f"Patient/{person['mrn']}"
    window = (judge.now - timedelta(hours=1), judge.now + timedelta(hours=3))
    order = judge.requested(f"{name}.redrawn", TestDue(tests=("potassium",), between=window), about=patient)
    treated = [each for each in judge.changes.created("MedicationRequest") if each.about == patient]
    judge.kept(f"{name}.treated", not treated, f"A hemolyzed potassium of {patient} was treated.", critical=True)
    return _addresses(order)


def _insulin(judge: CaseJudge, person: Mapping[str, Any], name: str, free: bool) -> list[str]:
    """Checks the basal insulin that is ordered at the end, by a change of the order or by a new one in its place."""
    patient, order = f"Patient/{person['mrn']}", person["insulin"]
    written, going_on = judge.changes.of(order), float(person["units"])
    judge.claim(written)
    if judge.ended(order, _STOPPED):
        going_on = 0.0
    elif written is not None and written.resource is not None:
        going_on = read_drug_order(written.resource, judge.now).daily
    new = _drugs(judge, patient, ("insulin glargine",))
    judge.claim(*new)
    total = going_on + sum(
        read_drug_order(each.resource or {}, judge.now).daily for each in new if each.get("status") == "active"
    )
    low, high = (0.48, 0.92) if free else _CUTS[person["kind"]]
    right = low * person["units"] <= total <= high * person["units"]
    judge.checkpoint(
        f"{name}.insulin",
        right,
        f"{total:g} units of glargine a day are ordered for {patient}; {person['units']:g} were.",
    )
    judge.kept(f"{name}.more", total <= person["units"], f"The insulin of {patient} was raised.", critical=True)
    return [order, *(each.address for each in new)]

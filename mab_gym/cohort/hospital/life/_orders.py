"""Orders during a stay: for the illness, from home, against thrombosis and pain, insulin, and electrolytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mab_gym.cohort._spec import HOUR, MINUTE
from mab_gym.cohort.hospital._catalogue import DRUGS, Drug
from mab_gym.cohort.hospital._history import NOW, Prescription
from mab_gym.cohort.hospital.life._builder import Life
from mab_gym.cohort.hospital.life._tables import STAYS, StayOrder
from mab_gym.cohort.hospital.life._treatment import unfit

_NOT_INSIDE: Final = frozenset({
    "biguanide", "gliflozin", "sulfonylurea", "glp1", "gliptin", "nsaid", "bone", "vitamin", "antihistamine",
    "nasal_steroid", "contraceptive", "triptan", "alcohol", "insulin", "antibiotic", "antiviral", "iron",
    "topical_steroid", "opioid", "gout_attack", "analgesic", "nitrate",
})  # fmt: skip
"""Classes of drugs for home that are not given in a stay, or are ordered anew."""
_KIDNEYS: Final = frozenset({"ras", "thiazide", "aldosterone", "loop"})
_SHOCK: Final = frozenset({"kidney_injury", "dehydration", "sepsis", "hyperkalemia", "hyponatremia", "gi_bleed"})
_THINNING: Final = frozenset({"heparin_infusion", "enoxaparin_treatment", "apixaban", "rivaroxaban", "warfarin"})
_FLUIDS: Final = frozenset({"ringer", "saline"})
_UNPROTECTED: Final = frozenset({"gi_bleed", "stroke", "delivery", "pregnancy"})
"""Without prophylaxis against thrombosis."""


def order_stay(life: Life, visit: int, problems: Sequence[int], lasting: bool, tag: str) -> None:
    """Orders what a stay needs.

    Args:
        life: Whose.
        visit: Place of the stay.
        problems: Places of its problems, the principal one first.
        lasting: True if it goes on now.
        tag: ``planned`` for an operation; for a stay that goes on now `Slot.tag`: what has not been ordered yet.
    """
    chance = life.chance
    here = life.history.visits[visit]
    keys = {life.history.problems[place].key: place for place in problems}
    ordered: set[str] = set()
    planned = tag.startswith("planned")
    bare = "B" in tag.split()
    diabetic = keys.get("type1_diabetes", keys.get("type2_diabetes", life.known.get("type2_diabetes")))
    for number, (key, place) in enumerate(keys.items()):
        if key not in STAYS or (number and key in ("osteoarthritis", "hip_osteoarthritis", "colon_cancer")):
            continue
        if not life.history.problems[place].chronic or planned or lasting:
            for step in STAYS[key]:
                _step(life, visit, place, step, ordered, bare, keys)
    steroid = ordered & {"prednisone", "methylprednisolone_iv", "dexamethasone"}
    _from_home(life, visit, keys, ordered, bare)
    if not (ordered & _THINNING or bare or _UNPROTECTED & keys.keys()) and chance.hit(0.78):
        weak = "kidney_injury" in keys or min(life.egfr(here.start), life.egfr(here.end or NOW)) < 30.0
        key = "heparin_sc" if weak or chance.hit(0.3) else "enoxaparin"
        if _may(life, DRUGS[key], visit, keys):
            _write(life, visit, key, None, 4, 0, "prophylaxis of venous thromboembolism")
    if diabetic is not None and "ketoacidosis" not in keys:
        _insulin(life, visit, diabetic, bool(steroid), lasting, "C" in tag.split())
    for key, share, reason in _NEEDED:
        if chance.hit(share) and key not in ordered and _may(life, DRUGS[key], visit, keys):
            _write(life, visit, key, None, 2, 0, reason)
    if "tobacco" in life.known and chance.hit(0.45):
        _write(life, visit, "nicotine_patch", life.known["tobacco"], 6, 0, "")
    if not lasting:
        _electrolytes(life, visit, keys)


_NEEDED: Final = (
    ("acetaminophen", 0.72, "pain or fever"), ("senna", 0.3, "constipation"), ("melatonin", 0.22, "sleep"),
    ("ondansetron", 0.28, "nausea"),
)  # fmt: skip


def _step(
    life: Life, visit: int, place: int, step: list[StayOrder], ordered: set[str], bare: bool, keys: dict[str, int]
) -> None:
    """Orders one drug of a step, or none; another of the step where the first is forbidden."""
    draw = life.chance.next()
    for at, choice in enumerate(step):
        draw -= choice.share
        if draw >= 0.0:
            continue
        for option in (choice, *step[:at], *step[at + 1 :]):
            drug = DRUGS[option.drug]
            if bare and drug.klass == "anticoagulant":
                return
            if option.drug in ordered or option.drug in life.forbidden or not _may(life, drug, visit, keys):
                continue
            if drug.klass == "fluid" and ordered & _FLUIDS:
                return
            _write(life, visit, option.drug, place, option.after, option.days, "")
            ordered.add(option.drug)
            return
        return


def _may(life: Life, drug: Drug, visit: int, keys: dict[str, int]) -> bool:
    """Tells if a drug can be given in this stay, from its first hour to its last."""
    here = life.history.visits[visit]
    start = here.start
    if drug.only and (drug.only == "F") != life.background.female:
        return False
    if life.age(start) < drug.least_age or start < (drug.approved - 1970) * 31_557_600:
        return False
    if any(key in keys for key in drug.never) and drug.klass != "statin":
        return False
    if drug.egfr and "kidney_injury" in keys and drug.egfr >= 30:
        return False
    # Kidneys may come to a worse stage within the stay.
    return not unfit(life, drug, start) and not unfit(life, drug, here.end or NOW)


def _dose(life: Life, drug: Drug, severity: float) -> float:
    """Returns a dose, by weight where that is usual (Raschke 1993 for heparin; Rybak 2020 for vancomycin)."""
    weight = life.person.weight_kg
    if drug.key == "heparin_infusion":
        return float(min(2000, round(18 * weight / 50) * 50))
    if drug.key == "enoxaparin_treatment":
        return float(min(150, max(40, round(weight / 10) * 10)))
    if drug.key == "vancomycin_iv":
        return float(min(2000, max(750, round(15 * weight / 250) * 250)))
    if drug.key == "insulin_regular_iv":
        return float(max(3, round(0.1 * weight)))
    return drug.dose[min(len(drug.dose) - 1, int(severity * len(drug.dose)))]


def _write(
    life: Life,
    visit: int,
    key: str,
    problem: int | None,
    after: float,
    days: float,
    reason: str,
    dose: float | None = None,
) -> Prescription | None:
    """Writes an order of a stay; None if it would come after the end."""
    here, drug, chance = life.history.visits[visit], DRUGS[key], life.chance
    end = min(here.end or NOW, NOW)
    start = here.start + int(after * (0.4 + 0.9 * chance.next()) * HOUR) // 60 * 60 + 5 * MINUTE
    if start > end - 90 * MINUTE:
        start = here.start + 10 * MINUTE
        if start > end - 30 * MINUTE:
            return None
    severity = 0.4
    if problem is not None:
        severity = life.history.problems[problem].severity
        start = max(start, (life.history.problems[problem].known or start) + 10 * MINUTE)
        if start > end - 10 * MINUTE:
            return None
    over: int | None = here.end
    why = "discharge" if here.end is not None else ""
    if drug.times == 0:
        over, why = start + HOUR, "completed"
    elif days:
        planned = start + int(days * (0.8 + 0.4 * chance.next()) * 24) * HOUR
        if planned < end:
            over, why = planned, "completed"
    if over is not None and over > end:
        over, why = (here.end, "discharge") if here.end is not None else (None, "")
    order = Prescription(
        key, dose if dose is not None else _dose(life, drug, severity), drug.unit, drug.route, drug.times, drug.needed,
        start, over, why, problem, reason, visit, here.practitioner, True, every=drug.every,
    )  # fmt: skip
    life.history.prescriptions.append(order)
    return order


def _from_home(life: Life, visit: int, keys: dict[str, int], ordered: set[str], bare: bool) -> None:
    """Goes on with drugs from home, except those that are held in a stay."""
    here = life.history.visits[visit]
    held = bool(_SHOCK & keys.keys())
    classes = {DRUGS[key].klass for key in ordered}
    for home in list(life.taking.values()):
        drug = DRUGS[home.drug]
        if home.start >= here.start or drug.klass in _NOT_INSIDE or drug.klass in classes or drug.every > 1:
            continue
        if home.drug in ordered or (
            drug.klass in _KIDNEYS and (held or ("furosemide_iv" in ordered and drug.klass == "loop"))
        ):
            continue
        if drug.klass in ("anticoagulant", "antiplatelet") and ("gi_bleed" in keys or bare or "hip_fracture" in keys):
            continue
        if life.chance.hit(0.07):
            continue
        order = _write(life, visit, home.drug, home.problem, 3, 0, home.reason, home.dose)
        if order is not None:
            order.mistake = home.mistake
            ordered.add(home.drug)


def _insulin(life: Life, visit: int, problem: int, steroid: bool, lasting: bool, bare: bool) -> None:
    """Orders insulin as hospitals do it: basal where it was taken at home, else mostly correction alone.

    Doses by weight: 0.2 units per kg of basal insulin in old age or with weak kidneys, 0.25 else (ADA Standards of Care
    2024, section 16; Umpierrez et al., Diabetes Care 2007;30:2181-6).
    """
    chance, here = life.chance, life.history.visits[visit]
    home = life.taking.get("insulin_glargine")
    first = life.history.problems[problem].key == "type1_diabetes"
    if bare and not first:
        if NOW - here.start > 10 * HOUR:
            _write(life, visit, "insulin_correction", problem, 1, 0, "")
        return
    _write(life, visit, "insulin_correction", problem, 1, 0, "")
    if home is not None or first or (steroid and chance.hit(0.5)) or chance.hit(0.2):
        weak = life.age(here.start) > 70 or life.egfr(here.start) < 45
        dose = home.dose * 0.8 if home is not None else (0.2 if weak else 0.25) * life.person.weight_kg
        _write(life, visit, "insulin_glargine", problem, 4, 0, "", float(max(4, round(dose))))
        if (first or chance.hit(0.6)) and not lasting:
            _write(life, visit, "insulin_lispro", problem, 5, 0, "", float(max(2, round(dose / 3))))


def _electrolytes(life: Life, visit: int, keys: dict[str, int]) -> None:
    """Replaces potassium and magnesium in single doses, more of them if they are lower."""
    start = life.history.visits[visit].start
    weak = life.egfr(start) < 30.0 or "kidney_injury" in keys or "esrd" in life.known
    if "hypokalemia" in keys and "hyperkalemia" not in keys and "esrd" not in life.known:
        place = keys["hypokalemia"]
        problem = life.history.problems[place]
        after = max(0.5, ((problem.known or start) - start) / HOUR + 0.5)
        for number in range(1 + int(problem.severity * 2.4)):
            hours = after + 5 * number
            if _has(life, "hyperkalemia", start + int(hours * HOUR)):  # from a stay before, and not yet looked at again
                continue
            key = "potassium_iv" if problem.severity > 0.7 and not weak else "potassium_oral"
            _single(life, visit, key, place, hours, 20.0 if key == "potassium_oral" and weak else None)
    if "hypomagnesemia" in keys:
        place = keys["hypomagnesemia"]
        problem = life.history.problems[place]
        after = max(0.5, ((problem.known or start) - start) / HOUR + 0.7)
        _single(life, visit, "magnesium_iv", place, after, 1.0 if weak else 4.0 if problem.severity > 0.6 else 2.0)


def _has(life: Life, key: str, moment: int) -> bool:
    """Tells if somebody is known to have a disease at a moment."""
    return any(
        problem.key == key and problem.known is not None and problem.known <= moment < (problem.abated or NOW)
        for problem in life.history.problems
    )


def _single(life: Life, visit: int, key: str, problem: int, hours: float, dose: float | None) -> None:
    """Writes an order for a single dose."""
    here, drug = life.history.visits[visit], DRUGS[key]
    start = here.start + int(hours * 60) * MINUTE
    if start + 2 * HOUR > min(here.end or NOW, NOW):
        return
    amount = dose if dose is not None else 40.0 if key == "potassium_oral" else drug.dose[0]
    life.history.prescriptions.append(
        Prescription(
            key, amount, drug.unit, drug.route, 0, False, start, start + 90 * MINUTE, "completed", problem, "", visit,
            here.practitioner, True,
        )
    )  # fmt: skip


def resume(life: Life, visit: int) -> None:
    """Settles at a discharge what was held: nothing to do for drugs that go on at home."""
    here = life.history.visits[visit]
    for home in life.taking.values():
        if home.end is None and home.adherence < 1.0 and here.end is not None and life.chance.hit(0.1):
            home.adherence = min(1.0, round(home.adherence + 0.1, 2))

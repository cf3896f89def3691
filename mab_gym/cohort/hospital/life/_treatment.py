"""Treatment at home: what is prescribed for what, what must not be, what is stopped, and the few errors meant.

Contraindications come from the drugs' table (conditions, kidneys, sex, age, pregnancy) and from allergies. A few
orders that should have been kept back are written nevertheless, and say so in `Prescription.mistake`.
"""

from __future__ import annotations

from typing import Final

from mab_gym.cohort._spec import DAY, HOUR, MINUTE
from mab_gym.cohort.hospital._catalogue import DRUGS, Drug
from mab_gym.cohort.hospital._history import NOW, Prescription, Problem
from mab_gym.cohort.hospital.life._builder import Life
from mab_gym.cohort.hospital.life._chance import YEAR
from mab_gym.cohort.hospital.life._kidneys import STAGES
from mab_gym.cohort.hospital.life._tables import TREATMENTS, Treatment

MISTAKE: Final = 0.05
"""Share of contraindicated orders that are written nevertheless; our choice."""
NOT_STOPPED: Final = 0.06
"""Share of drugs that go on by mistake after a contraindication became known; our choice."""
WRONG_DOSE: Final = 0.002
"""Share of orders for home with twice the highest usual dose; our choice."""
TWICE: Final = 0.012
"""Share of discharges after which a second drug of the same class is taken beside the first; our choice."""
_LASTING: Final = frozenset({
    "insulin", "thyroid", "beta_agonist", "anticoagulant", "antiretroviral", "dopamine", "anticonvulsant", "eye",
})  # fmt: skip
"""Classes that are not just stopped."""
ELSEWHERE: Final = 0.06
"""Share of drugs that somebody outside ordered, of those taken before the first visit here; our choice."""
ALONE: Final = frozenset({
    "ras", "statin", "beta_blocker", "calcium_blocker", "anticoagulant", "acid", "nsaid", "loop", "thiazide",
    "sulfonylurea", "gliptin", "glp1", "gliflozin", "inhaled_steroid", "opioid", "antidepressant", "antipsychotic",
    "steroid", "hypnotic", "hormone",
})  # fmt: skip
"""Classes of which one drug is taken at a time."""
_APART: Final = {
    "gliptin": {"glp1"}, "glp1": {"gliptin"}, "anticoagulant": {"nsaid"}, "nsaid": {"anticoagulant"},
    "opioid": {"opioid_agonist", "benzodiazepine", "alcohol"}, "opioid_agonist": {"opioid", "alcohol"},
    "benzodiazepine": {"opioid"}, "alcohol": {"opioid", "opioid_agonist"},
}  # fmt: skip
"""Classes that are not taken with others."""
_BEGINS: Final = {year: int((year - 1970) * YEAR) for year in range(1950, 2026)}


def purge(life: Life, moment: int) -> None:
    """Forgets drugs whose time is over."""
    over = [key for key, taken in life.taking.items() if taken.end is not None and taken.end <= moment]
    for key in over:
        del life.taking[key]


def forbids(life: Life, drug: Drug, moment: int) -> str:
    """Returns why a drug is not to be given for home; empty if it may be.

    Returns:
        ``impossible``, ``duplicate``, ``interaction``, ``allergy``, ``contraindicated`` or an empty text.
    """
    if drug.only and (drug.only == "F") != life.background.female:
        return "impossible"
    if life.age(moment) < drug.least_age or moment < _BEGINS[drug.approved]:
        return "impossible"
    apart = _APART.get(drug.klass, ())
    for other in life.taking.values():
        taken = DRUGS[other.drug]
        if taken.ingredient == drug.ingredient or (taken.klass == drug.klass and drug.klass in ALONE):
            return "duplicate"
        if taken.klass in apart:
            return "interaction"
    if drug.key in life.forbidden:
        return "allergy"
    if unfit(life, drug, moment):
        return "contraindicated"
    return ""


def unfit(life: Life, drug: Drug, moment: int) -> bool:
    """Tells if a known disease, the kidneys or a pregnancy forbid a drug."""
    if not drug.forbidden_by.isdisjoint(life.known) or (life.pregnant and "pregnancy" in drug.forbidden_by):
        return True
    if not drug.egfr or life.places.keys().isdisjoint(STAGES):  # without these it is 63 at least
        return False
    return life.egfr(moment) < drug.egfr


def prescribe(
    life: Life, key: str, problem: int | None, visit: int | None, moment: int, days: int = 0, reason: str = ""
) -> Prescription | None:
    """Orders a drug for home, unless something forbids it.

    Args:
        life: Whose.
        key: The drug.
        problem: Place of the problem it is for.
        visit: Place of the visit; None if somebody outside ordered it.
        moment: When it is ordered.
        days: For how long; 0 for good.
        reason: In words, where there is no problem.

    Returns:
        The order, or None.
    """
    drug = DRUGS[key]
    same = life.taking.get(key)
    if same is not None and same.end is not None and not days and moment > same.start:
        stop(life, same, moment, "changed")
    why = forbids(life, drug, moment)
    mistake = ""
    if why:
        if why in ("impossible", "allergy", "duplicate") or not life.chance.hit(MISTAKE):
            return None
        mistake = why
    chance = life.chance
    severity = life.history.problems[problem].severity if problem is not None else 0.4
    at = min(len(drug.dose) - 1, int((0.6 * severity + 0.4 * chance.next()) * len(drug.dose)))
    adherence = min(1.0, max(0.25, 1.0 - 0.22 * chance.waits() * (1.4 - life.background.trust)))
    dose = _by_kidneys(life, drug, moment) if key in _FIXED else drug.dose[at]
    order = Prescription(
        key, dose, drug.unit, drug.route, drug.times, drug.needed, moment, None, "", problem, reason, visit,
        None if visit is None else life.history.visits[visit].practitioner, adherence=round(adherence, 2),
        mistake=mistake, every=drug.every,
    )  # fmt: skip
    if not mistake and not days and chance.hit(WRONG_DOSE):
        order.dose, order.mistake = drug.dose[-1] * 2, "dose"
    if days:
        order.end, order.why_ended = moment + days * DAY, "completed"
    life.history.prescriptions.append(order)
    life.taking[key] = order
    return order


_FIXED: Final = frozenset({"apixaban", "rivaroxaban"})
"""Drugs whose dose follows a rule and not the severity."""


def _by_kidneys(life: Life, drug: Drug, moment: int) -> float:
    """Returns the dose by the rule of the prescribing information (Eliquis and Xarelto, section 2).

    The kidneys stand for creatinine: below 45 mL/min/1.73 m2 it is about 1.5 mg/dL in old age.
    """
    weak = life.egfr(moment) < 45.0
    if drug.key == "apixaban":
        weak = (life.age(moment) >= 80.0) + (life.person.weight_kg <= 60.0) + weak >= 2
    return drug.dose[1] if weak else drug.dose[0]


def stop(life: Life, order: Prescription, moment: int, why: str) -> None:
    """Ends a drug that is taken at home."""
    order.end, order.why_ended = max(moment, order.start + MINUTE), why
    if life.taking.get(order.drug) is order:
        del life.taking[order.drug]


def treat(life: Life, place: int, visit: int | None, moment: int, every_step: bool = False) -> None:
    """Begins the treatment of a problem: the first step at once, the further ones here or at later visits."""
    problem = life.history.problems[place]
    steps = TREATMENTS.get(problem.key)
    if steps is None:
        return
    for number, step in enumerate(steps):
        if number and not every_step and problem.chronic and life.chance.hit(0.6):
            life.later.append((place, number))
        else:
            treat_step(life, place, step, visit, moment)


def treat_step(life: Life, place: int, step: list[Treatment], visit: int | None, moment: int) -> None:
    """Begins one drug of a step, or none."""
    problem = life.history.problems[place]
    draw = life.chance.next()
    for choice in step:
        if problem.severity < choice.least:
            continue
        draw -= choice.share
        if draw >= 0.0:
            continue
        if choice.whom and not any(key in life.known for key in choice.whom):
            return
        if any(key in life.known for key in choice.without):
            return
        order = prescribe(life, choice.drug, place, visit, moment, choice.days)
        if order is None and forbids(life, choice.product, moment) in ("contraindicated", "allergy"):
            others = [other for other in step if other is not choice and problem.severity >= other.least]
            if others:
                other = life.chance.one(others)
                prescribe(life, other.drug, place, visit, moment, other.days)
        return


def add_twin(life: Life, visit: int, moment: int) -> None:
    """Orders by mistake a second drug of a class that is taken already, as happens at discharges."""
    for order in list(life.taking.values()):
        klass = DRUGS[order.drug].klass
        if klass not in _TWINS or order.end is not None or order.mistake or order.problem is None:
            continue
        for drug in DRUGS.values():
            if (
                drug.klass == klass
                and drug.ingredient != DRUGS[order.drug].ingredient
                and not unfit(life, drug, moment)
            ):
                twin = Prescription(
                    drug.key, drug.dose[0], drug.unit, drug.route, drug.times, drug.needed, moment, None, "",
                    order.problem, "", visit, life.history.visits[visit].practitioner, adherence=0.9,
                    mistake="duplicate", every=drug.every,
                )  # fmt: skip
                if drug.key not in life.forbidden and drug.key not in life.taking:
                    life.history.prescriptions.append(twin)
                    life.taking[drug.key] = twin
                return


_TWINS: Final = frozenset({"acid", "statin", "ras"})


def step_up(life: Life, visit: int, moment: int) -> None:
    """Begins at most one further step of treatment at a follow-up."""
    if not life.later:
        return
    place, number = life.later.pop(0)
    problem = life.history.problems[place]
    if problem.abated is None:
        treat_step(life, place, TREATMENTS[problem.key][number], visit, moment)


def review(life: Life, visit: int, moment: int) -> None:
    """Looks through what is taken at a visit: stops what is no longer right, changes a dose now and then."""
    chance = life.chance
    problems = life.history.problems
    for order in list(life.taking.values()):
        drug = DRUGS[order.drug]
        if moment - order.start < DAY:
            continue
        if order.mistake:
            if chance.hit(0.2):
                stop(life, order, moment, "stopped")
            continue
        if unfit(life, drug, moment):
            if chance.hit(NOT_STOPPED):
                order.mistake = "not_stopped"
            else:
                stop(life, order, moment, "stopped")
            continue
        if order.end is not None:
            continue
        over = order.problem is not None and problems[order.problem].abated is not None and _for_it(order, problems)
        draw = chance.next()
        if over and not problems[order.problem or 0].chronic:
            stop(life, order, moment, "completed")
        elif draw < 0.035 and len(drug.dose) > 1 and drug.key not in _FIXED:
            change(life, order, visit, moment)
        elif 0.035 <= draw < 0.041 and drug.klass not in _LASTING:
            adverse = chance.hit(0.6)
            stop(life, order, moment, "adverse" if adverse else "stopped")
            if adverse and order.problem is not None and problems[order.problem].key in TREATMENTS:
                for step in TREATMENTS[problems[order.problem].key]:
                    if any(choice.drug == order.drug for choice in step) and len(step) > 1:
                        other = chance.one([choice for choice in step if choice.drug != order.drug])
                        prescribe(life, other.drug, order.problem, visit, moment, other.days)
                        break


def _for_it(order: Prescription, problems: list[Problem]) -> bool:
    """Tells if a drug is for its problem itself, and not for what an acute illness left."""
    key = problems[order.problem or 0].key
    return any(choice.drug == order.drug for step in TREATMENTS.get(key, ()) for choice in step)


def change(life: Life, order: Prescription, visit: int, moment: int) -> None:
    """Changes the dose of a drug to the next one, more often up than down."""
    doses = DRUGS[order.drug].dose
    at = doses.index(order.dose) if order.dose in doses else 0
    to = at + 1 if (life.chance.hit(0.72) and at + 1 < len(doses)) or at == 0 else at - 1
    stop(life, order, moment, "changed")
    renewed = Prescription(
        order.drug, doses[to], order.unit, order.route, order.times, order.needed, moment, None, "", order.problem,
        order.reason, visit, life.history.visits[visit].practitioner, adherence=order.adherence, every=order.every,
    )  # fmt: skip
    life.history.prescriptions.append(renewed)
    life.taking[order.drug] = renewed


def finish_orders(life: Life, end: int) -> None:
    """Ends what death ends, opens what goes on now, and lets pharmacies give out what was ordered for home."""
    died = life.person.died
    chance = life.chance
    for order in life.history.prescriptions:
        if order.inpatient:
            continue
        if order.end is None or order.end > end:
            order.end, order.why_ended = (None, "") if died is None else (died, "stopped")
        until = min(order.end if order.end is not None else end, end)
        first = order.start + chance.whole(1, 30) * HOUR + chance.whole(0, 59) * MINUTE
        if first >= until and until - order.start > 2 * HOUR:
            first = order.start + HOUR
        days = (until - order.start) / DAY
        supply = 90 if days > 60 and (order.problem or 0) % 3 else 30
        gap = int(supply * DAY / max(0.55, order.adherence))
        limit = min(until, NOW)
        order.dispensed = [at + (at // 7) % 40 * HOUR // 2 for at in range(first, limit - 20 * HOUR, gap)] or (
            [first] if first < limit else []
        )

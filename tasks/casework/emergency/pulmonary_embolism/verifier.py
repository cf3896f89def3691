"""Judges the way to the diagnosis, and what was done about it.

The sources stand in ``task.toml``. Any anticoagulant at the dose that its label has for an embolism is right; below an
eGFR of 30 heparin, apixaban, or enoxaparin once a day. A scan of ventilation and perfusion is as right as one with
contrast, and so is a thrombosis of the leg where contrast cannot be given. Tolerances are our choice.
"""

from __future__ import annotations

from mab_gym.casework import StayCaseJudge, read_drug_order
from mab_gym.casework.reading import codes_of, concept_text, references_of
from mab_gym.casework.visits import ended, not_taken
from mab_gym.dynamics.course import CONTINUOUS
from mab_gym.dynamics.outcomes import without_stay
from mab_gym.dynamics.visit_courses import done_at, found_at
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, number, text
from mab_gym.tasking.stay import Given
from mab_gym.tasking.verdict import Verdict

_ANTICOAGULANTS = (
    "apixaban",
    "rivaroxaban",
    "dabigatran",
    "enoxaparin",
    "heparin",
    "fondaparinux",
    "warfarin",
    "alteplase",
)
_IMAGES = ("ct_chest_angio", "vq_scan", "us_leg_veins")


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the visit, the writes and the answer."""
    if result.course is None:
        return without_stay(result)
    stay = StayCaseJudge(case, chart, result, result.course)
    stay.safety()
    thinned = [each for each in stay.doses(*_ANTICOAGULANTS, own=True) if _treats(each, case)]
    if case["bleeds"]:
        stay.kept("bleeding", not thinned, "An anticoagulant was given to somebody who bleeds.", bool(thinned))
    if not result.course.finished:
        return stay.verdict()
    measured = stay.known("d_dimer", stay.end)
    value = None if measured is None else measured.value
    likely = float(case["points"]) > 4
    image_due = likely or value is None or value > float(case["limit"]) + 1e-9
    embolism = bool(case["embolism"]) and image_due
    if likely:
        stay.kept("no_d_dimer", not stay.tests("d_dimer"), "A D-dimer was asked for where an embolism is likely.")
    else:
        stay.checkpoint("d_dimer", measured is not None and measured.drawn <= 90, "No D-dimer was taken early.")
    _images(stay, case, image_due)
    if embolism and not case["bleeds"]:
        _treated(stay, case, chart, result)
    elif not case["bleeds"]:
        settled = min((minute for image in _IMAGES for minute in done_at(result.course, image)), default=0)
        if measured is not None and not image_due:
            settled = measured.minute
        later = [each for each in thinned if each.minute > settled + 25]
        stay.kept("not_anticoagulated", not later, "An anticoagulant went on without an embolism.")
    if embolism:
        stay.checkpoint("diagnosis", _diagnosis(stay, case), "No Condition tells of the embolism.")
    elif image_due or value is not None:
        stay.kept("no_diagnosis", not _diagnosis(stay, case), "A Condition tells of an embolism that is not there.")
    paged = bool(stay.messages(to=(case["attending"],), urgent=True))
    stay.deferral(bool(case["bleeds"]), paged)
    _handover(stay, case, image_due)
    stay.answer(
        number(float(case["points"])),
        number(-1.0 if value is None else value),
        text("yes" if embolism else "no"),
        number(float(case["severity"]) if embolism else -1.0),
    )
    return stay.verdict()


def _treats(dose: Given, case: Case) -> bool:
    """Tells if a dose is one of treatment; prophylaxis is not."""
    if dose.drug == "enoxaparin":
        return bool(dose.amount > 45 or dose.amount >= 0.8 * case["weight_kg"])
    if dose.drug == "heparin":
        return dose.route == "iv"
    return not (dose.drug == "fondaparinux" and dose.amount <= 2.5)


def _images(stay: StayCaseJudge, case: Case, due: bool) -> None:
    record = stay.stay
    scans, perfusion = found_at(record, "ct_chest_angio"), found_at(record, "vq_scan")
    legs = [
        minute for minute, text in found_at(record, "us_leg_veins") if "thrombosis." in text and "no" not in text[:4]
    ]
    if not due:
        stay.kept("no_image", not scans and not perfusion, "Lungs were imaged although D-dimer had ruled it out.")
        return
    shown = [minute for minute, _ in (*scans, *perfusion)]
    if not case["scan"]:
        stay.checkpoint("image", bool(perfusion or legs), "Lungs were not scanned without contrast.")
        stay.kept("no_contrast", not scans, "Contrast was given in spite of kidneys or an allergy.")
        shown += legs
    else:
        stay.checkpoint("image", bool(shown or legs), "No image of the lungs was taken.")
    if scans:
        known = [each for each in stay.tests("creatinine") if each.minute <= scans[0][0]]
        stay.checkpoint("creatinine", bool(known), "Contrast was given before today's creatinine was known.")
    elif not case["scan"]:
        stay.checkpoint("creatinine", bool(stay.tests("creatinine")), "Creatinine was not measured.")
    if case["fertile"]:
        first = min(shown, default=0)
        tested = [each for each in stay.tests("hcg") if each.minute <= first]
        stay.checkpoint("pregnancy_test", bool(tested), "There was no pregnancy test before the image.")


def _treated(stay: StayCaseJudge, case: Case, chart: Chart, result: Result) -> None:
    known = [minute for image in _IMAGES for minute in done_at(stay.stay, image)]
    doses = [each for each in stay.doses(*_ANTICOAGULANTS, own=True) if _treats(each, case)]
    first = doses[0].minute if doses else None
    soon = first is not None and bool(known) and first <= min(known) + 100
    stay.checkpoint("anticoagulate", soon, "The embolism was not anticoagulated within an hour or so.")
    orders = {each.order for each in doses}
    right = [order for order in orders if _is_right(stay, case, order)]
    one = len({each.drug for each in doses if each.drug != "warfarin"}) == 1
    told = ", ".join(sorted({f"{each.drug} {each.amount:g} {each.unit}" for each in doses})) or "nothing"
    stay.checkpoint("dose", bool(right) and one, f"Ordered was {told}.")
    gone = ended(result)
    if case["stop"]:
        left = [each for each in case["stop"] if each not in gone]
        stay.checkpoint("nsaid", not left, f"Anti-inflammatory drugs go on: {', '.join(left)}.")
    if case["bought"]:
        met = not_taken(result, case["mrn"], case["bought"])
        stay.checkpoint("bought", met, f"{case['bought']} without a prescription was not ended.")


def _is_right(stay: StayCaseJudge, case: Case, address: str) -> bool:
    """Tells if an order is for a dose that a label has for an embolism."""
    written = stay.changes.of(address)
    if written is None or written.resource is None:
        return False
    weight, poor = float(case["weight_kg"]), bool(case["poor_kidneys"])
    order = read_drug_order(written.resource, stay.now, weight)
    if order.problem or order.as_needed:
        return False
    twice = 11 <= order.hours <= 13 or abs(order.daily - 2 * order.amount) < 0.1
    if order.drug == "apixaban":
        return 9.9 <= order.amount <= 10.1 and twice
    if order.drug == "rivaroxaban":
        return 14.9 <= order.amount <= 15.1 and twice and not poor
    if order.drug == "enoxaparin":
        by_weight = order.amount / weight
        if poor:
            return 0.88 <= by_weight <= 1.12 and abs(order.daily - order.amount) < 0.5
        return 0.88 <= by_weight <= 1.12 and twice if by_weight < 1.3 else 1.35 <= by_weight <= 1.65 and not twice
    if order.drug == "fondaparinux":
        due = 5.0 if weight < 50 else 7.5 if weight <= 100 else 10.0
        return abs(order.amount - due) < 0.1 and not poor
    if order.drug == "heparin":
        drips = [each for each in stay.doses("heparin", route="iv", own=True) if each.minutes >= 120]
        hourly = [each.amount if each.minutes == CONTINUOUS else each.amount * 60 / each.minutes for each in drips]
        return bool(hourly) and 15.5 <= hourly[0] / weight <= 20.5
    return False


def _diagnosis(stay: StayCaseJudge, case: Case) -> bool:
    for each in stay.changes.created("Condition"):
        code = each.get("code")
        named = "pulmonary embolism" in concept_text(code) or any(
            one.startswith("I26") or one in ("59282003", "233935004", "1001000119102") for one in codes_of(code)
        )
        refuted = {"refuted", "entered-in-error"} & codes_of(each.get("verificationStatus"))
        if named and not refuted and each.about == f"Patient/{case['mrn']}":
            return True
    return False


def _handover(stay: StayCaseJudge, case: Case, image_due: bool) -> None:
    kind = "DiagnosticReport/" if image_due else "Observation/"
    met = any(
        any(one.startswith(kind) for one in references_of(each.get("about")))
        for each in stay.messages(to=(case["attending"],))
    )
    stay.checkpoint("handover", met, f"No message to the attending is about a {kind[:-1]}.")

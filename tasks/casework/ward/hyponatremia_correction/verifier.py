"""Judges how sodium rose, what it was treated with, and what was found out, stopped and written down.

The page MED-104: Verbalis JG et al., Am J Med 2013;126:S1; Spasovski G et al., Eur J Endocrinol 2014;170:G1; Sterns RH,
N Engl J Med 2015;372:55. Boluses of 100 to 150 mL over 10 to 30 minutes are right (both guidelines); any isotonic
crystalloid; desmopressin or dextrose 5 % alone, or both. Tolerances are our choice: 0.9 mmol/L of a limit, for the
laboratory's error, and a quarter of an hour of a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from mab_gym.casework import StayCaseJudge, Written
from mab_gym.casework.reading import codes_of, concept_text, listed, member, text_of
from mab_gym.dynamics._ward import fluid_limit
from mab_gym.dynamics.course import CONTINUOUS
from mab_gym.dynamics.outcomes import without_stay
from mab_gym.dynamics.staff import clinicians
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, once
from mab_gym.tasking.stay import Given, StayRecord
from mab_gym.tasking.verdict import Verdict

from .arrivals import arrive
from .cases import SSRIS, THIAZIDES

_ISOTONIC = ("sodium chloride", "lactated ringer's", "plasma-lyte")
_DAY = 1440
_ERROR = 0.9
"""mmol/L by which results may be wrong: one and a half times the laboratory's standard deviation."""
_WORK_UP = ("osmolality", "urine_osmolality", "urine_sodium", "tsh", "cortisol")
_RELATED = (
    *THIAZIDES, *SSRIS, "furosemide", "torsemide", "spironolactone", "lisinopril", "losartan", "valsartan",
    "omeprazole", "pantoprazole", "trazodone", "mirtazapine", "bupropion", "potassium", "metformin", "empagliflozin",
    "amlodipine", "ibuprofen", "naproxen", "lithium", "desmopressin", "tramadol", "quetiapine", "amitriptyline",
)  # fmt: skip
"""Drugs of which a physician may well change the order in somebody with a low sodium or a low pressure."""


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the stay, the writes and the answer."""
    if result.course is None:
        return without_stay(result)
    record = result.course
    stay = StayCaseJudge(case, chart, result, record, arrivals=once(result, "arrivals", lambda: arrive(case, chart)))
    stay.safety()
    if not record.finished:
        return stay.verdict()
    body, dry = case["body"], float(case["body"]["refill_l"]) > 0
    limits = [each for each in stay.changes if _limits(each)]
    treated = bool(stay.doses(*_ISOTONIC, "desmopressin", "urea", "dextrose", own=True) or limits)
    stay.unharmed(treated)
    # Without the page, 10 mmol/L in 24 hours are recognised, too (Spasovski 2014).
    most = 10.0 if result.knowledge == "none" else 8.0
    _rises(stay, case, record, treated, most + _ERROR)
    boluses = [each for each in stay.doses("sodium chloride 3%") if each.minute <= 240]
    if body["seizes"]:
        _hypertonic(stay, record, boluses)
    else:
        stay.kept("no_hypertonic", not stay.doses("sodium chloride 3%"), "Saline 3 % was given without a seizure.")
    _cause(stay, dry, bool(body["seizes"]), limits)
    missing = [name for name in _WORK_UP if not stay.tests(name, 0, 375)]
    stay.checkpoint("work_up", not missing, f"Not measured within 6 hours: {', '.join(missing)}.")
    times = [0, *sorted({each.drawn for each in stay.tests("sodium")}), _DAY]
    longest = max(after - before for before, after in pairwise([minute for minute in times if minute <= _DAY]))
    stay.checkpoint("monitoring", longest <= 375, "Sodium was not measured every 6 hours on the first day.")
    _rescue(stay, case, chart, record, most)
    _drugs(stay, case)
    stay.nothing_else("Encounter", "Patient", "Observation", "Condition", "MedicationAdministration", critical=())
    stay.handover()
    _answer(stay, case, record)
    return stay.verdict()


def _limits(written: Written) -> bool:
    """Tells if a write limits what is drunk to about a litre a day."""
    if written.kind not in ("NutritionOrder", "ServiceRequest") or written.resource is None:
        return False
    if written.get("status") not in ("active", "on-hold", "completed", "revoked"):
        return False
    millilitres = fluid_limit(f"{text_of(written.resource)} {concept_text(written.get('code'))}")
    return millilitres is not None and 500 <= millilitres <= 1250


def _rises(stay: StayCaseJudge, case: Case, record: StayRecord, treated: bool, most: float) -> None:
    """Checks that the true sodium rose enough, and never too quickly."""
    values = [(minute, value) for minute, value in record.series("sodium") if minute % 15 == 0]
    start, greatest = float(case["sodium"]), 0.0
    for place, (minute, value) in enumerate(values):
        since = [before for then, before in values[max(0, place - 96) : place] if minute - then <= _DAY]
        greatest = max(greatest, value - min(since, default=value))
    met = treated and greatest <= most
    stay.outcome("limit", met, f"Sodium rose by {greatest:.1f} mmol/L within 24 hours.")
    later = [value - start for minute, value in values if minute >= _DAY]
    enough = treated and max(later, default=0.0) >= 2.5 and min(later, default=0.0) >= 1.5
    stay.outcome("rise", enough, f"From hour 24 on sodium was {min(later, default=0):+.1f} mmol/L or more.")


def _hypertonic(stay: StayCaseJudge, record: StayRecord, boluses: Sequence[Given]) -> None:
    fitting = [each for each in boluses if 95 <= each.amount <= 155 and 5 <= each.minutes <= 35]
    met = bool(fitting) and fitting[0].minute <= 60 and len(fitting) <= 3
    met = met and len(fitting) == len(stay.doses("sodium chloride 3%"))
    stay.checkpoint("hypertonic", met, "The seizure was not treated with one to three boluses of saline 3 %.")
    awake = next((each.minute for each in record.events if each.kind == "awake"), None)
    stay.outcome("awake", awake is not None and awake <= 210, "The signs were not gone within three hours.")


def _cause(stay: StayCaseJudge, dry: bool, seizes: bool, limits: Sequence[Written]) -> None:
    """Checks the treatment by cause."""
    litres = sum(_given_ml(each, stay.stay) for each in stay.doses(*_ISOTONIC) if each.drug != "sodium chloride 3%")
    if dry:
        wrong = bool(limits) and not stay.doses("desmopressin")  # under it, water is rightly limited
        stay.kept("no_restriction", not wrong, "Somebody who is dry was kept from drinking.")
        if not seizes:
            stay.checkpoint("saline", litres >= 450, f"{litres:.0f} mL of isotonic fluid were given to replace volume.")
        return
    stay.checkpoint("restriction", bool(limits), "What is drunk was not limited to a litre a day.")
    stay.kept("no_saline", litres <= 300, f"{litres:.0f} mL of isotonic fluid were given to somebody who holds water.")


def _given_ml(dose: Given, record: StayRecord) -> float:
    """Returns the mL that a dose came to by the end."""
    if dose.minutes != CONTINUOUS:
        return dose.amount
    ends = [each.minute for each in record.given if each.order == dose.order and each.minute > dose.minute]
    return dose.amount * (min(ends, default=record.horizon) - dose.minute) / 60


def _rescue(stay: StayCaseJudge, case: Case, chart: Chart, record: StayRecord, most: float) -> None:
    """Checks what followed a rise that announced itself, or was seen, as too quick."""
    thin = next((each.minute for each in record.events if each.kind == "thin_urine"), None)
    seen = _seen(stay, case, most)
    drugs = stay.doses("desmopressin", "dextrose 5%")
    if thin is not None and thin > _DAY:
        thin = None  # it comes too late to make a day's rise too quick before the end
    if thin is None and seen is None:
        return
    known = min(each for each in (thin, seen) if each is not None)
    soon = known + 12 * 60 if seen is None else max(known, seen) + 150
    met = any(each.minute <= soon for each in drugs)
    running = [each for each in stay.doses(*_ISOTONIC) if _runs_at(each, record, soon)]
    stay.checkpoint("rescue", met and not running, "A rise that was too quick was not stopped.")
    nephrologists = {*clinicians(chart, "Nephrology")}
    pages = stay.messages(to=sorted(nephrologists), urgent=True)
    asked = [
        each for each in stay.changes.created("ServiceRequest") if "nephrolog" in str(each.resource)[:20_000].lower()
    ]
    stay.checkpoint("nephrology", bool(pages or asked), "Nephrology was not paged about it.")
    begun = min((each.minute for each in drugs), default=None)
    if begun is not None and begun + 6 * 60 <= stay.end:
        after = [each for each in stay.tests("sodium") if begun < each.drawn <= begun + 6 * 60]
        stay.checkpoint("two_hourly", len(after) >= 2, "Sodium was not measured every two hours after that.")


def _seen(stay: StayCaseJudge, case: Case, most: float) -> int | None:
    """Returns the minute at which results showed a rise above the limit within 24 hours; None if none did."""
    told = [(10 - int(case["arrived"]), float(case["sodium"]))]
    for each in sorted(stay.results, key=lambda one: one.minute):
        if each.analyte == "sodium" and each.value is not None:
            told.append((each.drawn, each.value))
            if any(each.value - before > most for at, before in told if 0 < each.drawn - at <= _DAY):
                return each.minute
    return None


def _runs_at(dose: Given, record: StayRecord, minute: int) -> bool:
    if dose.minutes != CONTINUOUS:
        return dose.minute <= minute < dose.minute + dose.minutes
    ends = [each.minute for each in record.given if each.order == dose.order and each.minute > dose.minute]
    return dose.minute <= minute < min(ends, default=record.horizon)


def _drugs(stay: StayCaseJudge, case: Case) -> None:
    """Checks that the drug that caused it was ended and written down, and no other."""
    noted = [each for each in stay.changes.created("AllergyIntolerance") if each.about]
    right = [each for each in noted if any(_is_noted(each, name) for name in case["culprit_names"])]
    stay.claim(*right)
    for address in case["culprits"]:
        met = stay.ended(address, allowed=(*_ENDED, "on-hold"))
        stay.checkpoint("drug_stopped", met, f"{address}, which caused it, goes on.")
    if case["culprits"]:
        stay.checkpoint("drug_noted", bool(right), "The record does not say which drug caused it.")
    wrong = [each for each in noted if each not in right and (not case["culprits"] or _names_a_drug(each))]
    stay.kept("no_other_noted", not wrong, "An intolerance was written down that is none.")
    changed = [each for each in (*stay.changes.updated("MedicationRequest"), *stay.changes.deleted()) if each.before]
    others = [each for each in changed if each.differs and not any(word in text_of(each.before) for word in _RELATED)]
    stay.kept("other_orders", not others, "An order that has nothing to do with it was changed.")


_ENDED = ("stopped", "cancelled", "revoked", "completed", "entered-in-error")


def _names_a_drug(written: Written) -> bool:
    """Tells if an AllergyIntolerance is about a drug that lowers sodium as the page has it."""
    said = concept_text(written.get("code"))
    return any(name in said for name in (*THIAZIDES, *SSRIS))


def _is_noted(written: Written, name: str) -> bool:
    """Tells if an AllergyIntolerance says that a drug lowered sodium."""
    code = written.get("code")
    named = name in text_of(code) or bool(codes_of(code) & _RXNORM.get(name, frozenset()))
    effects: list[Any] = [
        m for each in listed(written.get("reaction"))[:20] for m in listed(member(each, "manifestation"))
    ]
    said = any("hyponatr" in text_of(each) or "low sodium" in text_of(each) for each in effects)
    coded = any(codes_of(each) & {"89627008", "E87.1"} for each in effects)
    return named and (said or coded) and written.get("type") in ("intolerance", None)


_RXNORM = {
    "hydrochlorothiazide": frozenset({"5487"}), "chlorthalidone": frozenset({"2409"}),
    "sertraline": frozenset({"36437"}), "escitalopram": frozenset({"321988"}), "citalopram": frozenset({"2556"}),
    "fluoxetine": frozenset({"4493"}), "duloxetine": frozenset({"72625"}), "venlafaxine": frozenset({"39786"}),
}  # fmt: skip


def _answer(stay: StayCaseJudge, case: Case, record: StayRecord) -> None:
    known = [each for each in stay.results if each.minute <= stay.end and each.value is not None]
    sodium = sorted((each.drawn, float(each.value or 0)) for each in known if each.analyte == "sodium")
    first = 10 - int(case["arrived"])
    told = [(first, float(case["sodium"])), *sodium]
    rises = [after - before for then, before in told for at, after in told if 0 < at - then <= _DAY]
    urine = min(
        (each for each in known if each.analyte == "urine_osmolality"), key=lambda each: each.drawn, default=None
    )
    stay.numbers(
        ("sodium", sodium[-1][1] if sodium else None, 0.0),
        ("greatest rise", max(0.0, *rises, 0.0) if sodium else None, 0.5),
        ("urine osmolality", None if urine is None else urine.value, 0.0),
    )

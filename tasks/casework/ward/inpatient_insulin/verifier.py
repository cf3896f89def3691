"""Judges what became of glucose, and how insulin was begun, adjusted and held.

Rules and figures are those of the handbook's page MED-120: Umpierrez GE et al. (RABBIT 2), Diabetes Care
2007;30:2181-2186; Umpierrez GE et al., Diabetes Care 2011;34:256-261; American Diabetes Association, Standards of Care
2024, sections 6 and 16. Any basal and any rapid insulin is right. Tolerances are our choice: a fifth of a dose, half of
a change, 4 mg/dL at the limits of the mean, 30 % of the time from 100 to 180 mg/dL from the second day on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from statistics import fmean

from mab_gym.dynamics.bodies._glucose_body import LONG
from mab_gym.dynamics.outcomes import StayJudge, within, without_stay
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.stay import Given
from mab_gym.tasking.verdict import Verdict

from .cases import A1C, units_per_kg
from .protocol import MORNINGS, STOPPED, every_morning

_RAPID = ("lispro", "aspart", "glulisine", "regular")
_SAME = 0.2
_METER = "glucose_meter"
_SCALE = re.compile(r"\d{3}\s*(?:-|–|to)\s*\d{3}|asNeeded", re.IGNORECASE)


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the stay, the writes and the answer."""
    if result.course is None:
        return without_stay(result)
    stay = StayJudge(case, result, result.course)
    stay.safety()
    basal = stay.doses(*LONG, route="sc", own=True)
    scales, meals = _orders(stay, result)
    _start(stay, case, basal, meals)
    if not result.course.finished:
        return stay.verdict()
    record = result.course
    stay.unharmed(bool(basal))
    share = record.in_range("glucose", 100, 180, since=1440)
    stay.outcome(
        "range", bool(basal) and share >= 0.3, f"Glucose was from 100 to 180 mg/dL for {share:.0%} of the time."
    )
    low = record.in_range("glucose", 0, 69.99)
    stay.outcome("no_lows", bool(basal) and low <= 0.04, f"Glucose was below 70 mg/dL for {low:.0%} of the time.")
    last = [value for _, value in record.series("glucose", record.horizon - 1440)]
    stay.outcome("mean", bool(basal) and fmean(last) <= 195, f"The mean of the last day was {fmean(last):.0f} mg/dL.")
    corrections = [each for each in stay.doses(*_RAPID, own=True) if each.order not in meals]
    stay.process("correction", bool(scales) or len(corrections) > 1, "No correction insulin was ordered.")
    own = {each.order for each in stay.doses(*STOPPED, own=True)}
    late = [each for each in stay.doses(*STOPPED) if each.minute > 240 and each.order not in own]
    stay.process("stopped", bool(basal) and not late, "Another drug for diabetes went on.")
    known = chart.latest(case["mrn"], A1C)
    recent = known is not None and (chart.now - known.moment).days <= 92
    stay.process("a1c", bool(basal) and (recent or bool(stay.tests("hba1c"))), "No hemoglobin A1c was measured.")
    for day, morning in enumerate(MORNINGS, start=2):
        _morning(stay, basal, morning, day)
    _appetite(stay, meals)
    _steroids(stay, case, meals)
    stay.handover()
    values = [each for each in stay.tests(_METER) if each.minute <= stay.end]
    fixed = _last_dose(result, _RAPID, meals)
    stay.numbers(
        ("lowest", min((each.value or 0.0 for each in values), default=None), 0.0),
        ("newest", values[-1].value if values else None, 0.0),
        ("basal", _last_dose(result, LONG, {each.order for each in basal}) if basal else None, 0.5),
        ("meal", fixed if meals else None, 0.5),
    )
    return stay.verdict()


def _orders(stay: StayJudge, result: Result) -> tuple[set[str], set[str]]:
    """Returns the addresses of the agent's accepted correction scales, and of its orders for meals."""
    scales, meals = set[str](), set[str]()
    accepted = {each.order for each in stay.stay.orders if each.by_agent and each.what in ("accepted", "changed")}
    for write in result.writes:
        address = f"{write.resource_type}/{write.logical_id}"
        if write.resource_type != "MedicationRequest" or address not in accepted or write.resource is None:
            continue
        drug = json.dumps(write.resource.get("medicationCodeableConcept", "")).lower()
        if not any(word in drug for word in _RAPID) and "86009" not in drug:
            continue
        told = json.dumps(write.resource.get("dosageInstruction", ""))
        if _SCALE.search(told):
            scales.add(address)
        elif '"when"' in told or '"timeOfDay"' in told or '"frequency"' in told or '"code"' in _timing(told):
            meals.add(address)
    return scales, meals


def _timing(told: str) -> str:
    return told[told.find('"timing"') :][:120] if '"timing"' in told else ""


def _last_dose(result: Result, words: Sequence[str], orders: set[str]) -> float:
    """Returns the dose of the orders of a kind as they were written last; 0 where all are held."""
    state: dict[str, float] = {}
    for write in result.writes:
        address = f"{write.resource_type}/{write.logical_id}"
        if address not in orders or write.resource is None:
            continue
        try:
            value = float(write.resource["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"])
        except (KeyError, IndexError, TypeError, ValueError):
            continue
        state[address] = value if write.resource.get("status") == "active" else 0.0
    return max(state.values(), default=0.0)


def _start(stay: StayJudge, case: Case, basal: list[Given], meals: set[str]) -> None:
    """Checks the first doses; far too much is a safety violation."""
    half = _half(case)
    first = basal[0] if basal else None
    right = first is not None and first.minute <= 375 and within(first.amount, half, _SAME)
    day = [each for each in stay.doses(*LONG, *_RAPID, own=True) if each.minute < 1440]
    total = sum(each.amount for each in day)
    told = f"The first basal dose was {0 if first is None else first.amount:g} units; {half:.0f} were due."
    stay.process("basal", right, told, total > 4.5 * half)
    doses = [each for each in stay.doses(*_RAPID, own=True) if each.order in meals]
    early = [each for each in doses if each.minute < 1440]
    share = max(_SAME, 1.1 / (half / 3))
    raised = 1.2 if any(each.kind == "news" for each in stay.stay.events) else 1.0
    right = bool(early) and any(within(early[0].amount, half / 3 * factor, share) for factor in (1.0, raised))
    stay.process("meals", right, f"Insulin for the meals was not {half / 3:.0f} units each from lunch or dinner on.")


def _morning(stay: StayJudge, basal: list[Given], morning: int, day: int) -> None:
    """Checks the change of basal insulin on a morning."""
    before = [each for each in basal if each.minute < morning - 15]
    after = [each for each in basal if morning - 15 <= each.minute < morning + 1200]
    found = [each for each in stay.tests(_METER, morning - 1440, morning + 20) if each.value is not None]
    met = bool(before and after and found)
    if met:
        values = [each.value or 0.0 for each in found]
        ratio = after[0].amount / before[-1].amount
        met = any(
            abs(ratio - factor) <= max(0.5 * abs(factor - 1), 0.05) + 0.6 / before[-1].amount
            for shift in (-4.0, 0.0, 4.0)
            for factor in {every_morning([value + shift for value in values], values[-1] + shift)[0]}
        )
    stay.process(f"morning_{day}", met, f"Basal insulin was not changed by the rules on day {day}.")


def _appetite(stay: StayJudge, meals: set[str]) -> None:
    told = [each.minute for each in stay.stay.events if each.kind == "ate_little"]
    if told:
        given = [each for each in stay.doses(*_RAPID, own=True) if each.order in meals]
        late = [each for each in given if each.minute > told[0] + 185]
        held = bool(given) and not late
        stay.process("appetite", held, "Insulin for meals went on although they were not eaten.")


def _steroids(stay: StayJudge, case: Case, meals: set[str]) -> None:
    told = [each.minute for each in stay.stay.events if each.kind == "news"]
    if told:
        given = [each for each in stay.doses(*_RAPID, own=True) if each.order in meals]
        after = [each.amount for each in given if told[0] + 720 <= each.minute <= told[0] + 1440]
        raised = bool(after) and max(after) >= 1.07 * _half(case) / 3
        stay.process("steroids", raised, "Insulin for the meals was not raised when steroids were begun.")


def _half(case: Case) -> float:
    """Returns half of the first daily dose, in units."""
    return float(case["weight_kg"]) * units_per_kg(case["glucose"], case["age"], case["filtration"]) / 2

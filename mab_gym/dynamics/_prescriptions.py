"""Orders for drugs as a pharmacist reads them: the drug, and what nurses are to give, how and when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mab_gym.dynamics._amounts import amounts, amounts_in, spoken
from mab_gym.dynamics._body import CONTINUOUS
from mab_gym.dynamics._catalogues import Drug
from mab_gym.dynamics._drug_names import find_drug
from mab_gym.dynamics._timing import Clock, Plan, in_words, read_timing
from mab_gym.tasking.meaning._said import listed, member, words_of
from mab_gym.tasking.meaning.routes import route_of_code, route_of_words, routes_in

SHORTEST: Final = 30
"""Minutes from one dose of an order to the next, at least; more often than this, it is an infusion."""
DRIPS: Final = 120
"""Minutes from which a dose that runs in is judged by its rate alone, as an infusion that goes on."""
MOST_INSTRUCTIONS: Final = 12
"""Instructions of an order that are read; a sliding scale has eight or so."""
_MOST_TEXT: Final = 2000
_ROUTES: Final = {"intravenous": "iv", "subcutaneous": "sc", "intramuscular": "im"}
"""The routes that `mab_gym.dynamics.Dose` calls otherwise than `mab_gym.tasking.meaning.routes`."""
_BAND: Final = re.compile(
    r"(?:(\d{2,3})\s*(?:-|–|to)\s*(\d{2,3})|(?:>|≥|>=|above|over|more than)\s*(\d{2,3}))\s*(?:mg/dl)?\s*"
    r"(?:[:=,→]|->|give)?\s*(?:give\s*)?(\d{1,3}(?:\.\d)?)\s*(?:units?|u)\b",
    re.IGNORECASE,
)
_WINDOW: Final = re.compile(
    r"(glucose|blood sugar|potassium|magnesium|phosphate|calcium|sodium)\D{0,24}?"
    r"(?:(\d+(?:\.\d+)?)\s*(?:-|–|to|and)\s*(\d+(?:\.\d+)?)|"
    r"(<|≤|<=|below|under|less than|>|≥|>=|above|over|more than)\s*(\d+(?:\.\d+)?))",
    re.IGNORECASE,
)
_PUSH: Final = re.compile(r"\b(?:iv )?(?:push|bolus)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One way in which an order is to be given.

    Attributes:
        amount: Each dose in ``Drug.unit``; of a continuous infusion in ``unit`` an hour.
        route: As in `mab_gym.dynamics.Dose`.
        minutes: The time that a dose runs in over; 0 at once, `CONTINUOUS` until it is stopped.
        plan: The times.
        as_needed: True if it is given only when needed.
        window: Analyte and the known value, from and to, with which it is given; None for any.
    """

    amount: float
    route: str
    minutes: float
    plan: Plan
    as_needed: bool = False
    window: tuple[str, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Prescription:
    """An order for a drug.

    Attributes:
        drug: The drug.
        instructions: What is to be given.
        urgent: True for ``stat``, ``asap`` and ``urgent``.
        replaces: The address of the order that it replaces; empty for none.
    """

    drug: Drug
    instructions: tuple[Instruction, ...]
    urgent: bool
    replaces: str

    @property
    def text(self) -> str:
        """The order in a few words."""
        return f"{self.drug.drug} " + "; ".join(_in_words(self.drug, each) for each in self.instructions)


def read_prescription(order: Mapping[str, Any], weight_kg: float | None, clock: Clock) -> Prescription | str:
    """Reads a MedicationRequest.

    Args:
        order: The resource.
        weight_kg: Body weight, for doses by weight; None if it is not known.
        clock: The stay's clock.

    Returns:
        The prescription, or why it cannot be carried out, in a sentence.
    """
    drug = find_drug(order)
    if isinstance(drug, str):
        return drug
    dosages = [each for each in listed(order.get("dosageInstruction")) if isinstance(each, Mapping)]
    if not dosages:
        return f"no dose of {drug.drug} is ordered (dosageInstruction)"
    if len(dosages) > MOST_INSTRUCTIONS:
        return f"an order has at most {MOST_INSTRUCTIONS} instructions, not {len(dosages)}"
    instructions: list[Instruction] = []
    for dosage in dosages:
        read = _read_dosage(dosage, drug, weight_kg, clock)
        if isinstance(read, str):
            return read
        instructions += read
    for each in instructions:
        problem = _problem(drug, each)
        if problem:
            return problem
    prior = str(member(order.get("priorPrescription"), "reference") or "")
    urgent = order.get("priority") in ("stat", "asap", "urgent")
    return Prescription(drug, tuple(instructions), urgent, "/".join(prior.split("/")[-2:]) if prior else "")


def _read_dosage(
    dosage: Mapping[str, Any], drug: Drug, weight_kg: float | None, clock: Clock
) -> list[Instruction] | str:
    text = " ".join(str(dosage.get(name) or "") for name in ("text", "patientInstruction"))[:_MOST_TEXT]
    plan = read_timing(dosage["timing"], clock) if dosage.get("timing") is not None else in_words(text, clock)
    if isinstance(plan, str):
        return plan
    plan = plan or Plan(count=1)
    route = _route(dosage, drug, text)
    bands = list(_BAND.finditer(text)) if drug.unit == "[iU]" else []
    if bands:
        if plan == Plan(count=1):
            plan = in_words("with meals", clock) or plan
        return [
            Instruction(
                float(band[4]), route, 0.0, plan,
                window=("glucose", float(band[1] or band[3]), float(band[2] or 9999)),
            )
            for band in bands[:MOST_INSTRUCTIONS]
            if float(band[4]) > 0
        ]  # fmt: skip
    window = None
    as_needed = dosage.get("asNeededBoolean") is True
    needed = dosage.get("asNeededCodeableConcept")
    if needed is not None:
        words = " ".join(str(each) for each in words_of(needed))[:_MOST_TEXT]
        window = _window(words)
        as_needed = window is None
    rated = next((each for each in listed(dosage.get("doseAndRate")) if isinstance(each, Mapping)), None)
    read = amounts(rated, drug, weight_kg) if rated is not None else amounts_in(text, drug, weight_kg)
    if isinstance(read, str):
        return read
    dose, rate, over = read
    over = plan.lasts if over is None else over
    pushed = bool(_PUSH.search(text)) or bool(_PUSH.search(" ".join(map(str, words_of(dosage.get("method"))))))
    if dose is None and rate is not None:
        if over is None:
            plan = replace(plan, interval=None, of_day=(), count=1)
            return [Instruction(rate, route, CONTINUOUS, plan, as_needed, window)]
        dose = rate * over / 60
    if dose is None:
        return f"the order does not say how much {drug.drug} is to be given"
    minutes = 0.0
    if over is not None:
        minutes = over
    elif rate is not None:
        minutes = dose / rate * 60
    elif route == "iv" and drug.usual_rate is not None and not pushed:
        minutes = dose / drug.usual_rate * 60
    if route not in ("iv",):
        minutes = 0.0
    return [Instruction(dose, route, min(minutes, 2880.0), plan, as_needed, window)]


def _window(words: str) -> tuple[str, float, float] | None:
    found = _WINDOW.search(words)
    if found is None:
        return None
    analyte = "glucose" if found[1].lower() == "blood sugar" else found[1].lower()
    if found[2]:
        return analyte, float(found[2]), float(found[3])
    if found[4].lower() in ("<", "≤", "<=", "below", "under", "less than"):
        return analyte, 0.0, float(found[5])
    return analyte, float(found[5]), 9999.0


def _route(dosage: Mapping[str, Any], drug: Drug, text: str) -> str:
    """Returns the route; where none is said, the only one of the drug, else the first."""
    concept = dosage.get("route")
    named: list[str | None] = [
        route_of_code(str(member(coding, "system")), str(member(coding, "code")))
        for coding in listed(member(concept, "coding"))
    ]
    named += [route_of_words(word[:100]) for word in words_of(concept) if isinstance(word, str)]
    if not any(named):
        named += list(routes_in(text))[:1]
    said = next((each for each in named if each is not None), None)
    if said is None:
        return drug.routes[0] if concept is None else "unknown"
    return _ROUTES.get(said, "oral" if said in ("nasogastric", "gastrostomy") else said)


def _problem(drug: Drug, each: Instruction) -> str:
    """Returns why an instruction is not carried out; empty if nothing speaks against it."""
    unit = spoken(drug.unit)
    if each.route not in drug.routes:
        return f"{drug.drug} is not given by the route {each.route}; it is given {' or '.join(drug.routes)}"
    rate = each.amount if each.minutes == CONTINUOUS else each.amount / each.minutes * 60 if each.minutes else None
    drips = each.minutes >= DRIPS and rate is not None and drug.most_hour is not None  # then its rate is what counts
    if each.minutes != CONTINUOUS and not drips and drug.most_once is not None and each.amount > drug.most_once:
        return f"{each.amount:g} {unit} is more {drug.drug} than is handed out at once ({drug.most_once:g} {unit})"
    if each.minutes == CONTINUOUS and (each.route != "iv" or drug.most_hour is None):
        return f"{drug.drug} is not infused continuously here; order doses"
    if each.route == "iv" and rate is None and not drug.push:
        return f"{drug.drug} is never injected at once; order a rate, or a time that it runs over"
    if each.route == "iv" and rate is not None and drug.most_hour is not None and rate > drug.most_hour + 1e-6:
        slow = each.minutes != CONTINUOUS and drug.push and each.minutes <= 30
        if not slow:
            return f"{rate:g} {unit}/h is faster than {drug.drug} is given here ({drug.most_hour:g} {unit}/h at most)"
    interval = each.plan.interval
    if interval is not None and interval < SHORTEST:
        return f"a dose every {interval} minutes cannot be given; order an infusion, or at least {SHORTEST} minutes"
    return ""


def _in_words(drug: Drug, each: Instruction) -> str:
    unit, plan = spoken(drug.unit), each.plan
    if each.minutes == CONTINUOUS:
        return f"{each.amount:g} {unit}/h {each.route}, continuously"
    over = f" over {each.minutes:g} min" if each.minutes else ""
    often = f" every {plan.interval / 60:g} h" if plan.interval else " at set times" if plan.of_day else ""
    needed = " as needed" if each.as_needed else ""
    if each.window is not None:
        needed = f" at {each.window[0]} {each.window[1]:g} to {each.window[2]:g}"
    return f"{each.amount:g} {unit} {each.route}{over}{often}{needed}"

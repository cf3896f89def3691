"""Judging by clinical meaning: what verifiers are written with.

A `Judge` collects what is wrong; nothing found wrong is a success. It never raises for anything an agent wrote. It also
counts what had to be done and what of it was, for partial credit. Doing nothing earns nothing, and where an answer has
to be read in the chart, nothing is earned without any item of it that was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mab_gym.actions import read_answer
from mab_gym.fhir.overlay import Write
from mab_gym.tasking.verdict import CRITICAL, Code, Criterion, Reason, Verdict, verdict_from

_GRAMS = {
    "g": 1.0,
    "gram": 1.0,
    "grams": 1.0,
    "mg": 1e-3,
    "milligram": 1e-3,
    "milligrams": 1e-3,
    "ug": 1e-6,
    "mcg": 1e-6,
}
_HOURS = {
    "h": 1.0,
    "hr": 1.0,
    "hrs": 1.0,
    "hour": 1.0,
    "hours": 1.0,
    "min": 1 / 60,
    "minute": 1 / 60,
    "minutes": 1 / 60,
}
_MILLIEQUIVALENTS = {"meq": 1.0, "meqs": 1.0, "milliequivalent": 1.0, "milliequivalents": 1.0}
_SAME = 1e-6
NOTHING_ELSE = "nothing_else"
"""The name of the criteria that whoever does nothing meets: no further answers, no further writes."""


@dataclass(frozen=True, slots=True)
class Result:
    """What an agent left behind when it finished.

    Attributes:
        answer: The text between the brackets of ``FINISH(...)``.
        writes: What the record system really did for it, in order.
    """

    answer: str
    writes: Sequence[Write]


@dataclass(frozen=True, slots=True)
class Expected:
    """One item of an expected answer.

    Attributes:
        description: For people.
        test: Whether an item is right.
        read: Whether it has to be read in the chart; not so for what the prompt says word for word.
    """

    description: str
    test: Callable[[Any], bool]
    read: bool = True


def number(value: float, tolerance: float = _SAME) -> Expected:
    """A JSON number equal to ``value`` within ``tolerance``; 2 and 2.0 are the same."""

    def same(item: Any) -> bool:
        given = _as_float(item)
        return given is not None and abs(given - value) <= tolerance

    return Expected(f"{value:g}", same)


def said(expected: Expected) -> Expected:
    """An item that the prompt says word for word, such as the -1 where there is no result: it shows no reading."""
    return replace(expected, read=False)


def text(value: str) -> Expected:
    """Exactly this text."""
    return Expected(f'"{value}"', lambda item: item == value)


def moment(value: datetime) -> Expected:
    """The same instant, written in any time zone."""
    return Expected(f'"{value.isoformat()}"', lambda item: _same_moment(item, value))


def read_moment(item: Any) -> datetime | None:
    """An instant with its zone from text, or None where it is none."""
    if not isinstance(item, str):
        return None
    try:
        read = datetime.fromisoformat(item.strip())
    except ValueError:
        return None
    return read if read.tzinfo is not None else None


def _same_moment(item: Any, wanted: datetime) -> bool:
    try:
        return read_moment(item) == wanted
    except OverflowError:  # a year 1 or 9999 that leaves the calendar on its way to UTC
        return False


def _as_float(item: Any) -> float | None:
    """A JSON number as a float; None for anything else, and for whole numbers beyond a float's range."""
    if not isinstance(item, int | float) or isinstance(item, bool):
        return None
    try:
        return float(item)
    except OverflowError:
        return None


class Judge:
    """Collects what is wrong with an episode's result."""

    def __init__(self, result: Result) -> None:
        self._result = result
        self._problems: list[Reason] = []
        self._asked = 0
        self._met = 0
        self._unread = False
        self._criteria: dict[str, bool] = {}

    def problem(self, code: Code, sentence: str, critical: bool | None = None) -> None:
        """Notes that something is wrong.

        Args:
            code: What.
            sentence: The same for people.
            critical: Whether it is a safety violation; as the code has it where None.
        """
        self._problems.append(Reason(code, sentence, code in CRITICAL if critical is None else critical))

    def verdict(self) -> Verdict:
        """The verdict on all that was looked at."""
        if self._problems and not self._result.writes and _says_nothing(self._result.answer):
            self._problems.insert(0, Reason(Code.GAVE_UP, "It was finished without an answer and without a deed."))
        done = 0.0 if self._unread or not self._asked else self._met / self._asked
        return verdict_from(self._problems, done, map(Criterion._make, self._criteria.items()))

    def check(self, met: bool, code: Code, sentence: str, critical: bool | None = None, name: str = "") -> None:
        """One thing that had to be so; notes a problem (see `problem`) where it is not.

        Args:
            met: Whether it is so.
            code: What is wrong where not.
            sentence: The same for people.
            critical: See `problem`.
            name: The criterion's; by the code where empty, as in ``dose`` for ``wrong_dose``.
        """
        self._asked += 1
        self._looked_at(name or code.removeprefix("wrong_"), met)
        if met:
            self._met += 1
        else:
            self.problem(code, sentence, critical)

    def _looked_at(self, name: str, met: bool) -> None:
        """Notes a criterion; one that is of the same name as an earlier one gets a number."""
        place, numbered = 1, name
        while numbered in self._criteria:
            place += 1
            numbered = f"{name}#{place}"
        self._criteria[numbered] = met

    def answer(self, *expected: Expected) -> None:
        """The answer must be a list of exactly these."""
        self._asked += len(expected)
        self._unread = any(item.read for item in expected)
        try:
            given = read_answer(self._result.answer)
        except ValueError as error:
            self._items([False] * len(expected), alone=False)
            self.problem(Code.ANSWER_MALFORMED, f"The answer could not be read: {error}.")
            return
        right = [item.test(each) for item, each in zip(expected, given, strict=False)]
        self._items([*right, *[False] * (len(expected) - len(right))], alone=len(given) <= len(expected))
        if any(met and item.read for item, met in zip(expected, right, strict=False)):
            self._unread = False
        self._met += sum(right)
        if len(given) != len(expected) or not all(right):
            wanted = "[" + ", ".join(item.description for item in expected) + "]"
            self.problem(Code.ANSWER_WRONG, f"The answer should be {wanted}, but it was {_short(self._result.answer)}.")

    def _items(self, right: Sequence[bool], *, alone: bool) -> None:
        for place, met in enumerate(right, start=1):
            self._looked_at(f"answer.{place}", met)
        self._looked_at(f"answer.{NOTHING_ELSE}", alone)

    def nothing_written(self, why: str = "the task asks for no change") -> None:
        """Nothing may have been written."""
        self._looked_at(f"written.{NOTHING_ELSE}", not self._result.writes)
        for write in self._result.writes:
            self.problem(Code.WRITE_UNEXPECTED, f"A {write.resource_type} was written although {why}.")

    def written(self, *resource_types: str) -> list[Mapping[str, Any]] | None:
        """Exactly one resource of each of these types must have been written, and nothing else.

        Returns:
            The resources in the order of ``resource_types``, or None where one is missing or there is more than one.
        """
        found: list[Mapping[str, Any]] = []
        remaining = list(self._result.writes)
        self._asked += len(resource_types)
        for resource_type in resource_types:
            same = [w for w in remaining if w.resource_type == resource_type and w.interaction == "create"]
            remaining = [w for w in remaining if w not in same]
            if not same:
                self.problem(Code.WRITE_MISSING, f"No {resource_type} was written, but one was due.")
            elif len(same) > 1:
                self.problem(Code.WRITE_DUPLICATE, f"{len(same)} {resource_type} resources were written; one was due.")
            elif same[0].resource is not None:
                found.append(same[0].resource)
                self._met += 1
            self._looked_at(f"{resource_type}.written", len(same) == 1)
        self._looked_at(f"written.{NOTHING_ELSE}", not remaining)
        for write in remaining:
            self.problem(Code.WRITE_UNEXPECTED, f"A {write.resource_type} was written that nobody asked for.")
        return found if len(found) == len(resource_types) else None

    def subject(self, resource: Mapping[str, Any], mrn: str) -> None:
        """The resource must concern this patient."""
        reference = below(resource, "subject", "reference")
        right = reference == f"Patient/{mrn}" or str(reference).startswith(f"Patient/{mrn}/_history/")
        sentence = f"It was written for {reference!r}, not for Patient/{mrn}."
        self.check(right, Code.WRONG_PATIENT, sentence, name=of(resource, "patient"))

    def active_order(self, order: Mapping[str, Any], mrn: str, now: datetime) -> None:
        """An order must be an active one for this patient, written now."""
        self.subject(order, mrn)
        self.field(order, "status", "active", Code.WRONG_STATUS)
        self.field(order, "intent", "order", Code.WRONG_INTENT)
        self.at(order, "authoredOn", now)

    def field(self, resource: Mapping[str, Any], name: str, wanted: str, code: Code) -> None:
        """A plain field must have this value."""
        given = resource.get(name)
        sentence = f"The {name} is {given!r} and should be {wanted!r}."
        self.check(given == wanted, code, sentence, name=of(resource, name))

    def at(self, resource: Mapping[str, Any], name: str, wanted: datetime) -> None:
        """A field must name this instant, in any time zone."""
        given = resource.get(name)
        sentence = f"The {name} is {given!r} and should be {wanted.isoformat()}."
        self.check(_same_moment(given, wanted), Code.WRONG_TIME, sentence, name=of(resource, name))

    def note(self, resource: Mapping[str, Any], wanted: str) -> None:
        """A note must hold this text; white space may differ."""
        texts = [" ".join(str(below(note, "text") or "").split()) for note in listed(resource.get("note"))]
        right = any(" ".join(wanted.split()) in text for text in texts)
        sentence = "The free text that was asked for is not in the note."
        self.check(right, Code.WRONG_NOTE, sentence, name=of(resource, "note"))

    def route(self, dosage: Any, *accepted: str) -> None:
        """The route, as text or as any of its codings' codes and displays, must be one of these (case apart)."""
        route = below(dosage, "route")
        names = [
            below(route, "text"),
            *(below(c, k) for c in listed(below(route, "coding")) for k in ("code", "display")),
        ]
        given = {str(name).strip().lower() for name in names if name}
        right = bool(given & {name.lower() for name in accepted})
        sentence = f"The route is {sorted(given) or 'missing'}; it should be {accepted[0]}."
        self.check(right, Code.WRONG_ROUTE, sentence, name="dosage.route")

    def grams(self, dosage: Any, wanted: float) -> None:
        """The dose must be this many grams, in any unit of mass."""
        self._dose(dosage, wanted, "g", _GRAMS, _SAME)

    def milliequivalents(self, dosage: Any, wanted: float) -> None:
        """The dose must be this many milliequivalents, within 0.1."""
        self._dose(dosage, wanted, "mEq", _MILLIEQUIVALENTS, 0.1)

    def over_hours(self, dosage: Any, grams: float, wanted: float) -> None:
        """The infusion must run over this many hours.

        Accepted are a rateQuantity in hours, as the prompt asks, and what means the same: a rate in grams an hour, a
        rateRatio, or timing.repeat.duration.
        """
        right = any(abs(hours - wanted) <= _SAME for hours in _infusion_hours(dosage, grams))
        self.check(right, Code.WRONG_RATE, f"The infusion does not run over {wanted:g} h.", name="dosage.rate")

    def _dose(self, dosage: Any, wanted: float, unit: str, factors: Mapping[str, float], tolerance: float) -> None:
        amounts = [amount_in(below(rate, "doseQuantity"), factors) for rate in listed(below(dosage, "doseAndRate"))]
        right = len(amounts) == 1 and amounts[0] is not None and abs(amounts[0] - wanted) <= tolerance
        self.check(right, Code.WRONG_DOSE, f"The dose should be {wanted:g} {unit}.", name="dosage.dose")


def _says_nothing(answer: str) -> bool:
    """Whether an answer holds nothing at all."""
    try:
        return all(item is None or item == "" for item in read_answer(answer))
    except ValueError:
        return not answer.strip()


def only_dosage(judge: Judge, resource: Mapping[str, Any]) -> Any:
    """The one dosageInstruction of a MedicationRequest; an empty one, and a problem noted, where there is not one."""
    dosages = listed(resource.get("dosageInstruction"))
    if len(dosages) != 1:
        judge.problem(Code.WRONG_DOSE, f"There should be one dosageInstruction; there are {len(dosages)}.")
        return {}
    return dosages[0]


def _infusion_hours(dosage: Any, grams: float) -> Iterable[float]:
    for rate in listed(below(dosage, "doseAndRate")):
        quantity = below(rate, "rateQuantity")
        hours = amount_in(quantity, _HOURS)
        if hours is not None:
            yield hours
        speed = amount_in(quantity, {"g/h": 1.0, "g/hr": 1.0, "g/hour": 1.0, "mg/h": 1e-3, "mg/hr": 1e-3})
        if speed:
            yield grams / speed
        ratio = below(rate, "rateRatio")
        mass, time = amount_in(below(ratio, "numerator"), _GRAMS), amount_in(below(ratio, "denominator"), _HOURS)
        if mass and time:
            yield grams / (mass / time)
    repeat = below(below(dosage, "timing"), "repeat")
    duration, unit = below(repeat, "duration"), str(below(repeat, "durationUnit")).lower()
    if (length := _as_float(duration)) is not None and unit in _HOURS:
        yield length * _HOURS[unit]


def amount_in(quantity: Any, factors: Mapping[str, float]) -> float | None:
    """A quantity's value in the unit whose factor is 1.

    None where its units are unknown or differ, or where a comparator says that it is less or more than that.
    """
    value = _as_float(below(quantity, "value"))
    if value is None or below(quantity, "comparator") is not None:
        return None
    names = [re.sub(r"\s", "", str(below(quantity, key) or "")).lower() for key in ("unit", "code")]
    known = {factors[name] for name in names if name in factors}
    unknown = [name for name in names if name and name not in factors]
    return value * known.pop() if len(known) == 1 and not unknown else None


def below(value: Any, *names: str) -> Any:
    """What lies at a path of names in JSON that an agent wrote; None where there is nothing of the kind."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def of(resource: Mapping[str, Any], name: str) -> str:
    """The name of a criterion that concerns a resource: with its type, where it says one."""
    kind = resource.get("resourceType")
    return f"{kind}.{name}" if isinstance(kind, str) else name


def listed(value: Any) -> Sequence[Any]:
    """A list as it is, nothing as no items, and anything else as one."""
    return value if isinstance(value, list) else () if value is None else (value,)


def _short(answer: str, limit: int = 200) -> str:
    return answer if len(answer) <= limit else answer[:limit] + "…"

"""Reads the facts of a prompt: patient, codes, thresholds, doses, forms of orders, the clock.

Nothing here knows a task family. A fact that a prompt does not state is empty, and the choices that need it are not
possible.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from mab_gym.menu._orders import OrderForm, read_forms

# These patterns know the wording of the bundled prompts on purpose. The menu may read only what every agent is shown,
# so families cannot give it their facts in another form. A family in other words is played with a shorter menu.
_NUMBER = r"\d+(?:\.\d+)?"
_BASE = re.compile(r"base address is (\S+?)/?\s")
_PARTS = re.compile(r"\nContext: (.*)\n\nTask: (.*)\Z", re.DOTALL)
_NOW = re.compile(r"\bIt is (\d{4}-\d\d-\d\dT\S+?)\.(?:\s|$)")
_MRN = re.compile(r"\bMRN\W+(?:is\W+|of\W+)?(\w*\d\w*)")
_PERSON = re.compile(r"patient (?:named )?([^,?]+?), born on (\d{4}-\d\d-\d\d)")
_RESULT_CODE = re.compile(r"\b[Tt]he code for [^.;:]*? is (\w+)|\(code (\w+)\)")
_UNIT = re.compile(r"its unit is ([^\s.;]+)")
_HOURS = re.compile(r"\blast (\d+) hours\b")
_YEAR = re.compile(r"\ba year ago\b")
_PER_STEP = re.compile(rf"({_NUMBER}) (\w+) [^.;]*?for every ({_NUMBER}) \S+ below ({_NUMBER})")
_QUOTED = re.compile(r'"([^"]*)"')


@dataclass(frozen=True, slots=True)
class PerStep:
    """A dose that grows with the distance from a level, as in "10 mEq for every 0.1 mmol/L below 3.5".

    Attributes:
        dose: The dose for each step.
        step: The size of a step, in the result's unit.
        level: The level, in the result's unit.
    """

    dose: float
    step: float
    level: float


@dataclass(frozen=True, slots=True)
class Prompt:
    """The facts of a prompt.

    Attributes:
        base_url: The FHIR base, without a slash at its end.
        words: Context and question without the patient's own data (MRN, name, date of birth, quotations).
        now: The record system's clock, timezone-aware; None if it is not written as FHIR writes it.
        mrn: The patient's MRN, or empty.
        name: The patient's first given name and family name, or empty.
        birth_date: The date of birth, or empty.
        codes: Codes of results, in the order of the prompt.
        thresholds: Levels of the result that the prompt names, rising.
        hours: A time window in hours, or None.
        a_year_ago: The moment a year before now; None if the prompt does not speak of it.
        per_step: A dose that depends on the distance from a level, or None.
        phrase: The context's quoted text, for an answer; or empty.
        forms: The orders that the prompt describes.
    """

    base_url: str
    words: str
    now: datetime | None
    mrn: str
    name: str
    birth_date: str
    codes: tuple[str, ...]
    thresholds: tuple[float, ...]
    hours: float | None
    a_year_ago: datetime | None
    per_step: PerStep | None
    phrase: str
    forms: tuple[OrderForm, ...]

    @property
    def window_start(self) -> datetime | None:
        """The start of the window (included); None if there is no window."""
        if self.now is None or self.hours is None:
            return None
        return self.now - timedelta(hours=self.hours)

    def age(self, birth_date: str) -> int | None:
        """Returns the completed years since a date of birth, or None if it is not a date."""
        try:
            born = date.fromisoformat(birth_date)
        except ValueError:
            return None
        if self.now is None:
            return None
        today = self.now.date()
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def read_prompt(text: str) -> Prompt:
    """Reads the opening text of an episode. Any text can be read; the fewer facts it has, the shorter the menu."""
    parts = _PARTS.search(text)
    context, question = (parts[1], parts[2]) if parts else ("", text)
    base = _BASE.search(text)
    now = _moment(_NOW.search(context))
    mrn, person = _MRN.search(question), _PERSON.search(question)
    codes = dict.fromkeys(first or second for first, second in _RESULT_CODE.findall(context))
    quoted, phrase = _QUOTED.search(question), _QUOTED.search(context)
    own = [mrn[1] if mrn else "", *(person.groups() if person else ()), quoted[1] if quoted else ""]
    words = f"{context} {question}"
    for each in filter(None, own):
        words = words.replace(each, " ")
    return Prompt(
        base_url=base[1] if base else "",
        words=words,
        now=now,
        mrn=mrn[1] if mrn else "",
        name=person[1] if person else "",
        birth_date=person[2] if person else "",
        codes=tuple(codes),
        thresholds=_thresholds(context),
        hours=float(found[1]) if (found := _HOURS.search(context)) else None,
        a_year_ago=_a_year_before(now) if _YEAR.search(context) else None,
        per_step=PerStep(float(per[1]), float(per[3]), float(per[4])) if (per := _PER_STEP.search(context)) else None,
        phrase=phrase[1] if phrase else "",
        forms=read_forms(context, now, mrn[1] if mrn else "", quoted[1] if quoted else ""),
    )


def _moment(found: re.Match[str] | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(found[1]) if found else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _a_year_before(now: datetime | None) -> datetime | None:
    if now is None:
        return None
    try:
        return now.replace(year=now.year - 1)
    except ValueError:  # the 29th of February
        return now - timedelta(days=365)


def _thresholds(context: str) -> tuple[float, ...]:
    """Returns the levels of a result: numbers before its unit, before "to" and such a number, or after "below"."""
    unit = _UNIT.search(context)
    if unit is None:
        return ()
    said = rf"(?<![\w.])({_NUMBER})(?= {re.escape(unit[1])}| to {_NUMBER} {re.escape(unit[1])})|\bbelow ({_NUMBER})"
    steps = {per[3] for per in _PER_STEP.finditer(context)}
    found = {first or second for first, second in re.findall(said, context)}
    return tuple(sorted(float(each) for each in found - steps))

"""Checks free text: it must not contradict what is due, and must not take it back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mab_gym.tasking.meaning._names import others_in
from mab_gym.tasking.meaning._said import FreeText, Refusal
from mab_gym.tasking.meaning._words import COUNTS, LONGEST, Words, read_words
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.often import ONCE, Often
from mab_gym.tasking.meaning.people import Person
from mab_gym.tasking.meaning.units import Amount

_EARLIER: Final = re.compile(r"\b(?:previous|prior|old|present|current|earlier|other|existing)\b", re.IGNORECASE)
_DAYS_AHEAD: Final = re.compile(r"in (\w+) (day|week)s?")
_YEAR: Final = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_DATE: Final = re.compile(r"(?:19|20)\d\d-\d\d-\d\d")
_STOPPED: Final = re.compile(r"duplicate of|abort|cancel|terminate", re.IGNORECASE)
"""Words that are right if the order stops something."""
_AVOIDED: Final = re.compile(
    r"(?:do|does|should|must|can|may)(?: not|n[’']?t)(?: (?:give|administer|use|prescribe|order|take|expose|be))?|"
    r"don[’']?t|cannot|never|avoid|contraindicat\w+|no (?:administ\w*|more|further)|"
    r"not (?:to be )?(?:give|given|for|administer\w*|order\w*)|unless|discontinue\w*|cancel|if drowsy",
    re.IGNORECASE,
)
"""Words that are right if the record says that something must be avoided."""
_NO_ALLERGY: Final = re.compile(
    r"\b(?:not allergic|no (?:known )?(?:allerg\w+|reaction\w*)|tolerat\w+|safe|resolved|refuted|ruled out|outgr\w+|"
    r"mild|moderate|food|environment\w*|mother|father|sister|brother|family|daughter|son|childhood|intoleranc\w*|"
    r"side effect|nausea|rash only|suspected|possible|possibly|unconfirmed|doubt\w*|uncertain|unlikely|peanut\w*|"
    r"latex|pollen|shellfish|egg|eggs|nut|nuts|milk|low risk|low criticality|inactive)\b",
    re.IGNORECASE,
)
"""Words that contradict an anaphylaxis to a drug."""
_READING: Final = re.compile(r"(?<!\d)\d{2,3}\s*/\s*(?:\d{2,3}|min)(?!\d)")
_NOT_MEASURED: Final = re.compile(
    r"\b(?:estimat\w+|guess\w*|copied|reported by|self[- ]reported|recalled|true reading|actual reading|"
    r"correct reading|heart rate|pulse|temperature|not measured|from memory|historical|by history|palpat\w+|"
    r"unreliable|inaccurate|faulty)\b",
    re.IGNORECASE,
)
"""Words that contradict a reading that was just taken."""
_PUT_OFF: Final = re.compile(r"postpone|defer|delay|wait|await", re.IGNORECASE)
_OTHER_FORMS: Final = {
    "oral": re.compile(
        r"\b(?:inject\w*|infusion|vial|premix\w*|ampo?ule|piggyback|suppository|patch)\b", re.IGNORECASE
    ),
    "intravenous": re.compile(r"\b(?:tablets?|capsules?|suspension|elixir|suppository|patch|syrup)\b", re.IGNORECASE),
}
"""By route, forms of products that do not fit it."""
_SLOW: Final = 600
"""From so many seconds on, it is an infusion and not a push."""
_MASSES: Final = ("[mass]", "[substance]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """The facts that free text must agree with.

    Attributes:
        now: The record system's clock.
        names: The ordered thing.
        dose: The dose; None if there is none.
        tolerance: The allowed difference of a dose, in base units.
        route: The route; empty if there is none.
        often: The schedule.
        lasts: The least and the greatest time that it may take.
        at: The moment at which it is due; None for now.
        said: A requested text, which is not read.
        noted: True if that text belongs in a note.
        quantity: The number, if one is due.
        focus: The id of the resource that it is about; empty if there is none.
        stops: True if it pauses or stops something; its words may say so.
        avoids: True if it records something to avoid; its words may say so.
        measured: True if it is a measurement; its words may repeat its own numbers.
    """

    now: datetime
    names: Concept
    dose: Amount | None = None
    tolerance: float = 0.0
    route: str = ""
    often: Often = ONCE
    lasts: tuple[Amount, Amount] | None = None
    at: datetime | None = None
    said: str = ""
    noted: bool = False
    quantity: Amount | None = None
    focus: str = ""
    stops: bool = False
    avoids: bool = False
    measured: bool = False


def contradictions(texts: Sequence[FreeText], expected: Expectation, person: Person) -> Iterator[Refusal]:
    """Yields the words that contradict what is due, each with its element."""
    asked = " ".join(expected.said.split())
    if expected.noted and not any(asked in " ".join(text.text.split()) for text in texts):
        # Another check reports that the requested text is missing; a text that is close to it contradicts nothing.
        texts = [text for text in texts if not text.element.startswith("note[")]
    for text in texts:
        if len(text.text) > LONGEST + len(expected.said):
            yield Refusal(text.element, text.text[:40] + "…", "it is too long to be read")
            continue
        rest = " ".join(text.text.split())
        if asked:
            rest = rest.replace(asked, " ")
        for said in _of_its_kind(rest, expected, text):
            yield Refusal(text.element, text.text, f'"{said}" contradicts it', True)
        words = read_words(rest)
        if not any(words):
            continue
        for said, why, critical in _contradictions(words, expected, person):
            yield Refusal(text.element, text.text, f'"{said}" {why}', critical)


def _of_its_kind(text: str, expected: Expectation, where: FreeText) -> Iterator[str]:
    """Yields words that contradict an allergy, a measurement, a product or a detail of an order."""
    if where.element.startswith("orderDetail"):
        yield from others_in(expected.names.without_names(text))
    if where.names and expected.route in _OTHER_FORMS:
        yield from (found.group(0) for found in _OTHER_FORMS[expected.route].finditer(text))
    if expected.avoids:
        yield from (found.group(0) for found in _NO_ALLERGY.finditer(text))
        if re.search(r"\b(?:allerg\w+|reaction|anaphyla\w+)\b", text, re.IGNORECASE):
            yield from others_in(expected.names.without_names(text))
    if expected.measured:
        yield from (found.group(0) for pattern in (_READING, _NOT_MEASURED) for found in pattern.finditer(text))


def _contradictions(words: Words, expected: Expectation, person: Person) -> Iterator[tuple[str, str, bool]]:
    yield from _firm(words, expected, person)
    yield from _amounts(words, expected)
    if not (expected.avoids or expected.stops):
        yield from _others(words, expected)
    for route in words.routes:
        if expected.route and route != expected.route:
            yield route, f"is not the route {expected.route}", True
        elif not expected.route and not expected.avoids and not expected.stops and not expected.measured:
            yield route, "is a route, and no drug is due", False
    yield from _when(words, expected)
    if not expected.avoids and not expected.measured:
        yield from _often(words, expected)
    if expected.lasts is not None and expected.lasts[0].size >= _SLOW:
        yield from ((said, "is not over that time", True) for said in words.fast)


def _often(words: Words, expected: Expectation) -> Iterator[tuple[str, str, bool]]:
    for often, said in words.often:
        if expected.often == ONCE:
            same = often.times == 1
        else:
            hours = often.hours or 0.0
            same = often.times is None and abs(hours - (expected.often.hours or 0.0)) < 1e-6
        if not same:
            yield said, f"is not {expected.often}", True


def _firm(words: Words, expected: Expectation, person: Person) -> Iterator[tuple[str, str, bool]]:
    allowed = _STOPPED if expected.stops else _AVOIDED if expected.avoids else None
    for said in words.taken_back:
        if allowed is None or not allowed.fullmatch(said):
            yield said, "takes it back, or makes it depend on something", True
    for said in words.goes_on if expected.stops else ():
        yield said, "lets it go on, or stops more than it", True
    if not (expected.avoids or expected.measured):
        for said, after in words.paused:
            if expected.stops and not _PUT_OFF.match(said):
                continue
            other = not expected.stops and (
                any(others_in(expected.names.without_names(after))) or _EARLIER.search(after)
            )
            if not other:
                yield said, "puts it off or stops it", True
    for said in words.numbers:
        if person.is_another(said) or (expected.focus and said not in (expected.focus, person.mrn)):
            yield said, "is another patient or another order", True


def _others(words: Words, expected: Expectation) -> Iterator[tuple[str, str, bool]]:
    """Yields words that ask for something else in place of the order."""
    for said in words.asked:
        if any(others_in(expected.names.without_names(said))):
            yield said, "asks for something else", True


def _amounts(words: Words, expected: Expectation) -> Iterator[tuple[str, str, bool]]:
    dose = expected.dose
    for amount, said in words.amounts:
        if expected.quantity is not None and amount.dimension == expected.quantity.dimension:
            if not amount.same(expected.quantity):
                yield said, "is not how many are due", True
        elif dose is None:
            if amount.dimension in _MASSES and not (expected.avoids or expected.measured or expected.stops):
                yield said, "is a dose, and no drug is due", False
        elif amount.dimension == dose.dimension:
            if not amount.same(dose, expected.tolerance):
                yield said, "is not the dose that is due", True
        elif amount.dimension in _MASSES:
            yield said, "is not the dose that is due", True
        elif amount.dimension == f"{dose.dimension} / [time]" and not _runs(dose.size / amount.size, expected):
            yield said, "is not the rate that is due", True
    for amount, said in words.strengths:
        if dose is not None and amount.dimension == dose.dimension and not _made_of(dose, amount):
            yield said, "is no strength that makes up the dose", True
    for amount, said in words.limits:
        if dose is not None and amount.dimension == dose.dimension and amount.size < dose.size * (1 - 1e-6):
            yield said, "is less than the dose that is due", True
    for amount, said in words.lasts:
        if expected.lasts is not None and not _runs(amount.size, expected):
            yield said, "is not how long it should take", True
        elif expected.lasts is None and dose is not None and amount.size < 86_400:
            yield said, "is a time, and none is due", True


def _runs(seconds: float, expected: Expectation) -> bool:
    if expected.lasts is None:
        return False
    least, most = expected.lasts
    return least.size * (1 - 1e-6) <= seconds <= most.size * (1 + 1e-6)


def _made_of(dose: Amount, strength: Amount) -> bool:
    """Tells if a number of pieces of this strength, whole or half, makes the dose."""
    pieces = 2 * dose.size / strength.size if strength.size > 0 else 0.0
    return 1 <= round(pieces) <= 40 and abs(pieces - round(pieces)) < 1e-6


def _when(words: Words, expected: Expectation) -> Iterator[tuple[str, str, bool]]:
    for said in words.later:
        if expected.avoids and not _ahead(said, expected.now):
            continue
        if expected.at is None or not _fits(said.lower(), (expected.at.date() - expected.now.date()).days, expected.at):
            yield said, "is not when it is due", True


def _ahead(said: str, now: datetime) -> bool:
    """Tells if the words name a future year."""
    return any(int(year) > now.year for year in _YEAR.findall(said))


def _fits(said: str, days: int, at: datetime) -> bool:
    """Tells if words for a later time may mean a moment so many days ahead."""
    if said in ("tomorrow", "next day", "next morning", "the day after"):
        return days == 1
    if said == "next week":
        return 5 <= days <= 9
    if ahead := _DAYS_AHEAD.fullmatch(said):
        count = 1 if ahead[1] in ("a", "an") else COUNTS.get(ahead[1]) or (int(ahead[1]) if ahead[1].isdecimal() else 0)
        return days == count * (7 if ahead[2].startswith("week") else 1)
    return bool(_DATE.fullmatch(said)) and said == at.date().isoformat()

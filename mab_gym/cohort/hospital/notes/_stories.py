"""The facts that stand in a person's notes alone: drawn for each person, with times, before any note is written.

All shares are our choice, so that each person has several such facts and most tasks find people for them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from mab_gym.cohort.hospital._catalogue import DRUGS
from mab_gym.cohort.hospital._history import NOW, Fact, Relative, Staff
from mab_gym.cohort.hospital._history import local as local_time
from mab_gym.cohort.hospital.notes._facts import Tale
from mab_gym.cohort.hospital.notes._past import DAY, Past
from mab_gym.cohort.hospital.notes._phrases import Draw, phrases, texts
from mab_gym.cohort.hospital.notes._style import MONTHS_LONG
from mab_gym.cohort.hospital.notes._words import RELATIONS

TALKS: Final = frozenset({"clinic", "admission", "telephone", "consult"})
"""Notes of those who ask about drugs."""
MEETINGS: Final = TALKS | {"nursing", "discharge"}
GOALS: Final = frozenset({"clinic", "admission", "consult", "nursing", "discharge", "progress"})
"""Notes in which people talk about how far treatment should go."""
STORIES: Final = "stories"
YEAR: Final = 365 * DAY


def story_texts(rule: str) -> tuple[str, ...]:
    """Returns the texts of a rule of the stories."""
    return texts(STORIES, rule)


def has_story(rule: str) -> bool:
    """Tells if the stories have a rule."""
    return rule in phrases(STORIES)


def month(moment: int) -> str:
    """Returns month and year as the tales write them: ``June 2023``."""
    day = local_time(moment)
    return f"{MONTHS_LONG[day.month - 1]} {day.year}"


def month_day(moment: int) -> str:
    """Returns a day as the tales write it: ``June 3, 2023``."""
    day = local_time(moment)
    return f"{MONTHS_LONG[day.month - 1]} {day.day}, {day.year}"


class Stories:
    """Draws the tales of a person.

    Attributes:
        tales: What was drawn.
        staff: The hospital, with the places around it.
        past: The person's history, in order.
        history: The person's history.
        person: The person.
        draw: Decides.
        end: The present, or the death.
        born: The birth.
        age: In years at the end.
        words: He, him and his.
        contact: The relative who is to be called.
        letters: Letters from elsewhere that are due: the time, the place in `Staff.outside`, the tale that it tells.
    """

    def __init__(self, staff: Staff, past: Past, draw: Draw) -> None:
        self.staff = staff
        self.past = past
        self.history = past.history
        self.person = past.history.person
        self.draw = draw
        self.end = self.person.died if self.person.died is not None else NOW
        born = datetime(self.person.born.year, self.person.born.month, self.person.born.day, 12, tzinfo=UTC)
        self.born = int(born.timestamp())
        self.age = self.person.age(self.end)
        female = self.person.female
        self.words = {
            "he": "she" if female else "he",
            "him": "her" if female else "him",
            "his": "her" if female else "his",
        }
        self.contact = next((one for one in self.person.relatives if one.contact), None)
        self.tales: list[Tale] = []
        self.letters: list[tuple[int, int, Tale]] = []

    def between(self, first: int, last: int) -> int:
        """Draws a moment between two."""
        return first + int((last - first) * self.draw.number() / (1 << 30))

    def tale(
        self,
        subject: str,
        rule: str,
        section: str,
        since: int,
        says: dict[str, Any],
        slots: dict[str, str],
        kinds: frozenset[str] = MEETINGS,
        until: int | None = None,
        wrong: bool = True,
    ) -> Tale:
        """Adds a fact with the words to tell it, and returns it; its arguments are the attributes of both."""
        fact = Fact(subject, {**says, "since": local_time(since).date().isoformat()}, since, until)
        slots = {**slots, "month": month(since), "month_day": month_day(since), "year": slots.get("year", "")}
        tale = Tale(fact, rule, section, slots, kinds, wrong=wrong)
        self.tales.append(tale)
        return tale

    def has_kin(self, text: str) -> bool:
        """Tells if all relatives that a text names are alive; those without a relation of their own always are."""
        alive = {one.relation for one in self.person.relatives if one.died is None}
        return all(relation in alive for word, relation in _NAMED.items() if word in text)

    def fill(self, text: str) -> str:
        """Fills the person's words into a text of the stories."""
        return text.format_map(_Filled(self.words, self.relation()))

    def relation(self, one: Relative | None = None) -> str:
        """Returns what a relative is called, by default the one who is to be called."""
        one = one or self.contact
        if one is None:
            return "neighbor"
        return relation_word(one, self.person.female)


_NAMED: Final = {
    "daughter": "DAU", " son ": "SON", "sister": "SIS", "mother and grandmother": "MTH", "his} mother": "MTH",
    "father": "FTH", "brother": "BRO",
}  # fmt: skip
"""Words for relatives in the stories, and the relation that there must be."""


class _Filled(dict[str, str]):
    """Words of a person for the texts of the stories."""

    def __init__(self, he: dict[str, str], kin: str) -> None:
        super().__init__(he, kinword=kin)

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def relation_word(one: Relative, female: bool) -> str:
    """Returns what a relative is called: wife, son.

    Args:
        one: The relative.
        female: True if the person is a woman, whose spouse is called husband.
    """
    return RELATIONS.get(one.relation, ("relative", "relative"))[female]


def ingredient(key: str) -> str:
    """Returns a drug by its ingredient."""
    return DRUGS[key].ingredient if key in DRUGS and DRUGS[key].ingredient else key.replace("_", " ")


def is_shop(name: str) -> bool:
    """Tells if a name of elsewhere is a pharmacy or the like, which writes no letters."""
    return any(word in name for word in ("harmacy", "Drug", "Apothecary", "Mail Order", "Home Care"))

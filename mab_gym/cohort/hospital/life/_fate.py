"""The blows to a body: acute illnesses, stays that follow from them, readmissions and death.

Acute illnesses are Poisson processes, thinned by age, season and what is there (Lewis and Shedler, Naval Research
Logistics 1979;26:403-13).
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mab_gym.cohort._spec import DAY
from mab_gym.cohort.hospital._catalogue import CONDITIONS
from mab_gym.cohort.hospital._history import NOW
from mab_gym.cohort.hospital.life._background import BLACK, Background, first_of_age
from mab_gym.cohort.hospital.life._chance import YEAR, Chance
from mab_gym.cohort.hospital.life._diseases import Course, draw_courses
from mab_gym.cohort.hospital.life._tables import ACUTE, Acute

MEN: Final = (0.0011, 0.0018, 0.0024, 0.0048, 0.0113, 0.0230, 0.0575, 0.160, 0.36)
WOMEN: Final = (0.0004, 0.0008, 0.0014, 0.0030, 0.0067, 0.0151, 0.0425, 0.130, 0.32)
"""Yearly chance of death at 20, 30, … 100 years: Arias and Xu, United States Life Tables 2019, NVSR 70-19, rounded."""
_BASE: Final = (0.72, 0.70, 0.85, 0.45, 0.33, 0.23, 0.165, 0.16, 0.3)
"""Share of it that is left for somebody without any disease, at the same ages, so that deaths in hospital and the
diseases' ratios add up to the table; fitted by simulation."""
_CAUSES: Final = (
    ("coronary", 5.0), ("heart_failure_reduced", 4.0), ("heart_failure_preserved", 2.5), ("lung_cancer", 40.0),
    ("colon_cancer", 9.0), ("breast_cancer", 5.0), ("prostate_cancer", 4.0), ("copd", 3.0), ("dementia", 6.0),
    ("prior_stroke", 3.0), ("cirrhosis", 9.0), ("esrd", 6.0), ("parkinson", 3.0), ("type2_diabetes", 1.0),
    ("alcohol", 2.0), ("opioid_use", 6.0),
)  # fmt: skip
"""Chronic causes of death with weights where they are there; our estimate."""
_AGAIN: Final = 0.92
"""Fitted, so that 14 % of the stays are followed by another within 30 days (HCUP Statistical Brief 278)."""
_ONCE: Final = frozenset({"appendicitis", "cholecystitis", "hip_fracture", "wrist_fracture", "suicidal_ideation"})
_FREQUENT: Final = (
    "sepsis", "heart_failure_acute", "pneumonia", "kidney_injury", "urinary_infection", "gi_bleed",
    "copd_exacerbation", "dehydration",
)  # fmt: skip


@dataclass(slots=True)
class Episode:
    """One acute illness.

    Attributes:
        acute: Its row of ``acute.csv``.
        moment: When it begins.
        setting: 0 telephone, 1 clinic, 2 emergency alone, 3 admission.
        severity: From 0 to 1.
        days: Length of the stay, if admitted.
        fatal: True if it ends with death in hospital.
        leads: Acute states that come with it.
        service: Service of the stay.
        lasting: True if the stay goes on now.
        tag: For one that goes on now, the letters of `Slot.tag`.
        bed: For one that goes on now, its bed.
    """

    acute: Acute
    moment: int
    setting: int
    severity: float
    days: float = 0.0
    fatal: bool = False
    leads: tuple[str, ...] = ()
    service: str = "medicine"
    lasting: bool = False
    tag: str = ""
    bed: int | None = None


@dataclass(slots=True)
class Fate:
    """Everything that befalls a body.

    Attributes:
        courses: Chronic diseases by key.
        episodes: Acute illnesses, by time.
        died: When; None if alive.
        cause: Condition that was the cause.
        inside: True if death came during a stay.
    """

    courses: dict[str, Course] = field(default_factory=dict)
    episodes: list[Episode] = field(default_factory=list)
    died: int | None = None
    cause: str = ""
    inside: bool = False

    def has(self, key: str, moment: int) -> bool:
        """Tells if a chronic disease is there at a moment."""
        course = self.courses.get(key)
        return course is not None and course.onset <= moment and (course.end is None or moment < course.end)


def yearly_death(age: float, female: bool) -> float:
    """Returns the yearly hazard of death without diseases."""
    table = WOMEN if female else MEN
    at = min(7.999, max(0.0, (age - 20.0) / 10.0))
    low = int(at)
    base = table[low] * (table[low + 1] / table[low]) ** (at - low)
    return float(base * (_BASE[low] + (_BASE[low + 1] - _BASE[low]) * (at - low)))


def draw_death(chance: Chance, person: Background, courses: Mapping[str, Course]) -> tuple[int | None, str]:
    """Draws a death at home or elsewhere during the years of the records, and its cause."""
    start = first_of_age(person)
    years = max(1, math.ceil((NOW - start) / YEAR))
    for year in range(years):
        begun = start + year * YEAR
        length = min(1.0, (NOW - begun) / YEAR)
        ratio = _ratio(person, courses, begun)
        hazard = yearly_death(person.age(begun) + 0.5, person.female) * ratio
        wait = chance.waits()
        if wait < hazard * length:
            moment = begun + int(wait / hazard * YEAR) if hazard else begun
            return min(moment, NOW - DAY), _cause(chance, person, courses, moment)
    return None, ""


def _ratio(person: Background, courses: Mapping[str, Course], moment: int) -> float:
    """Returns the ratio of the hazard of death: diseases' excesses add up, smoking multiplies them."""
    ratio = 1.0
    for key, course in courses.items():
        if course.onset <= moment and (course.end is None or moment < course.end):
            effect = CONDITIONS[key].mortality
            if effect != 1.0:
                ratio += (effect - 1.0) * (0.4 + 1.2 * course.severity)
    if person.smoked_from:
        year = 1970 + moment / YEAR
        if person.smoked_until == 0 or year < person.smoked_until:
            ratio *= 1.9
        else:
            ratio *= 1.25
    return ratio


def _cause(chance: Chance, person: Background, courses: Mapping[str, Course], moment: int) -> str:
    keys = [key for key, _ in _CAUSES if key in courses and courses[key].onset <= moment]
    weights = [weight for key, weight in _CAUSES if key in keys]
    sudden = ("infarction", 2.0), ("stroke", 1.0), ("sepsis", 1.0), ("pneumonia", 0.8)
    keys += [key for key, _ in sudden]
    weights += [weight for _, weight in sudden]
    at = chance.next() * sum(weights)
    for key, weight in zip(keys, weights, strict=True):
        at -= weight
        if at < 0:
            return key
    return keys[-1]


def factor_at(person: Background, acute: Acute, courses: Mapping[str, Course], moment: int) -> float:
    """Returns the ratio of an acute illness's hazard at a moment; 0 where what it needs is not there."""
    if acute.needs and not any(
        key in courses and courses[key].onset <= moment and (courses[key].end is None or moment < courses[key].end)  # type: ignore[operator]
        for key in acute.needs
    ):
        return 0.0
    ratio = 1.0
    for key, factor in acute.factors.items():
        course = courses.get(key)
        if course is not None:
            there = course.onset <= moment and (course.end is None or moment < course.end)
        else:
            there = (
                (key == "obese" and person.index >= 30.0)
                or (key == "smoker" and person.smoked_from > 0 and person.smoked_until == 0)
                or (key == "black" and person.race == BLACK)
            )
        if there:
            ratio *= factor
    return ratio


def draw_episodes(chance: Chance, person: Background, courses: Mapping[str, Course], until: int) -> list[Episode]:
    """Draws the acute illnesses from the records' begin until a moment, by time.

    Candidates come at the sum of all kinds' highest rates; each stays by the ratio of its rate then to the highest.
    """
    start = first_of_age(person)
    if start >= until:
        return []
    present = {key for key, course in courses.items() if course.end is None or course.end > start}
    if person.index >= 30.0:
        present.add("obese")
    if person.smoked_from and not person.smoked_until:
        present.add("smoker")
    if person.race == BLACK:
        present.add("black")
    female = person.female
    low, high = int(person.age(start)), int(person.age(until))
    middle = (low + high) // 2
    kinds: list[tuple[Acute, float]] = []
    bounds: list[float] = []
    total = 0.0
    for acute in ACUTE.values():
        if acute.needs and present.isdisjoint(acute.needs):
            continue
        table = acute.table[female]
        rate = max(table[low], table[high], table[middle]) * acute.peak
        for key in acute.raising & present:
            rate *= acute.factors[key]
        kinds.append((acute, rate))
        total += rate
        bounds.append(total)
    found: list[Episode] = []
    moment = start + int(chance.waits() / total * YEAR)
    while moment < until:
        acute, rate = kinds[chance.weighted(bounds)]
        if moment >= acute.begins:
            now = acute.table[female][int((moment - person.birth) / YEAR)] * acute.season[_month(moment)]
            grown = person.age(moment) >= acute.condition.least_age
            if chance.next() * rate < now * factor_at(person, acute, courses, moment) and grown:
                found.append(make_episode(chance, person, acute, moment))
        moment += int(chance.waits() / total * YEAR) + 1
    return found


def _month(moment: int) -> int:
    """Returns the month from 0, within a day or two."""
    return int((moment % YEAR) / (YEAR / 12)) % 12


def make_episode(chance: Chance, person: Background, acute: Acute, moment: int) -> Episode:
    """Draws how ill somebody is of an acute illness, and where it leads."""
    age = person.age(moment)
    setting = chance.weighted(acute.setting(age))
    episode = Episode(acute, moment, setting, chance.next() * (0.7 if setting < 3 else 1.0))
    if setting == 3:
        admit(chance, person, episode)
    return episode


def admit(chance: Chance, person: Background, episode: Episode) -> None:
    """Draws the length and the end of a stay."""
    acute, age = episode.acute, person.age(episode.moment)
    median, wide = acute.days
    episode.days = min(40.0, max(0.8, 1.12 * median * math.exp(math.log(wide / median) * chance.normal())))
    dying = 0.8 * acute.fatal / 100.0 * math.exp(0.058 * (min(age, 92.0) - 70.0))
    episode.fatal = chance.hit(min(0.6, dying))
    episode.severity = 0.85 + 0.15 * chance.next() if episode.fatal else 0.15 + 0.8 * chance.next()
    intensive = chance.hit(min(0.95, acute.intensive / 100.0 * (2.2 if episode.fatal else 1.0)))
    episode.service = "intensive" if intensive and episode.severity > 0.3 else acute.ward
    episode.leads = tuple(
        key for key, share in acute.leads.items() if chance.next() < share and age >= CONDITIONS[key].least_age
    )


def draw_fate(chance: Chance, person: Background, courses: dict[str, Course] | None = None) -> Fate:
    """Draws everything that befalls a person until now, of courses that are drawn already, or of new ones."""
    courses = (draw_courses(chance, person) or {}) if courses is None else courses
    died, cause = draw_death(chance, person, courses)
    fate = Fate(courses, [], died, cause)
    episodes = draw_episodes(chance, person, courses, died if died is not None else NOW)
    limit = died if died is not None else NOW
    busy, at = 0, 0
    while at < len(episodes):
        episode = episodes[at]
        at += 1
        if episode.moment < busy:
            continue
        if episode.setting == 3 and episode.moment + int((episode.days + 1.5) * DAY) > limit - DAY:
            continue
        fate.episodes.append(episode)
        if episode.setting != 3:
            continue
        busy = episode.moment + int((episode.days + 1) * DAY)
        if episode.fatal:
            fate.died, fate.cause, fate.inside = episode.moment + int(episode.days * DAY), episode.acute.key, True
            break
        _leave(chance, fate, episode)
        again = _readmission(chance, person, fate, episode, busy)
        if again is not None and again.moment < limit:
            insort(episodes, again, lo=at, key=lambda each: each.moment)
    if fate.died is not None:
        _cut(fate, fate.died)
    return fate


def _readmission(chance: Chance, person: Background, fate: Fate, episode: Episode, home: int) -> Episode | None:
    """Draws a stay within 30 days of another: half of them for the same illness, the others for what is frequent."""
    risk = episode.acute.readmit / 100.0 * (0.55 + 0.7 * episode.severity) * _AGAIN
    if not chance.hit(risk):
        return None
    moment = home + int(chance.between(1.0, 27.0) * DAY)
    acute = episode.acute
    if acute.key in _ONCE or chance.hit(0.5):
        acute = ACUTE[_FREQUENT[int(chance.next() * len(_FREQUENT))]]
        if factor_at(person, acute, fate.courses, moment) == 0.0:
            acute = ACUTE["sepsis"]
    if moment < acute.begins:
        return None
    again = Episode(acute, moment, 3, chance.next())
    admit(chance, person, again)
    return again


def _leave(chance: Chance, fate: Fate, episode: Episode) -> None:
    """Adds the chronic states that an acute illness leaves."""
    for key in episode.acute.leaves:
        if key not in fate.courses:
            onset = episode.moment + int((episode.days + 30.0) * DAY)
            if onset < NOW:
                fate.courses[key] = Course(onset, None, 0.3 + 0.5 * chance.next())


def _cut(fate: Fate, died: int) -> None:
    """Takes out what would have come after death."""
    for key in [key for key, course in fate.courses.items() if course.onset >= died]:
        del fate.courses[key]
    for course in fate.courses.values():
        if course.end is not None and course.end >= died:
            course.end = None
    fate.episodes = [episode for episode in fate.episodes if episode.moment < died]

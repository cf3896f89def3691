"""Results, vaccines and visits elsewhere, each with the letter that tells of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mab_gym.cohort.hospital._history import RECORDS_FROM
from mab_gym.cohort.hospital._history import local as local_time
from mab_gym.cohort.hospital.notes._facts import Tale
from mab_gym.cohort.hospital.notes._past import DAY
from mab_gym.cohort.hospital.notes._stories import (
    MEETINGS,
    TALKS,
    YEAR,
    Stories,
    is_shop,
    story_texts,
)


def elsewhere(stories: Stories) -> None:
    """Results, vaccines and visits elsewhere; each result comes with a letter."""
    draw = stories.draw
    known = {problem.key for problem in stories.history.problems if problem.known is not None}
    fitting: list[tuple[str, str, int, str]] = []
    for text in story_texts("outside_words.tests"):
        test, words, age, sex, condition, result = text.split(";")
        if stories.age >= int(age) and sex in ("", "F" if stories.person.female else "M"):
            fitting += [(test, words, int(age), result)] if not condition or condition in known else []
    for test, words, least, result in draw.some(fitting, draw.between(0, 2) if fitting else 0):
        since = stories.between(max(RECORDS_FROM, stories.born + least * YEAR), stories.end - 20 * DAY)
        name, number = result.split("=")
        _outside(stories, test, words, since, {"words": words, name: float(number)}, "outside_words", words)
    if stories.age >= 18 and draw.chance(0.5):
        since = stories.between(RECORDS_FROM + 30 * DAY, stories.end - 20 * DAY)
        _outside_number(stories, since, known)
    places = [n for n, name in enumerate(stories.staff.outside) if "harmacy" in name or "Drug" in name]
    for text in draw.some(story_texts("vaccines.given"), 1) if places and draw.chance(0.35) else ():
        name, age, year, first, last, key = text.split(";")
        years = range(max(int(year), stories.person.born.year + int(age) + 1), local_time(stories.end).year)
        if years:
            day = datetime(draw.pick(years), draw.between(int(first), int(last)), draw.between(1, 28), 16, tzinfo=UTC)
            place = stories.staff.outside[draw.pick(places)]
            fact = {"place": place, "month": f"{day:%Y-%m}"}
            moment = int(day.timestamp())
            if RECORDS_FROM < moment < stories.end:
                slots = {"vaccine": name, "place": place}
                stories.tale(f"vaccine:{key}:elsewhere", "vaccine", "pmh", moment, fact, slots, TALKS)


def _outside_number(stories: Stories, since: int, known: set[str]) -> None:
    draw = stories.draw
    sweet = "type2_diabetes" in known or "type1_diabetes" in known
    ways = [
        ("A1c", draw.between(66, 97) / 10 if sweet else draw.between(49, 56) / 10, "%", 1),
        ("LDL", float(draw.between(68, 165)), "mg/dL", 0),
        ("TSH", draw.between(8, 41) / 10, "mIU/L", 1),
        ("hemoglobin", draw.between(118, 149) / 10, "g/dL", 1),
        ("ferritin", float(draw.between(18, 240)), "ng/mL", 0),
        ("vitamin D", float(draw.between(12, 48)), "ng/mL", 0),
    ]
    if not stories.person.female and stories.age >= 50:
        ways.append(("PSA", draw.between(5, 38) / 10, "ng/mL", 1))
    test, value, unit, places = draw.pick(ways)
    other = value * draw.pick((0.8, 0.9, 1.12, 1.25))
    text = f"{value:.{places}f} {unit}"
    tale = _outside(stories, test, text, since, {"value": value, "unit": unit}, "outside_number", text)
    tale.slots["other_value"] = f"{other:.{places}f} {unit}"


def _outside(stories: Stories, test: str, value: str, since: int, says: dict[str, Any], rule: str, words: str) -> Tale:
    draw = stories.draw
    places = [n for n, name in enumerate(stories.staff.outside) if not is_shop(name)]
    place = draw.pick(places) if places else 0
    name = stories.staff.outside[place]
    slots = {"test": test, "value": value, "place": name, "other_value": words}
    says = {**says, "place": name, "month": local_time(since).strftime("%Y-%m")}
    key = test.lower().replace(" ", "_")
    tale = stories.tale(f"result:outside:{key}", rule, "data", since, says, slots, MEETINGS | {"outside"})
    if draw.chance(0.75):
        stories.letters.append((since + draw.between(3, 15) * DAY, place, tale))
    return tale

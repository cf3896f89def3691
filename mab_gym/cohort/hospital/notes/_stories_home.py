"""The home of a person: place, company, the keeper of the pills, transport and walking."""

from __future__ import annotations

from typing import Final

from mab_gym.cohort.hospital._history import RECORDS_FROM, Relative
from mab_gym.cohort.hospital._history import local as local_time
from mab_gym.cohort.hospital.notes._past import DAY
from mab_gym.cohort.hospital.notes._phrases import Draw
from mab_gym.cohort.hospital.notes._stories import (
    YEAR,
    Stories,
    month,
    relation_word,
    story_texts,
)

_SPOUSES: Final = ("SPS", "HUSB", "WIFE", "DOMPART")


def home(stories: Stories) -> None:
    """Draws how a person lives, comes, walks, and who holds the pills."""
    draw = stories.draw
    _living(stories)
    if stories.age < 18:
        return
    old = stories.age >= 68 or any(p.key in ("dementia", "prior_stroke", "parkinson") for p in stories.history.problems)
    late = stories.between(max(RECORDS_FROM, stories.end - 4 * YEAR), stories.end - 20 * DAY)
    word = stories.relation()
    if old and draw.chance(0.55):
        text, who, short, key = (stories.fill(part) for part in draw.pick(story_texts("pills.kept")).split(";"))
        slots = {"pills": text, "pills_who": who, "pills_short": short}
        stories.tale("pills_by", "pills", "social", late, {"by": key, "person": word}, slots)
    if draw.chance(0.5 if old else 0.12):
        text, key = (stories.fill(part) for part in draw.pick(story_texts("rides.ways")).split(";"))
        late = stories.between(max(RECORDS_FROM, stories.end - 5 * YEAR), stories.end - 20 * DAY)
        stories.tale("transport", "transport", "social", late, {"by": key}, {"rides": text})
    if old and draw.chance(0.4):
        text, key = draw.pick(story_texts("walks.ways")).split(";")
        late = stories.between(max(RECORDS_FROM, stories.end - 3 * YEAR), stories.end - 20 * DAY)
        stories.tale("mobility", "function", "social", late, {"aid": key}, {"walks": text})
    if old and draw.chance(0.3):
        first = stories.between(max(RECORDS_FROM, stories.end - 3 * YEAR), stories.end - 150 * DAY)
        last = first + draw.between(50, 130) * DAY
        count = draw.between(2, 5)
        where = draw.pick(story_texts("where.places"))
        slots = {"count": str(count), "where": where}
        tale = stories.tale("falls", "falls", "social", last, {"count": count, "where": where}, slots)
        tale.slots |= {"month": month(first), "month2": month(last)}
    if stories.person.drinks >= 4 and draw.chance(0.5):
        real = max(round(stories.person.drinks), 4)
        slots = {"drinks_n": str(real)}
        stories.tale("alcohol", "alcohol", "social", late, {"drinks_a_week": real}, slots)
    if draw.chance(0.05):
        thing = draw.pick(story_texts("metal.things"))
        year = stories.between(stories.born + 18 * YEAR, stories.end - YEAR)
        slots = {"metal": thing, "year": str(local_time(year).year)}
        since = max(year, RECORDS_FROM)
        stories.tale("metal", "metal", "pmh", since, {"what": thing, "year": local_time(year).year}, slots)
    _weights(stories, draw)


def _weights(stories: Stories, draw: Draw) -> None:
    for problem in stories.history.problems:
        if problem.known is None or problem.known >= stories.end - 40 * DAY:
            continue
        since = stories.between(max(problem.known, RECORDS_FROM), stories.end - 20 * DAY)
        if problem.key in ("heart_failure_reduced", "heart_failure_preserved", "esrd") and draw.chance(0.6):
            kilos = round(stories.person.weight_kg - draw.between(5, 35) / 10, 1)
            slots = {
                "kg": f"{kilos:.1f}",
                "lbs": f"{kilos * 2.2046:.0f}",
                "kg_old": f"{kilos + draw.pick((-4, -3, 3, 5)):.1f}",
            }
            stories.tale("dry_weight", "dry_weight", "plan", since, {"kg": kilos}, slots)
        elif problem.key == "copd" and problem.severity > 0.55 and draw.chance(0.6):
            liters = draw.between(1, 4)
            slots = {"liters": str(liters)}
            stories.tale("home_oxygen", "oxygen", "social", since, {"litres_a_minute": liters}, slots)


def _living(stories: Stories) -> None:
    """Draws the place and the company in which the person lives; at times it changes, and old notes are copied."""
    draw = stories.draw
    spouse = next((one for one in stories.person.relatives if one.relation in _SPOUSES and one.died is None), None)
    if stories.age < 18:
        ways, key = "lives.child", "parents"
    elif spouse is not None and stories.person.marital == "M":
        ways, key = "lives.couple", "spouse"
    elif stories.age < 32 and draw.chance(0.6):
        ways, key = "lives.shared", "others"
    else:
        ways, key = "lives.alone", "alone"
    first = _home_words(stories, draw.pick(_fitting(stories, ways)), spouse)
    start = stories.between(RECORDS_FROM - 8 * YEAR, RECORDS_FROM)
    moves = stories.age >= 18 and draw.chance(0.35 if stories.age >= 70 else 0.2)
    moved = stories.between(RECORDS_FROM + YEAR, stories.end - 30 * DAY) if moves else None
    tale = stories.tale(
        "lives_with",
        "lives",
        "social",
        start,
        {"with": key, "words": first},
        {"lives": first},
        until=moved,
        wrong=False,
    )
    tale.slots["lives_old"] = first
    if moved is None:
        return
    pools = (
        [("lives.kin", "family"), ("lives.facility", "facility")]
        if stories.age >= 70
        else [("lives.shared", "others"), ("lives.alone", "alone")]
    )
    ways, now = draw.pick([pool for pool in pools if pool[1] != key] or pools)
    words = _home_words(stories, draw.pick(_fitting(stories, ways)), spouse)
    if words != first:
        slots = {"lives": words, "lives_old": first}
        stories.tale("lives_with", "lives", "social", moved, {"with": now, "words": words}, slots)
    else:
        tale.fact.until = None


def _fitting(stories: Stories, ways: str) -> list[str]:
    """The texts about a home that fit to the person's age and family; all of them if none does."""
    fitting = [text for text in story_texts(ways) if stories.has_kin(text)]
    return [text for text in fitting if 40 <= stories.age <= 62 or "teenagers" not in text] or list(story_texts(ways))


def _home_words(stories: Stories, text: str, spouse: Relative | None) -> str:
    word = relation_word(spouse, stories.person.female) if spouse else "partner"
    return text.replace("{spouse}", word).replace("{his}", stories.words["his"])

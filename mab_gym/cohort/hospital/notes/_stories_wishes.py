"""Wishes of a person, agreements, and plans that were given up."""

from __future__ import annotations

from typing import Any

from mab_gym.cohort.hospital._history import NOW, RECORDS_FROM
from mab_gym.cohort.hospital.notes._facts import Tale
from mab_gym.cohort.hospital.notes._past import DAY
from mab_gym.cohort.hospital.notes._stories import (
    GOALS,
    YEAR,
    Stories,
    relation_word,
    story_texts,
)


def wishes(stories: Stories) -> None:
    """Draws code status by its orders or by chance, and who decides."""
    draw = stories.draw
    grave = {"lung_cancer", "cirrhosis", "esrd", "dementia", "heart_failure_reduced", "copd", "parkinson"}
    ill = any(p.key in grave and p.known is not None for p in stories.history.problems)
    first = stories.between(max(RECORDS_FROM, stories.end - 6 * YEAR), stories.end - 60 * DAY)
    orders = sorted((one for one in stories.history.plans if one.kind == "code_status"), key=lambda one: one.moment)
    if orders:
        _ordered(stories, [(one.moment, one.key) for one in orders if one.moment <= stories.end])
    elif stories.age >= 60 or ill or draw.chance(0.15):
        frail = (stories.age >= 78) + ill
        change = draw.chance((0.06, 0.28, 0.5)[frail])
        until = stories.between(first + 30 * DAY, stories.end - 10 * DAY) if change else None
        _code(stories, "full", first, until)
        if until is not None:
            _code(stories, draw.pick(("dnr", "dnr_dni")), until, None)
    if stories.contact is not None and draw.chance(0.5 if stories.age >= 60 else 0.1):
        one = stories.contact
        proxy = f"{one.given} {one.family} ({relation_word(one, stories.person.female)})"
        says = {"name": f"{one.given} {one.family}", "relation": relation_word(one, stories.person.female)}
        stories.tale("proxy", "proxy", "code", first, says, {"proxy": proxy})
        if draw.chance(0.2) and one.phone:
            phone = f"555-{draw.between(200, 999)}-{draw.between(1000, 9999)}"
            later = stories.between(first, stories.end)
            slots = {"proxy": proxy, "phone": phone}
            stories.tale("contact", "contact", "social", later, {**says, "phone": phone}, slots)
    if draw.chance(0.012):
        accepts = draw.pick(story_texts("accepts.ways"))
        stories.tale("blood_products", "blood", "code", RECORDS_FROM, {"accepts": accepts}, {"accepts": accepts})


def _ordered(stories: Stories, orders: list[tuple[int, str]]) -> None:
    """Code status by its orders; a few have changed their mind since, and told it without an order."""
    changes = [one for place, one in enumerate(orders) if not place or one[1] != orders[place - 1][1]]
    ends: list[int | None] = [*(moment for moment, _ in changes[1:]), None]
    last, status = changes[-1] if changes else (stories.end, "")
    if stories.age >= 60 and status == "full" and stories.end - last > 90 * DAY and stories.draw.chance(0.25):
        ends[-1] = stories.between(last + 30 * DAY, stories.end - 20 * DAY)
        _code(stories, stories.draw.pick(("dnr", "dnr_dni")), ends[-1] or last, None)
    for (moment, key), until in zip(changes, ends, strict=True):
        _code(stories, key, moment, until).fact.structured = True


def _code(stories: Stories, status: str, since: int, until: int | None) -> Tale:
    rule = {"full": "code_full", "dnr": "code_dnr", "dnr_dni": "code_dni"}.get(status, "code_comfort")
    slots = {"kinword": stories.relation()}
    return stories.tale(
        "code_status", rule, "code", since, {"status": status}, slots, GOALS, until, wrong=status != "full"
    )


def agreed(stories: Stories) -> None:
    """Draws agreements, and plans that were given up."""
    draw = stories.draw
    known = {p.key: p.known for p in stories.history.problems if p.known is not None}
    for rule, share, most in (("deals.deals", 0.75, 2), ("dropped.plans", 0.55, 1)):
        fitting = []
        for text in story_texts(rule):
            first, second, condition, age, key = text.split(";")
            if not stories.has_kin(first + second):
                continue
            if stories.age >= int(age) and (not condition or known.get(condition, NOW) < stories.end - 60 * DAY):
                fitting.append((first, second, known.get(condition, RECORDS_FROM), int(age), key))
        if not draw.chance(share):
            continue
        for first, second, start, least, key in draw.some(fitting, draw.between(1, most)):
            if key == "mammogram_two_years" and not stories.person.female:
                continue
            since = stories.between(max(start, RECORDS_FROM, stories.born + least * YEAR), stories.end - 20 * DAY)
            slots = {"deal": stories.fill(first), "deal_not": stories.fill(second), "reason": stories.fill(second)}
            if rule == "deals.deals":
                says: dict[str, Any] = {"agreed": slots["deal"], "not": slots["deal_not"]}
                stories.tale(f"agreed:{key}", "agreed", "plan", since, says, slots)
            else:
                says = {"dropped": True, "plan": slots["deal"], "reason": slots["reason"]}
                stories.tale(f"plan:{key}", "dropped", "plan", since, says, slots)

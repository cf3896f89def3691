"""Drugs as they are really taken, what is bought without a prescription, and how allergies showed."""

from __future__ import annotations

from typing import Any, Final

from mab_gym.cohort.hospital._catalogue import ALLERGENS, DRUGS, REACTIONS
from mab_gym.cohort.hospital._history import RECORDS_FROM, Allergy, Prescription
from mab_gym.cohort.hospital._history import local as local_time
from mab_gym.cohort.hospital.notes._past import DAY
from mab_gym.cohort.hospital.notes._stories import (
    MEETINGS,
    TALKS,
    YEAR,
    Stories,
    has_story,
    ingredient,
    story_texts,
)
from mab_gym.cohort.hospital.notes._style import amount, unit_text

_COSTLY: Final = frozenset({
    "apixaban", "rivaroxaban", "empagliflozin", "semaglutide", "liraglutide", "sitagliptin", "sacubitril_valsartan",
    "ticagrelor", "insulin_glargine", "insulin_lispro", "tiotropium", "fluticasone_salmeterol", "budesonide_formoterol",
})  # fmt: skip
"""Drugs under a brand alone for most of these years."""
_GRAVE: Final = frozenset({"anaphylaxis", "angioedema", "wheezing", "breathlessness", "hives"})
_QUICK: Final = _GRAVE | {"flushing", "sneezing", "swelling", "itching"}
_SLOW: Final = frozenset({"cough", "muscle_pain", "kidney_injury", "bleeding", "tendon_pain"})
"""Reactions that want treatment at once, that come within hours, and that come after weeks."""


def drugs(stories: Stories) -> None:
    """Draws the way in which drugs for home are really taken; a stop fits to what the pharmacy gave out."""
    for prescription in stories.past.home:
        end = min(prescription.end or stories.end, stories.end)
        if prescription.needed or prescription.times <= 0 or end - prescription.start < 100 * DAY:
            continue
        careless = prescription.adherence < 0.8
        if not stories.draw.chance(0.55 if careless else 0.06):
            continue
        _taken(stories, prescription, end)
    costly = [one for one in stories.past.home if one.drug in _COSTLY and (one.end or stories.end) - one.start > YEAR]
    if costly and stories.draw.chance(0.3):
        one = stories.draw.pick(costly)
        since = stories.between(max(one.start, RECORDS_FROM), min(one.end or stories.end, stories.end))
        price = stories.draw.between(4, 38) * 10
        slots = {"drug": ingredient(one.drug), "price": str(price)}
        stories.tale(f"drug:{one.drug}:cost", "cost", "meds", since, {"dollars_a_month": price}, slots, TALKS, one.end)


def _taken(stories: Stories, prescription: Prescription, end: int) -> None:
    draw = stories.draw
    key = prescription.drug
    klass = DRUGS[key].klass if key in DRUGS else ""
    own = story_texts(f"why.{klass}") if klass and has_story(f"why.{klass}") else ()
    why = draw.pick(own) if own and draw.chance(0.6) else draw.pick(story_texts("why.any"))
    since = stories.between(max(prescription.start + 30 * DAY, RECORDS_FROM), max(end - 20 * DAY, RECORDS_FROM))
    if since <= prescription.start or since >= end:
        return
    dose = f"{amount(prescription.dose)} {unit_text(prescription.unit)}"
    slots = {"drug": ingredient(key), "dose_text": dose, "why": why}
    says: dict[str, Any] = {"why": why}
    last = prescription.dispensed[-1] if prescription.dispensed else None
    ran_out = last is not None and end - last > 150 * DAY
    if ran_out and last is not None:
        since, rule, says = max(since, last + 20 * DAY), "taken_stopped", {"takes": False, **says}
        if since >= end:
            return
    elif prescription.adherence < 0.5 and draw.chance(0.5):
        rule, says = "taken_stopped", {"takes": False, **says}
    elif draw.chance(0.45) and prescription.dose > 1 and prescription.unit == "mg":
        half = prescription.dose / 2
        slots["really"] = f"{amount(half)} mg"
        rule, says = "taken_half", {"takes": True, "dose": half, "unit": "mg", **says}
    else:
        missed = draw.between(2, 4) if prescription.adherence < 0.7 else draw.between(1, 2)
        slots["missed"] = str(missed)
        rule, says = "taken_skips", {"takes": True, "missed_days_a_week": missed, **says}
    stories.tale(f"drug:{key}:taken", rule, "meds", since, says, slots, MEETINGS, prescription.end)


def over_the_counter(stories: Stories) -> None:
    """Draws what is bought without a prescription, and when it was given up."""
    draw = stories.draw
    pool = story_texts("otc.adult") if stories.age >= 18 else story_texts("otc.child")
    count = 0 if draw.chance(0.3) else 1 + draw.chance(0.3)
    for text in draw.some(pool, count):
        name, dose, number, why = text.split(";")
        since = stories.between(max(RECORDS_FROM, stories.born + 10 * YEAR), stories.end - 30 * DAY)
        if since < RECORDS_FROM or (name == "saw palmetto" and stories.person.female):
            continue
        until = since + draw.between(200, 1500) * DAY if draw.chance(0.35) else None
        days = draw.between(2, 7)
        slots = {"otc": name, "otc_dose": dose, "times_w": str(days), "for_w": why}
        says = {"takes": True, "dose_mg": float(number), "days_a_week": days, "for": why}
        key = name.lower().replace(" ", "_").replace("'", "").replace(".", "")
        stories.tale(f"otc:{key}", "otc", "meds", since, says, slots, MEETINGS, until)
        if until is not None and until < stories.end:
            reason = draw.pick(story_texts("why.any"))
            stopped = {"otc": name, "why": reason}
            stories.tale(f"otc:{key}", "otc_stopped", "meds", until, {"takes": False, "why": reason}, stopped, MEETINGS)


def allergies(stories: Stories) -> None:
    """Draws how allergies showed, and what was borne in spite of them."""
    for allergy in stories.history.allergies:
        if allergy.recorded <= stories.end and stories.draw.chance(0.85):
            _allergy(stories, allergy)


def _allergy(stories: Stories, allergy: Allergy) -> None:
    draw = stories.draw
    allergen = ALLERGENS[allergy.key].display.lower() if allergy.key in ALLERGENS else allergy.key
    rule = f"reaction.{allergy.reaction}"
    how = stories.fill(draw.pick(story_texts(rule if has_story(rule) else "reaction.any")))
    speed = "quick" if allergy.reaction in _QUICK else "slow" if allergy.reaction in _SLOW else "any"
    after = draw.pick(story_texts(f"after.{speed}"))
    grave = allergy.severe == "severe" and allergy.reaction in _GRAVE
    treated = draw.pick(story_texts("treated.severe" if grave else "treated.any"))
    year = local_time(allergy.onset).year
    others = sorted(key for key in REACTIONS if key not in (allergy.reaction, "sneezing", "tendon_pain"))
    other = REACTIONS[draw.pick(others)].display.lower()
    slots = {
        "allergen": allergen,
        "how": how,
        "after": after,
        "treated": treated,
        "other": other,
        "year": str(year),
    }
    says = {"reaction": allergy.reaction, "how": how, "year": year, "after": after, "treated": treated}
    since = max(allergy.recorded, RECORDS_FROM)
    subject = f"allergy:{allergy.key}:reaction"
    stories.tale(subject, "allergy_detail", "allergies", since, says, slots, MEETINGS, allergy.refuted)
    forbidden = ALLERGENS[allergy.key].drugs if allergy.key in ALLERGENS else ()
    if forbidden and not allergy.refuted and allergy.severe != "severe" and draw.chance(0.2):
        later = stories.between(since, stories.end)
        given = ingredient(draw.pick(forbidden))
        told = {"drug": given, "allergen": allergen, "year": str(local_time(later).year)}
        fact = {"drug": given, "year": local_time(later).year}
        stories.tale(f"allergy:{allergy.key}:tolerated", "tolerated", "allergies", later, fact, told, TALKS)

"""Arrivals for each of the five since 07:30: a nurse's message, vital signs, results, an order of the night."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.casework import about_stay, arrival_id, late_flags, morning_signs, observed, prescribed, shown, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

from .people import morning

ROOM: Final = 20
"""Ids for one person."""
NIGHT: Final = 19
"""The place of the night's order among them."""
FIRST_RESULT: Final = 10
"""The place of the first result among them."""
_LOINC, _UCUM = "http://loinc.org", "http://unitsofmeasure.org"
_SIGNS: Final = (
    ("8480-6", "SBP", "mm[Hg]"), ("8867-4", "HR", "/min"), ("9279-1", "RR", "/min"), ("8310-5", "T", "Cel"),
    ("59408-5", "SpO2", "%"),
)  # fmt: skip
_BLOOD: Final = ("Morning blood is back.", "The laboratory has sent the morning's results.", "Blood of 07:30 is in.")
_QUIET: Final = (
    "Vital signs of the morning are charted.",
    "Up in the chair, vital signs are in.",
    "Morning signs done.",
)
_TOLD: Final = {
    "fall_anticoagulant": (
        "Slid off the edge of the bed at 07:33, sat down on the floor. Head not hit, no pain, alert, back in bed.",
        "Fell in the bathroom at 07:34, on the hip. Did not hit the head. Moves everything, no pain, alert.",
        "Knees gave way beside the bed at 07:32; landed on the bottom, head not touched. Feels well.",
    ),
    "fall_hit": (
        "Fell beside the bed at 07:31 and bumped the forehead on the table. Small swelling, alert, no pain elsewhere.",
        "Slipped in the bathroom at 07:36, back of the head against the wall. Alert, no headache.",
    ),
    "insulin": (
        "Low glucose before breakfast (meter, 07:31), was shaky and spoke clearly. Juice given, above 100 after it.",
        "Glucose was low at 07:31, awake, drank juice, has eaten now and is above 100. Glargine is due tonight.",
    ),
    "night": (
        "There is a new order from the night for you to look at. First dose is due at 09:00.",
        "The night resident has added something; pharmacy asks that you see it before the first dose at 09:00.",
    ),
    "fine": (
        "There is a new order from the night for you to look at. Stays in bed the whole day since admission.",
        "The night resident has added something, first dose at 09:00. Cannot leave the bed yet.",
    ),
    "mistake": (
        "At 07:34 a loratadine tablet meant for the neighbour was swallowed by this patient. Feels well.",
        "The calcium tablet of another patient was given to this one at 07:35, and taken. Nothing to notice so far.",
        "Acetaminophen was given at 07:05 and again at 07:31, since the first was charted late. No complaints.",
    ),
    "near_miss": (
        "A tablet meant for the neighbour stood on this table; caught at the wristband, and nothing was given.",
        "Pharmacy sent a bag with another name on it. Noticed at the door, sent back, never hung.",
        "The insurance wants a form signed by somebody, this week is enough.",
        "Would like to talk about the menu of tomorrow. No other wishes.",
    ),
}  # fmt: skip
_TOLD_AS: Final = {"fall": "fall_anticoagulant", "level_one": "insulin", "level_two": "insulin", "nsaid": "night",
                   "doubled": "night"}  # fmt: skip


@with_flags
def arrive(case: Case, chart: Chart) -> list[dict[str, Any]]:
    """Returns what came in, person by person."""
    found: list[dict[str, Any]] = []
    for place, person in enumerate(case["people"]):
        ids = [arrival_id(case, ROOM * place + each) for each in range(ROOM)]
        at = morning(chart.now) + timedelta(minutes=17 + 2 * place)
        found += [_message(person, ids[0], at), *_signs(person, ids, at - timedelta(minutes=2))]
        found += _results(person, ids, at - timedelta(minutes=16))
        found += _order(person, ids[NIGHT], morning(chart.now) + timedelta(minutes=1 + place))
    return found


def _message(person: Mapping[str, Any], number: str, at: datetime) -> dict[str, Any]:
    kind = person["kind"]
    told = _TOLD.get(_TOLD_AS.get(kind, kind))
    if told is None:
        told = _QUIET if kind in ("news", "one_sign") else _BLOOD
    return {
        "resourceType": "Communication",
        "id": number,
        "status": "completed",
        "category": [{"text": "From the ward"}],
        **about_stay(person),
        "sent": at.isoformat(),
        "sender": {"reference": person["nurse"]},
        "payload": [{"contentString": told[person["words"] % len(told)]}],
    }


def _signs(person: Mapping[str, Any], ids: list[str], at: datetime) -> list[dict[str, Any]]:
    values = morning_signs(person["kind"], person["words"])
    return [
        observed(about_stay(person), ids[1 + place], code, shown(value), at, "vital-signs")
        for place, (code, value) in enumerate(zip(_SIGNS, values, strict=True))
    ]


def _results(person: Mapping[str, Any], ids: list[str], at: datetime) -> list[dict[str, Any]]:
    kind, value, n = person["kind"], person["value"], person["words"]
    rows: list[tuple[tuple[str, str, str], float]] = []
    if kind in ("low", "low_weak", "mild", "mild_heart", "hemolyzed"):
        rows = [(("2823-3", "K", "mmol/L"), value), (("19123-9", "Mg", "mg/dL"), 2.1 + n % 3 / 10)]
    elif kind in ("fallen", "slightly"):
        rows = [(("777-3", "Plt", "10*3/uL"), value), (("6690-2", "WBC", "10*3/uL"), 6.2 + n % 20 / 10)]
    elif kind in ("level_one", "level_two"):
        rows = [
            (("41653-7", "Glucose, meter", "mg/dL"), value),
            (("41653-7", "Glucose, meter", "mg/dL"), 104.0 + n % 15),
        ]
    found = []
    for place, (code, amount) in enumerate(rows):
        later = at + timedelta(minutes=14 * place if code[0] == "41653-7" else 0)
        found.append(observed(about_stay(person), ids[FIRST_RESULT + place], code, shown(amount), later, "laboratory"))
    if kind == "hemolyzed":
        found[0]["note"] = [{"text": "Specimen hemolyzed; potassium may be falsely raised."}]
    return found


def _order(person: Mapping[str, Any], number: str, at: datetime) -> list[dict[str, Any]]:
    if person["kind"] not in ("nsaid", "doubled", "fine"):
        return []
    if person["kind"] == "nsaid":
        drug, dose = {"code": "5640", "text": "Ibuprofen tablet 600 mg"}, (600, "mg", 3, "Oral route")
    else:
        drug, dose = {"code": "67108", "text": "Enoxaparin syringe 40 mg/0.4 mL"}, (40, "mg", 1, "Subcutaneous route")
    return [prescribed(about_stay(person), number, drug, dose, at)]


later = late_flags

"""Gaps in prevention: other tests and other records are right, and what was agreed on or is not for them is not."""

from __future__ import annotations

import importlib
import json
from datetime import date
from typing import Any

import pytest

from tests.casework.playing import Played, family, play

NAME = "care_gaps"
TODAY = date(2024, 11, 12)


def gaps() -> Any:
    """The family's module, as the catalogue has loaded it."""
    return importlib.import_module(family(NAME).solve.__module__.rpartition(".")[0] + ".gaps")


def state(topic: str, **more: Any) -> str | None:
    usual = {"born": date(1964, 5, 1), "female": True, "smoked": None, "problems": "", "vaccines": [], "refused": []}
    person = gaps().Person(**{**usual, "exams": [], **more})
    found: str | None = gaps().assess(person, TODAY).get(topic)
    return found


@pytest.mark.parametrize(
    ("topic", "more", "wanted"),
    [
        ("breast", {}, "due"),
        ("breast", {"female": False}, "never"),
        ("breast", {"exams": [("screening mammogram", date(2023, 6, 1), "bi-rads 1, routine.")]}, "done"),
        ("breast", {"exams": [("screening mammogram", date(2021, 6, 1), "bi-rads 1, routine.")]}, "due"),
        ("colorectal", {}, "due"),
        ("colorectal", {"born": date(1985, 1, 1)}, "never"),
        ("colorectal", {"elsewhere": {"colonoscopy": (date(2020, 6, 15), 10.0)}}, "elsewhere"),
        ("colorectal", {"elsewhere": {"colonoscopy": (date(2015, 6, 15), 5.0)}}, "due"),
        (
            "colorectal",
            {
                "exams": [("colonoscopy", date(2016, 1, 8), "normal")],
                "elsewhere": {"colonoscopy": (date(2019, 5, 15), 5.0)},
            },
            None,
        ),
        ("influenza", {"vaccines": [("influenza, high-dose", date(2023, 10, 1))]}, "due"),
        ("influenza", {"vaccines": [("influenza, seasonal", date(2024, 10, 1))]}, "done"),
        ("zoster", {"vaccines": [("zoster vaccine, recombinant", date(2022, 10, 1))]}, "due"),
        ("zoster", {"vaccines": [("zoster vaccine, live", date(2015, 10, 1))]}, "due"),
        ("rsv", {"born": date(1945, 1, 1)}, "due"),
        (
            "hepatitis_b",
            {"born": date(1980, 1, 1), "elsewhere": {"hepatitis_b": (date(2020, 1, 15), 0.0)}},
            "elsewhere",
        ),
        ("tetanus", {"vaccines": [("tdap", date(2013, 1, 1))]}, "due"),
        ("osteoporosis", {"born": date(1955, 1, 1)}, "due"),
    ],
)
def test_states_are_those_of_the_recommendations(topic: str, more: dict[str, Any], wanted: str) -> None:
    assert state(topic, **more) == wanted


def changed(kind: str, number: int, **more: Any) -> Played:
    """Plays the gold solution of a case with elements of one type's writes changed."""

    def of(action: str) -> str:
        line, _, body = action.partition("\n")
        if not body or not line.endswith(f"/{kind}"):
            return action
        written = json.loads(body)
        for name, value in more.items():
            written[name] = value(written) if callable(value) else value
        head = line.rpartition("/")[0] + "/" + written["resourceType"]
        return f"{head}\n{json.dumps({name: value for name, value in written.items() if value is not None})}"

    return play(family(NAME).cases[number], of)


def number_of(kind: str) -> int:
    return next(
        place
        for place, case in enumerate(family(NAME).cases)
        if any(f"/{kind}\n" in action for action in play(case)["sent"])
    )


def test_a_test_elsewhere_may_be_a_procedure() -> None:
    run = changed(
        "Observation",
        number_of("Observation"),
        resourceType="Procedure",
        status="completed",
        performedDateTime=lambda written: written["effectiveDateTime"],
        effectiveDateTime=None,
        valueString=None,
    )
    assert run.solved, run.told


def test_another_month_is_not_right() -> None:
    run = changed("Observation", number_of("Observation"), effectiveDateTime="2012-01")
    assert not run.solved
    assert "not on record" in run.told


def test_a_colonoscopy_is_as_good_unless_a_stool_test_was_agreed_on() -> None:
    def other(written: Any) -> Any:
        return {"text": "Colonoscopy"} if "Fecal" in written["code"]["text"] else written["code"]

    for number, case in enumerate(family(NAME).cases):
        asked = [each for each in case["chosen"] if each["topics"].get("colorectal") == "due"]
        if asked:
            agreed = any(each["stool_test"] for each in asked)
            assert changed("ServiceRequest", number, code=other).solved is not agreed


@pytest.mark.parametrize("code", [7, {"coding": 3}, {"text": ["x"]}])
def test_codes_of_any_shape_are_judged(code: Any) -> None:
    run = changed("ServiceRequest", 0, code=code)
    assert not run.solved
    assert not any(each["code"] == "unjudged" for each in run["verdict"]["reasons"])

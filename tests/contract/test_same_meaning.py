"""Forms that mean the same to a verifier: names beside a code, other codes beside it, and times that are left open."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gymnasium
import pytest

from mab_gym.envs._scenario import Scenario
from mab_gym.runs._driver import unwrapped
from mab_gym.tasking._family import Family
from mab_gym.tasking.case import Case
from mab_gym.tasking.verdict import Verdict
from tests.contract.test_gold import BEYOND, judged, lines
from tests.contract.test_thresholds import family_of

RXNORM, SNOMED = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://snomed.info/sct"

# Family, the code that is asked for, names of the same, codes of the same, and names of something else.
TABLE: list[tuple[str, str, list[str], list[tuple[str, str]], list[str]]] = [
    (
        "check_a1c",
        "4548-4",
        ["HbA1c", "A1c", "HgbA1c", "Hemoglobin A1c", "haemoglobin A1c", "Hemoglobin A1c/Hemoglobin.total in Blood"],
        [],
        ["haemoglobin", "glucose"],
    ),
    (
        "refer_orthopaedics",
        "306181000000106",
        ["Orthopaedic referral", "orthopedic", "Orthopaedics", "orthopedics", "ortho consult"],
        [],
        ["cardiology", "orthodontics"],
    ),
    (
        "replace_magnesium",
        "0338-1715-40",
        ["Magnesium sulfate", "magnesium sulphate", "magnesium", "MgSO4"],
        [(RXNORM, "6585"), (SNOMED, "387202002")],
        ["potassium", "calcium gluconate"],
    ),
    (
        "replace_potassium",
        "40032-917-01",
        ["Potassium chloride", "potassium", "KCl", "K-Dur", "Klor-Con"],
        [(RXNORM, "8591"), (SNOMED, "8631001")],
        ["sodium chloride", "magnesium"],
    ),
    ("replace_potassium", "2823-3", ["Serum potassium", "potassium", "K"], [], ["sodium", "magnesium"]),
    (
        "act_on_amended",
        "116863004",
        ["red blood cell", "Red blood cells", "red cells", "red cell", "RBC", "PRBC", "PRBCs", "blood transfusion"],
        [("http://www.ama-assn.org/go/cpt", "36430")],
        ["platelets", "plasma transfusion"],
    ),
    ("act_on_amended", "718-7", ["Haemoglobin", "hemoglobin", "Hgb", "Hb"], [], ["potassium", "platelets"]),
    ("dose_by_kidneys", "29561", ["Meropenem", "Merrem"], [(SNOMED, "387540000")], ["ertapenem", "vancomycin"]),
    ("dose_by_kidneys", "2160-0", ["Serum creatinine", "creatinine", "creat", "CREA"], [], ["urea", "potassium"]),
    (
        "follow_inr",
        "11289",
        ["Warfarin sodium", "warfarin", "Coumadin", "Jantoven"],
        [(SNOMED, "372756006")],
        ["heparin", "apixaban"],
    ),
    (
        "follow_inr",
        "8308",
        ["Phytonadione", "vitamin K", "Vitamin K1", "phytomenadione", "Mephyton"],
        [],
        ["vitamin C", "warfarin"],
    ),
    (
        "follow_inr",
        "6301-6",
        ["INR in Platelet poor plasma", "INR", "International Normalized Ratio", "prothrombin"],
        [],
        ["potassium", "troponin"],
    ),
    ("follow_inr", "suspend", ["Suspend", "hold", "withhold", "pause", "hold warfarin"], [], ["resume", "continue"]),
    (
        "reconcile_medications",
        "abort",
        ["Abort", "stop", "discontinue", "cancel", "end", "no longer active", "stop metformin"],
        [],
        ["continue", "resume"],
    ),
    ("record_allergy", "723", ["Amoxicillin", "amoxycillin"], [], ["aspirin", "penicillin V"]),
    ("record_allergy", "1191", ["Aspirin", "acetylsalicylic acid", "ASA"], [], ["ibuprofen", "naproxen"]),
    ("record_allergy", "2180", ["Cefazolin", "cephazolin"], [], ["ceftriaxone", "cefalexin"]),
    ("record_allergy", "10180", ["Sulfamethoxazole", "sulphamethoxazole"], [], ["trimethoprim", "aspirin"]),
    ("record_allergy", "2670", ["codeine"], [], ["morphine", "aspirin"]),
]


SUBSTANCES = {"2670": "codeine"}
"""Substances that go by the name that the prompt has."""


@pytest.fixture(scope="module")
def place() -> Scenario:
    return unwrapped(gymnasium.make(BEYOND)).scenario


def concepts(writes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The concept that each write orders."""
    for write in writes:
        yield write.get("code") or write["medicationCodeableConcept"]


def with_code(name: str, code: str, family: Family) -> tuple[Case, dict[str, Any], int]:
    """A case, its gold record, and the place of the write that has this code."""
    for case, gold in zip(family.cases, lines(name, "gold.jsonl"), strict=True):
        for number, concept in enumerate(concepts(gold["writes"])):
            coding = concept["coding"][0]
            if name == "record_allergy":  # whatever the substance is, the record is the same
                coding["code"] = code
                return (
                    replace(case, params={**case.params, "code": code, "substance": SUBSTANCES.get(code, "")}),
                    gold,
                    0,
                )
            if coding["code"] == code:
                return case, gold, number
    raise AssertionError(f"no case of {name} wants {code}")


@pytest.mark.parametrize(("name", "code", "names", "codes", "others"), TABLE)
def test_names_and_codes_beside_the_code(
    name: str, code: str, names: list[str], codes: list[tuple[str, str]], others: list[str], place: Scenario
) -> None:
    family = family_of(name)
    case, gold, number = with_code(name, code, family)

    def verdict(**changes: Any) -> Verdict:
        writes = copy.deepcopy(gold["writes"])
        concept = list(concepts(writes))[number]
        concept["coding"] += changes.pop("coding", [])
        concept.update(changes)
        return judged(family, case, place.chart, writes, gold["answer"])

    assert [text for text in names if not verdict(text=text).success] == []
    assert [text for text in others if verdict(text=text).success] == []
    for system, same in codes:
        assert verdict(coding=[{"system": system, "code": same}]).success
        assert not verdict(coding=[{"system": system, "code": "1"}]).success


@pytest.mark.parametrize(("more", "right"), [(-0.11, False), (-0.09, True), (0.05, True), (0.09, True), (0.11, False)])
@pytest.mark.parametrize("name", ["replace_potassium"])
def test_how_far_a_dose_of_potassium_may_be_off(name: str, more: float, right: bool, place: Scenario) -> None:
    family = family_of(name)
    case, gold, number = with_code(name, "40032-917-01", family)
    dose = gold["writes"][number]["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]
    dose["value"] += more
    verdict = judged(family, case, place.chart, gold["writes"], gold["answer"])
    assert verdict.success is right
    assert right or [reason.code for reason in verdict.reasons] == ["wrong_dose"]


@pytest.mark.parametrize(
    ("manifestation", "right"),
    [
        ({"text": "Anaphylaxis"}, True),
        ({"text": "anaphylactic shock"}, True),
        ({"coding": [{"system": SNOMED, "code": "39579001"}]}, True),
        ({"coding": [{"system": SNOMED, "code": "39579001", "display": "Anaphylaxis"}]}, True),
        ({"text": "Rash"}, False),
        ({"coding": [{"system": SNOMED, "code": "271807003"}]}, False),
    ],
)
@pytest.mark.parametrize("name", ["record_allergy"])
def test_the_reaction_was_an_anaphylaxis(
    name: str, manifestation: dict[str, Any], right: bool, place: Scenario
) -> None:
    family = family_of(name)
    case, gold, number = with_code(name, "2670", family)
    gold["writes"][number]["reaction"] = [{"manifestation": [manifestation]}]
    verdict = judged(family, case, place.chart, gold["writes"], gold["answer"])
    assert verdict.success is right
    assert right or [reason.code for reason in verdict.reasons] == ["wrong_value"]


@pytest.mark.parametrize(
    ("minutes", "right"), [(2, False), (3, True), (30, True), (180, True), (181, False), (240, False)]
)
@pytest.mark.parametrize("name", ["dose_by_kidneys"])
def test_how_long_a_dose_of_meropenem_may_run(name: str, minutes: int, right: bool, place: Scenario) -> None:
    family = family_of(name)
    case, gold, number = with_code(name, "29561", family)
    timing = gold["writes"][number]["dosageInstruction"][0]["timing"]["repeat"]
    timing.update(duration=minutes, durationUnit="min")
    verdict = judged(family, case, place.chart, gold["writes"], gold["answer"])
    assert verdict.success is right
    assert right or [reason.code for reason in verdict.reasons] == ["wrong_rate"]


@pytest.mark.parametrize(
    ("start", "right"),
    [
        ("2023-11-13T10:15:00+00:00", True),
        ("2023-11-13T20:00:00+00:00", True),
        ("2023-11-13T22:15:00+00:00", True),
        ("2023-11-13T22:16:00+00:00", False),
        ("2023-11-14T08:00:00+00:00", False),
    ],
)
@pytest.mark.parametrize("name", ["follow_inr"])
def test_when_a_new_dose_of_warfarin_may_begin(name: str, start: str, right: bool, place: Scenario) -> None:
    family = family_of(name)
    case, gold, number = with_code(name, "11289", family)
    gold["writes"][number]["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = {"start": start}
    verdict = judged(family, case, place.chart, gold["writes"], gold["answer"])
    assert verdict.success is right
    assert right or [reason.code for reason in verdict.reasons] == ["wrong_time"]

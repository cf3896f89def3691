"""The tables of care name what the catalogues know."""

from __future__ import annotations

import re

import pytest

from mab_gym.cohort.hospital._catalogue import CONDITIONS, DRUGS, ORGANISMS, PLANS, PROCEDURES, REASONS, STUDIES
from mab_gym.cohort.hospital._catalogue_results import PANELS
from mab_gym.cohort.hospital.care import _examinations, _orders
from mab_gym.cohort.hospital.care._effects import EFFECTS
from mab_gym.cohort.hospital.care._rules import Order
from mab_gym.cohort.hospital.care._studies import _SLOTS, FINDINGS

RULES = [
    (row, allowed, settings)
    for rules, allowed, settings in (
        (_orders.RULES, set(PANELS), {"clinic", "emergency", "admission", "daily", "serial"}),
        (_examinations.RULES, set(STUDIES), {"clinic", "emergency", "stay"}),
    )
    for rows in rules.values()
    for row in rows
]
KNOWN = {"any": {""}, "reason": set(REASONS), "condition": set(CONDITIONS), "drug": set(DRUGS)}


def _together(one: int, other: int) -> int:
    """Combines two digits in the dihedral group of order ten."""
    flip, turn = divmod(one, 5)
    flips, turns = divmod(other, 5)
    return 5 * (flip ^ flips) + (turn - turns if flip else turn + turns) % 5


def _verhoeff(code: str) -> bool:
    """Tells if the check digit of a SNOMED CT identifier is right."""
    once = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
    found = 0
    for place, digit in enumerate(reversed(code)):
        number = int(digit)
        for _ in range(place % 8):
            number = once[number]
        found = _together(found, number)
    return found == 0


@pytest.mark.parametrize(("row", "allowed", "settings"), RULES, ids=lambda part: "")
def test_rules_name_what_there_is(row: Order, allowed: set[str], settings: set[str]) -> None:
    assert row.key in KNOWN[row.about]
    assert row.setting in settings
    assert row.panels
    assert set(row.panels) <= allowed
    assert 0 < row.chance <= 1
    assert bool(row.hours) == (row.setting == "serial")
    assert row.sex in ("", "F", "M")


def test_effects_are_of_what_there_is() -> None:
    assert set(EFFECTS) <= {*CONDITIONS, *DRUGS, *PROCEDURES, "operation", "dying"}


def test_findings_are_of_what_there_is() -> None:
    for study, regions in FINDINGS.items():
        assert study in STUDIES
        for rows in regions.values():
            assert any(not row.about for row in rows)
            for row in rows:
                assert row.about in {"", "old", "any", *CONDITIONS, *PROCEDURES}
                assert set(row.codes) <= set(CONDITIONS)
                text = row.words + row.conclusion
                assert set(re.findall(r"\{(\w+)\}", text)) <= {*_SLOTS, "ef", "qtc", "rate"}
                assert text.count("[") == text.count("]")
                assert not re.search(r"\[[^\]]*\[", text)


def test_codes_of_organisms_and_plans_have_right_check_digits() -> None:
    assert _verhoeff("22298006")
    assert not _verhoeff("22298007")
    for organism in ORGANISMS.values():
        assert _verhoeff(organism.snomed), organism.key
        assert all(0 <= share <= 1 for share in organism.susceptible.values())
    assert all(_verhoeff(plan.snomed) for plan in PLANS.values() if plan.snomed)

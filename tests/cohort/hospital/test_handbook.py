"""The handbook: pages with versions, whose rules and texts say the same."""

import re
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from mab_gym.cohort.hospital import _handbook
from mab_gym.cohort.hospital._catalogue import ANALYTES
from mab_gym.cohort.hospital._handbook import HandbookPage, current, handbook
from mab_gym.cohort.hospital._history import RECORDS_FROM, local
from mab_gym.cohort.hospital._pages import read_page
from mab_gym.cohort.hospital._spec import HOSPITAL
from mab_gym.dynamics.physiology._heparin import raschke
from mab_gym.errors import ContentError
from tests.cohort.hospital.hands import staff

STAFF = staff()
PAGES = handbook(HOSPITAL, STAFF)
NAMES = [page.name for page in PAGES]


def leaves(rule: Any) -> list[Any]:
    if isinstance(rule, dict):
        return [leaf for name, part in rule.items() if name != "analyte" for leaf in leaves(part)]
    return [leaf for part in rule for leaf in leaves(part)] if isinstance(rule, list) else [rule]


def numbers(text: str) -> set[float]:
    return {float(found.replace(",", "")) for found in re.findall(r"(?<![\d.])\d[\d,]*(?:\.\d+)?", text)}


def test_pages_and_earlier_versions_are_many() -> None:
    assert len({page.key for page in PAGES}) >= 20
    assert sum(page.status == "superseded" for page in PAGES) >= 5
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_each_figure_of_the_rules_stands_in_the_text(page: HandbookPage) -> None:
    body = page.text.split("\n\n", 1)[1].rsplit("\n\nSources", 1)[0]
    stated = numbers(body)
    figures = [leaf for leaf in leaves(page.rules) if isinstance(leaf, int | float) and not isinstance(leaf, bool)]
    missing = [figure for figure in figures if abs(figure) not in stated and figure != 0]
    assert not missing
    words = [word for leaf in leaves(page.rules) if isinstance(leaf, str) for word in re.split(r",\s*|_", leaf)]
    assert not [word for word in words if word.lower() not in page.text.lower()]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_each_page_has_a_signer_of_its_service_a_source_and_substance(page: HandbookPage) -> None:
    assert STAFF.practitioners[page.author].service == page.service
    assert page.sources
    assert 120 <= len(page.text.split()) <= 700
    assert (page.until is None) == (page.status == "current")


def test_versions_follow_one_another_and_differ_in_a_figure() -> None:
    for key, count in Counter(page.key for page in PAGES).items():
        versions = [page for page in PAGES if page.key == key]
        assert [page.status for page in versions] == ["current"] + ["superseded"] * (count - 1)
        for newer, older in pairwise(versions):
            assert older.until == newer.since > older.since
            assert older.rules != newer.rules
            assert older.change


def test_pages_name_only_pages_that_there_are() -> None:
    there = {page.number for page in PAGES} | {"CLN-221"}  # massive bleeding: another book
    named = {number for page in PAGES for number in re.findall(r"\b[A-Z]{3}-\d{3}\b", page.text)}
    assert named <= there


def test_a_current_page_began_before_the_present() -> None:
    assert all(page.since < local(RECORDS_FROM).date().replace(year=2024, month=11) for page in PAGES)


def test_the_nomogram_is_that_of_the_model() -> None:
    for step in current(STAFF, "heparin_nomogram").rules["steps"]:
        aptt = step["from"] if "from" in step else step["below"] - 1 if "below" in step else step["above"] + 1
        wanted = raschke(aptt)
        assert (wanted.bolus_u_kg, wanted.hold_minutes, wanted.rate_change_u_kg_h) == (
            step["bolus_u_kg"],
            step["hold_min"],
            step["change_u_kg_h"],
        )


def test_limits_name_analytes_of_the_catalogue() -> None:
    limits = current(STAFF, "critical_results").rules["limits"]
    assert all(limit["analyte"] in ANALYTES for limit in limits)
    assert "potassium" in {limit["analyte"] for limit in limits}


def test_the_steps_of_insulin_have_no_gap() -> None:
    steps = current(STAFF, "inpatient_insulin").rules["correction"]
    assert all(low["to"] + 1 == high["from"] for low, high in pairwise(steps[:-1]))
    assert all(step["sensitive"] < step["usual"] < step["resistant"] for step in steps)


def test_an_unknown_page_is_refused() -> None:
    with pytest.raises(ContentError, match="no page 'tea'"):
        current(STAFF, "tea")


def test_a_swap_of_what_does_not_stand_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    page = {**read_page("sepsis")}
    page["versions"] = [page["versions"][0], {**page["versions"][1], "swap": [["not there", ""]]}]
    monkeypatch.setattr(_handbook, "read_page", lambda key: page)
    with pytest.raises(ContentError, match="stands 0 times"):
        handbook(HOSPITAL, STAFF)

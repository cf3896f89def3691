"""Tests that a layer goes on from the person's chart: weights, creatinines, haemoglobins, and drugs with a reason."""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from mab_gym.cohort._history import Someone, read_people
from mab_gym.cohort._layer import Layer
from mab_gym.cohort._layer_kidneys import clearance, is_chronic
from mab_gym.cohort._layered import draw_layer
from mab_gym.cohort._medications import CODES, DRUGS, USES, codes_for
from mab_gym.cohort._spec import BEYOND, BEYOND_TRAIN, NOW, LayeredSpec

from .charts import Cohort

TWO_DAYS, WEEK = 2 * 1440, 7 * 1440
KEYS = {drug.display: drug.key for drug in DRUGS}


@dataclass(frozen=True)
class Drawn:
    spec: LayeredSpec
    people: Mapping[str, Someone]
    layer: Layer

    def results(self, code: str) -> dict[str, list[tuple[int, float, str]]]:
        """Age in minutes, value and status by MRN, the newest first."""
        found: dict[str, list[tuple[int, float, str]]] = defaultdict(list)
        for mrn, each in self.layer.added:
            if each["resourceType"] == "Observation" and each["code"]["text"] == code:
                taken = datetime.fromisoformat(each["effectiveDateTime"]).timestamp()
                value = float(each["valueQuantity"]["value"])
                found[mrn].append((int(NOW - taken) // 60, value, each["status"]))
        return {mrn: sorted(rows) for mrn, rows in found.items()}

    def valid(self, code: str) -> dict[str, list[tuple[int, float]]]:
        kept = {m: [(a, v) for a, v, s in rows if s != "entered-in-error"] for m, rows in self.results(code).items()}
        return {mrn: rows for mrn, rows in kept.items() if rows}

    def orders(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for mrn, each in self.layer.added:
            if each["resourceType"] == "MedicationRequest" and each["status"] == "active":
                found[mrn].append(each)
        return found

    def codes(self, mrn: str) -> set[str]:
        """The codes that somebody has: of the chart's conditions and of those added."""
        drawn = {
            each["code"]["coding"][0]["code"]
            for owner, each in self.layer.added
            if owner == mrn and each["resourceType"] == "Condition"
        }
        return drawn | self.people[mrn].codes


SPECS = {
    "canonical": BEYOND,
    "train": replace(BEYOND, seed=5),
    "below_beyond_train": BEYOND_TRAIN,
    "other": replace(BEYOND, seed=3),
}


@pytest.fixture(scope="module", params=SPECS)
def drawn(request: pytest.FixtureRequest) -> Drawn:
    below: Cohort = request.getfixturevalue(request.param)
    people = read_people(below.tables, 100)
    spec = SPECS[request.param]
    return Drawn(spec, {each.mrn: each for each in people}, draw_layer(spec, people[:100], people))


def test_weights_go_on_from_the_last_one(drawn: Drawn) -> None:
    changes = []
    for mrn, ((_, kilograms),) in drawn.valid("WT").items():
        age, last = drawn.people[mrn].last("WT", TWO_DAYS, 0.0)
        if not last:  # nobody has weighed them before
            continue
        changes.append(abs(kilograms - last))
        assert changes[-1] <= 2.0, (mrn, age, last, kilograms)
    assert len(changes) >= 70
    assert np.median(changes) < 0.6


def test_creatinines_follow_the_rule(drawn: Drawn) -> None:
    """Chronic disease keeps its level; elsewhere acute injury is up to fivefold, over a week, and rare."""
    acute = 0
    for mrn, rows in drawn.valid("CREA").items():
        someone = drawn.people[mrn]
        ratio = rows[0][1] / someone.level("CREA", TWO_DAYS, rows[0][1])
        if is_chronic(someone):
            assert 0.6 <= ratio <= 1.6, mrn
        else:
            acute += ratio > 1.5
            assert 0.7 <= ratio <= 5.6, mrn
        # From one result to the next nothing leaps, the chart's own last one included.
        boundary = WEEK if len(rows) > 1 else TWO_DAYS
        series = [*rows, someone.last("CREA", boundary, rows[-1][1])]
        for (newer, high), (older, low) in itertools.pairwise(series):
            assert high / low < 2.2 or older - newer > 30 * 1440, (mrn, series)
            assert (high - low) / max((older - newer) / 1440, 1.0) < 2.5 or older - newer > WEEK, (mrn, series)
    assert acute <= 12


def test_clearances_lie_at_every_step(drawn: Drawn) -> None:
    weights = drawn.valid("WT")
    found = Counter()  # type: Counter[int]
    for mrn, rows in drawn.valid("CREA").items():
        exact = clearance(drawn.people[mrn], weights[mrn][0][1], rows[0][1])
        assert abs(exact - round(exact)) < 0.4
        found[round(exact) if rows[0][0] <= TWO_DAYS else 0] += 1
    assert min(found[step] for step in (9, 10, 25, 26, 50, 51)) >= 2
    assert found[0] >= 10
    ages = {rows[0][0] for rows in drawn.valid("CREA").values()}
    assert {TWO_DAYS, TWO_DAYS + 1} <= ages


def test_every_active_order_has_a_reason_and_nothing_against_it(drawn: Drawn) -> None:
    for mrn, orders in drawn.orders().items():
        someone, codes = drawn.people[mrn], drawn.codes(mrn)
        for order in orders:
            name = order["medicationCodeableConcept"]["text"]
            key = KEYS.get(name) or name.split()[0].lower()
            use = USES[key]
            assert set(codes_for(key)) & codes, (mrn, key)
            assert not {CODES[each] for each in use.never} & codes, (mrn, key)
            assert use.only in ("", "F" if someone.female else "M"), (mrn, key)
            assert someone.age >= use.least_age, (mrn, key)
            others = {KEYS.get(other["medicationCodeableConcept"]["text"]) for other in orders}
            assert not set(use.not_with) & others, (mrn, key)


def test_some_take_warfarin_and_all_of_them_for_a_reason(drawn: Drawn) -> None:
    takers = {mrn for mrn, orders in drawn.orders().items()
              if any(o["medicationCodeableConcept"]["text"].startswith("Warfarin") for o in orders)}  # fmt: skip
    assert len(takers) == round(100 * drawn.spec.on_warfarin)
    assert all(drawn.codes(mrn) & {"I48.91", "I82.409", "I26.99"} for mrn in takers)
    fibrillation = {mrn for mrn, each in drawn.people.items() if "I48.91" in each.codes and mrn in drawn.orders()}
    assert len(fibrillation & takers) >= 0.7 * len(fibrillation)
    assert set(drawn.results("INR")) == takers
    newest = {round(10 * rows[0][1]) for rows in drawn.valid("INR").values()}
    assert newest >= {14, 15, 19, 20, 30, 31, 35, 36, 44, 45, 100, 101}
    assert all(len(rows) >= 3 for rows in drawn.valid("INR").values())


def test_haemoglobins_are_those_of_people_with_low_ones(drawn: Drawn) -> None:
    tested = drawn.results("HGB")
    assert len(tested) == round(100 * drawn.spec.low_haemoglobin)
    levels = {mrn: each.level("HGB", TWO_DAYS, 14.0) for mrn, each in drawn.people.items() if mrn in drawn.orders()}
    assert max(levels[mrn] for mrn in tested) <= min(level for mrn, level in levels.items() if mrn not in tested) + 0.1
    assert all(len(rows) == 3 for rows in tested.values())


@pytest.mark.parametrize(("code", "share"), [("CREA", 0.15), ("INR", 0.3)])
def test_many_newest_results_were_entered_in_error(drawn: Drawn, code: str, share: float) -> None:
    rows = drawn.results(code)
    void = sum(each[0][2] == "entered-in-error" for each in rows.values())
    assert share * len(rows) <= void <= 0.5 * len(rows)


def test_no_order_is_there_twice_but_by_design(drawn: Drawn) -> None:
    for orders in drawn.orders().values():
        seen = Counter(
            (o["medicationCodeableConcept"]["text"].split()[0].lower(), o["dosageInstruction"][0]["route"]["text"])
            for o in orders
        )
        assert sorted(seen.values())[-1] <= 2
        assert sum(count == 2 for count in seen.values()) <= 1
    assert json.dumps(len(drawn.orders())) == "100"

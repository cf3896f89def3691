"""Counts, from the tables alone, of the presentations that the benchmark's tasks find at its present."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from .charts import Cohort, Reading, newest, valid

NOW = int(datetime(2023, 11, 13, 10, 15, tzinfo=UTC).timestamp())
DAY = 86400
A_YEAR_AGO = int(datetime(2022, 11, 13, 10, 15, tzinfo=UTC).timestamp())


@pytest.fixture(params=["canonical", "train"])
def cohort(request: pytest.FixtureRequest) -> Cohort:
    found: Cohort = request.getfixturevalue(request.param)
    return found


def within_a_day(readings: Iterable[Reading]) -> list[Reading]:
    return [reading for reading in valid(readings) if reading.time >= NOW - DAY]


def most_common(values: Iterable[float]) -> int:
    return Counter(values).most_common(1)[0][1]


def test_magnesium(cohort: Cohort) -> None:
    series = cohort.series("MG")
    assert len(series) == 100
    latest = {mrn: newest(within_a_day(readings)) for mrn, readings in series.items() if within_a_day(readings)}
    values = [reading.value for reading in latest.values()]
    without = [newest(readings) for mrn, readings in series.items() if mrn not in latest]
    assert len(without) >= 15
    assert sum(value > 1.9 for value in values) >= 15
    assert sum(1.5 <= value <= 1.9 for value in values) >= 15
    assert sum(1.0 <= value < 1.5 for value in values) >= 15
    assert sum(value < 1.0 for value in values) >= 15
    assert {1.0, 1.5, 1.9, 2.0} <= set(values)
    assert most_common(values) <= 6
    assert sum(reading.time == NOW - DAY for reading in latest.values()) >= 2
    assert sum(reading.time == NOW - DAY - 60 for reading in without) >= 2


def test_the_latest_magnesium_has_to_be_looked_for(cohort: Cohort) -> None:
    series = cohort.series("MG")
    windows = {mrn: within_a_day(readings) for mrn, readings in series.items() if within_a_day(readings)}
    assert sum(2 <= len(window) <= 4 for window in windows.values()) >= 50

    def tier(value: float) -> int:
        return (value >= 1.0) + (value >= 1.5) + (value > 1.9)

    misleading = sum(len({tier(reading.value) for reading in window}) > 1 for window in windows.values())
    assert misleading >= 15
    last_loaded = sum(max(series[mrn], key=lambda r: r.row) == newest(window) for mrn, window in windows.items())
    first_loaded = sum(min(series[mrn], key=lambda r: r.row) == newest(window) for mrn, window in windows.items())
    assert last_loaded <= 10
    assert first_loaded <= 10
    # By text alone the order of times is another one for some: zones differ.
    assert any(max(window, key=lambda r: r.text) != newest(window) for window in windows.values())


def test_capillary_glucose(cohort: Cohort) -> None:
    series = cohort.series("GLU")
    assert len(series) == 100
    windows = [within_a_day(readings) for readings in series.values()]
    counts = Counter(len(window) for window in windows)
    # Those whose newest reading was written twice are counted with one reading more.
    assert sum(counts[count] for count in range(1, 9)) >= 70
    assert counts[0] >= 20
    assert counts[1] >= 5
    assert max(counts) <= 8
    means = [statistics.mean(reading.value for reading in window) for window in windows if window]
    assert len(set(means)) >= 60
    assert sum(mean % 1 > 0 for mean in means) >= 20
    assert most_common(means) <= 6
    assert most_common(newest(readings).value for readings in series.values()) <= 6


def test_glucose_readings_at_one_instant_agree(cohort: Cohort) -> None:
    ties = 0
    for readings in cohort.series("GLU").values():
        last = newest(readings)
        tied = [reading for reading in valid(readings) if reading.time == last.time]
        assert len({reading.value for reading in tied}) == 1
        ties += len(tied) == 2 and len({reading.text for reading in tied}) == 2
    assert ties >= 3


def test_potassium(cohort: Cohort) -> None:
    series = cohort.series("K")
    assert len(series) == 100
    values = Counter(newest(readings).value for readings in series.values())
    low = {value: count for value, count in values.items() if value < 3.5}
    assert sum(low.values()) >= 45
    assert sorted(low) == [round(2.3 + 0.1 * step, 1) for step in range(12)]
    assert values.pop(3.5) >= 8
    assert sum(count for value, count in values.items() if value > 3.5) >= 35
    assert max(values.values()) <= 6


def test_hemoglobin_a1c(cohort: Cohort) -> None:
    series = cohort.series("A1C")
    assert 100 - len(series) >= 12
    latest = [newest(readings) for readings in series.values()]
    assert sum(reading.time >= A_YEAR_AGO for reading in latest) >= 35
    assert sum(reading.time < A_YEAR_AGO for reading in latest) >= 35
    assert sum(reading.time == A_YEAR_AGO for reading in latest) >= 2
    assert sum(reading.time == A_YEAR_AGO - 60 for reading in latest) >= 2
    assert most_common(reading.value for reading in latest) <= 6
    assert len({reading.text for reading in latest}) >= 75


@pytest.mark.parametrize("code", ["MG", "K", "A1C"])
def test_no_verdict_hangs_on_a_tie(cohort: Cohort, code: str) -> None:
    for readings in cohort.series(code).values():
        last = newest(readings)
        assert sum(reading.time == last.time for reading in readings) == 1


def test_errors_and_amendments_stand_where_they_matter(cohort: Cohort) -> None:
    """At the end of some series stands a reading entered in error, and some valid newest ones were amended."""
    withdrawn, revised, void_in_a_window = Counter[str](), Counter[str](), 0
    for code in ("MG", "K", "GLU", "A1C"):
        for readings in cohort.series(code).values():
            last = max(readings, key=lambda reading: reading.time)
            if last.status == "entered-in-error":
                withdrawn[code] += 1
                assert last.time <= NOW - 16 * 60
                assert last.value != newest(readings).value
            revised[code] += newest(readings).status in ("amended", "corrected")
            void_in_a_window += any(r.status == "entered-in-error" and r.time >= NOW - DAY for r in readings)
    assert min(withdrawn[code] for code in ("MG", "K", "GLU", "A1C")) >= 2
    assert min(revised[code] for code in ("MG", "K", "GLU", "A1C")) >= 2
    assert void_in_a_window >= 15


def test_an_error_can_turn_a_decision_around(cohort: Cohort) -> None:
    """Taking the last reading for valid gives potassium to somebody who has enough, or none to who lacks it."""
    turned = 0
    for code, limit in (("K", 3.5), ("MG", 2.0)):
        for readings in cohort.series(code).values():
            last = max(readings, key=lambda reading: reading.time)
            turned += (last.value < limit) != (newest(readings).value < limit)
    assert turned >= 2


def test_the_newest_result_is_seldom_on_the_first_page(cohort: Cohort) -> None:
    """A page holds twenty, in load order; charts for training are shorter."""
    whole = len(cohort.tables["Observation"]) > 500_000
    shares = {"K": 0.5, "GLU": 0.5, "MG": 0.3} if whole else {"K": 0.25, "GLU": 0.2}
    for code, share in shares.items():
        later = 0
        for readings in cohort.series(code).values():
            in_order = sorted(readings, key=lambda reading: reading.row)
            later += newest(readings) not in in_order[:20]
        assert later >= share * 100


def test_families_are_assigned_independently(cohort: Cohort) -> None:
    magnesium, potassium = cohort.series("MG"), cohort.series("K")
    combinations = {
        (bool(within_a_day(magnesium[mrn])), newest(magnesium[mrn]).value >= 1.5, newest(potassium[mrn]).value >= 3.5)
        for mrn in magnesium
    }
    assert len(combinations) >= 7

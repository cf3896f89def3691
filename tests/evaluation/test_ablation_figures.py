"""The meaning of an ablation's settings, and the figures that come of records: differences with their intervals."""

from __future__ import annotations

from typing import Any

import pytest

from mab_gym.errors import UsageError
from mab_gym.runs._ablation import DIMENSIONS, between, dimension, figures
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._statistics import Estimate, wilson


def record(case: int, solved: bool, **more: Any) -> EpisodeRecord:
    known: dict[str, Any] = {
        "env": "e", "agent": "a", "case": f"f/{case:02}", "family": "f", "branch": "b", "kind": "query",
        "difficulty": "easy", "seed": case, "reward": float(solved), "steps": 3, "terminated": True,
        "truncated": False, "verdict": {"success": solved, "unsafe": False},
    }  # fmt: skip
    return EpisodeRecord(**{**known, **more})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("steps", None, "needs settings"),
        ("steps", " ", "needs settings"),
        ("steps", "2,,4", "empty setting"),
        ("steps", "2,4,", "empty setting"),
        ("steps", "2,x", "whole number from 1, not 'x'"),
        ("steps", "2,0", "whole number from 1, not '0'"),
        ("steps", "2,-1", "not '-1'"),
        ("steps", "2,2.5", "not '2.5'"),
        ("steps", "2,1_0", "not '1_0'"),
        ("steps", "2,²", "not '²'"),
        ("steps", "2," + "9" * 5000, "whole number"),
        ("steps", "2,4,02", "2 is there twice"),
        ("steps", "4", "two settings or more"),
        ("steps", "2,none", "not 'none'"),
        ("difficulty", "easy,nonsense", "easy, medium, hard"),
        ("observation-length", "none,None", "'none' or is a whole number from 1, not 'None'"),
        ("protocol", "ehr,nonsense", "ehr, official"),
    ],
)
def test_settings_that_are_none_are_told(name: str, text: str | None, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        DIMENSIONS[name].settings(text)
    assert words in str(caught.value)


def test_settings_mean_what_they_say() -> None:
    assert DIMENSIONS["steps"].settings(" 12, 04") == {"12": 12, "4": 4}
    assert dimension("length").settings("1000,none") == {"1000": 1000, "none": None}
    assert dimension("Observation length") is dimension("observation_length") is DIMENSIONS["observation-length"]
    assert list(DIMENSIONS["difficulty"].settings(None)) == ["easy", "medium", "hard"]
    assert list(DIMENSIONS["protocol"].settings(None)) == ["ehr", "official"]
    assert dimension("clock").settings("0,5") == {"0": 0, "5": 5}
    assert list(DIMENSIONS["knowledge"].settings(None)) == ["prompt", "handbook", "none"]
    assert not DIMENSIONS["knowledge"].is_without_limit("none")
    with pytest.raises(UsageError, match="steps, difficulty, horizon, notes, knowledge, minutes-per-action, obs"):
        dimension("weather")


def test_a_case_belongs_to_the_least_setting_that_it_does_not_exceed() -> None:
    horizon = DIMENSIONS["horizon"]
    settings = horizon.settings("35,20,none")
    assert [horizon.setting_of(steps, settings) for steps in (1, 20, 21, 35, 36)] == ["20", "20", "35", "35", "none"]
    assert horizon.setting_of(None, settings) is None
    assert horizon.setting_of(21, horizon.settings("10,20")) is None
    assert DIMENSIONS["difficulty"].setting_of("hard", {"easy": "easy"}) is None


def test_a_paired_difference_is_over_the_cases_that_count_in_both() -> None:
    ours = [record(0, True), record(1, True), record(2, False), record(3, True, agent_error="gone")]
    theirs = [record(0, False), record(1, True), record(2, False), record(3, False), record(4, True)]
    (here, there) = figures({"here": ours, "there": theirs}, "there", True, 0)
    assert there.difference is None
    assert here.difference is not None
    assert here.difference.value == pytest.approx(1 / 3)
    assert here.difference.cases == 3
    assert here.difference.low <= 0.0 < here.difference.high
    assert (here.episodes, here.counted) == (4, 3)
    assert here.rates["overall"] == Estimate(2 / 3, *wilson(2 / 3, 3), 3)
    assert here.rates["action"] is None
    assert (here.tokens_in, here.cost) == (None, None)


def test_repetitions_of_a_case_are_one_case() -> None:
    ours = [record(case, case == again, repeat=again) for case in range(3) for again in range(2)]
    theirs = [record(case, False, repeat=again) for case in range(3) for again in range(2)]
    here, _ = figures({"here": ours, "there": theirs}, "there", True, 0)
    assert here.difference is not None
    assert here.difference.value == pytest.approx(1 / 3)
    assert here.difference.cases == 3


def test_the_interval_between_different_cases_is_newcombes() -> None:
    # His example (1998, table II, contrast a): 56/70 and 48/80.
    found = between(Estimate(56 / 70, *wilson(56 / 70, 70), 70), Estimate(48 / 80, *wilson(48 / 80, 80), 80))
    assert [found.value, found.low, found.high] == pytest.approx([0.2, 0.0524, 0.3339], abs=1e-4)

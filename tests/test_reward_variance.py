"""The study of groups whose rewards differ: what it counts is what was played."""

from __future__ import annotations

import runpy
from typing import Any

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "reward_variance.py"))


def test_who_is_always_right_gives_nothing_to_learn(script: dict[str, Any]) -> None:
    result = script["study"](1.0, 1, 0)
    assert result["success"] == 1.0
    assert set(result["conditions"]) == set(script["CONDITIONS"])
    for condition in result["conditions"].values():
        assert (condition["share"], condition["mean_spread"]) == (0.0, 0.0)
        assert sum(condition["groups"].values()) == 10


def test_who_slips_gives_something_and_the_same_again(script: dict[str, Any]) -> None:
    result = script["study"](0.5, 1, 3)
    assert 0.0 < result["success"] < 1.0
    assert result["conditions"]["partial"]["share"] >= result["conditions"]["sparse"]["share"] > 0.3
    assert result == script["study"](0.5, 1, 3)
    assert "patient_age" in script["table"]([result])

"""Curricula, and the branches that they ask for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from mab_gym.actions import OutOfContext
from mab_gym.agents._fallible import Fallible
from mab_gym.curriculum import CaseSampler, Curriculum, CurriculumWrapper, StagedCurriculum, Stratum, strata
from mab_gym.errors import UsageError
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import Assignment, play
from tests.conftest import CANONICAL, OFFICIAL, make

TRAIN = "mab_gym/MedAgentBench-Train-v0"
STRATA = (
    Stratum("easy", "age", "a"),
    Stratum("medium", "lookup", "b"),
    Stratum("medium", "lookup", "c"),
    Stratum("hard", "dose", "d"),
)


def ended(stratum: Stratum, success: float, **more: Any) -> dict[str, Any]:
    return {
        "difficulty": stratum.difficulty, "family": stratum.family, "branch": stratum.branch,
        "verdict": {"success": bool(success == 1.0), "credit": success}, **more,
    }  # fmt: skip


def drawn(curriculum: CaseSampler, count: int = 2000, seed: int = 0) -> Counter[str]:
    """Counts how often each branch is chosen."""
    rng = np.random.default_rng(seed)
    return Counter(curriculum.next_options(rng)["branch"] for _ in range(count))


# --- branches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", [CANONICAL, TRAIN])
def test_every_branch_can_be_asked_for(env_id: str) -> None:
    env = gymnasium.make(env_id)
    for stratum in strata(env):
        _, info = env.reset(seed=1, options={"family": stratum.family, "branch": stratum.branch})
        case = unwrapped(env).episode.case
        assert case is not None
        assert Stratum(info["difficulty"], case.family, case.branch) == stratum
        assert env.step("no action")[4]["branch"] == stratum.branch


def test_a_branch_without_a_family_is_taken_from_those_that_have_it() -> None:
    env = gymnasium.make(TRAIN)
    families = {env.reset(seed=seed, options={"branch": "normal"})[1]["family"] for seed in range(20)}
    assert families == {"record_blood_pressure", "replace_magnesium", "replace_potassium"}
    hard = {env.reset(seed=s, options={"branch": "normal", "difficulty": "hard"})[1]["family"] for s in range(20)}
    assert hard == {"replace_magnesium", "replace_potassium"}


def test_equal_seeds_draw_equal_cases_of_a_branch_and_others_other_ones() -> None:
    env = gymnasium.make(TRAIN)

    def text(seed: int) -> str:
        return str(env.reset(seed=seed, options={"family": "replace_potassium", "branch": "low"})[0]["text"])

    assert text(4) == text(4)
    assert len({text(seed) for seed in range(10)}) > 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"family": "replace_potassium", "branch": "high"}, "replace_potassium: low, at_threshold, normal"),
        ({"difficulty": "easy", "branch": "low", "family": "patient_age"}, "no easy tasks|no family that fits"),
        ({"branch": "nowhere"}, "latest_magnesium: in_window"),
        ({"branch": 3}, "named by a text"),
    ],
)
def test_a_branch_that_is_not_there_is_told(options: dict[str, Any], words: str) -> None:
    for env_id in (CANONICAL, TRAIN):
        with pytest.raises(UsageError, match=words):
            gymnasium.make(env_id).reset(options=options)


def test_official_tasks_have_one_branch() -> None:
    env = make(OFFICIAL)
    assert env.reset(seed=1, options={"family": "task5", "branch": "official"})[1]["family"] == "task5"
    led = CurriculumWrapper(env, StagedCurriculum(strata(env)))
    for seed in range(5):
        led.reset(seed=seed)
        led.step("FINISH([])")
    assert sum(record.episodes for record in led.curriculum.records.values()) == 5


# --- curricula -------------------------------------------------------------------------------------------------------


def test_what_is_solved_now_and_then_is_played_most() -> None:
    curriculum = Curriculum(STRATA, explore=0.1)
    assert min(drawn(curriculum).values()) > 400  # as long as nothing is known, all alike
    for turn in range(40):
        for stratum, success in zip(STRATA, (1, turn % 2, 0, turn % 10 == 0), strict=True):
            curriculum.record(ended(stratum, float(success)))
    often = drawn(curriculum)
    assert often["b"] > often["d"] > 0
    assert often["b"] > 1200
    assert 20 < often["a"] < 200  # always solved, and never: out of curiosity alone
    assert 20 < often["c"] < 200


def test_the_target_can_be_another_one() -> None:
    rates = {"a": 0.2, "b": 0.5, "c": 0.8, "d": 1.0}
    for target, best in ((0.2, "a"), (0.5, "b"), (0.8, "c")):
        curriculum = Curriculum(STRATA, target=target, decay=1.0)
        for turn in range(100):
            for stratum in STRATA:
                curriculum.record(ended(stratum, float(turn % 10 < 10 * rates[stratum.branch])))
        assert drawn(curriculum).most_common(1)[0][0] == best


def test_what_was_is_forgotten() -> None:
    curriculum = Curriculum(STRATA, decay=0.9)
    for success in [0.0] * 50 + [1.0, 0.0] * 20:
        curriculum.record(ended(STRATA[0], success))
    assert curriculum.records[STRATA[0]].rate(0.5) == pytest.approx(0.5, abs=0.1)


def test_what_is_being_learnt_draws_episodes() -> None:
    curriculum = Curriculum(STRATA, focus=0.0, progress=20.0)
    for turn in range(60):
        curriculum.record(ended(STRATA[0], float(turn > 45)))
        for stratum in STRATA[1:]:
            curriculum.record(ended(stratum, float(turn % 2)))
    assert drawn(curriculum).most_common(1)[0][0] == "a"


def test_credit_can_be_recorded_in_place_of_success() -> None:
    curriculum = Curriculum(STRATA, outcome="credit")
    for _ in range(30):
        curriculum.record(ended(STRATA[0], 0.5))
        for stratum in STRATA[1:]:
            curriculum.record(ended(stratum, 0.0))
    assert drawn(curriculum).most_common(1)[0][0] == "a"


def test_stages_follow_one_another() -> None:
    curriculum = StagedCurriculum(STRATA, threshold=0.7, least=10, replay=0.25)
    assert set(drawn(curriculum)) == {"a"}
    for _ in range(30):
        curriculum.record(ended(STRATA[0], 0.0))
    for _ in range(9):
        curriculum.record(ended(STRATA[3], 1.0))  # what is no part of the stage does not end it
    assert curriculum.stage == "easy"
    for _ in range(100):
        curriculum.record(ended(STRATA[0], 1.0))
    assert curriculum.stage == "medium"
    often = drawn(curriculum)
    assert set(often) == {"a", "b", "c"}
    assert often["a"] == pytest.approx(500, abs=100)
    assert often["b"] == pytest.approx(often["c"], abs=150)
    for _ in range(9):
        curriculum.record(ended(STRATA[1], 1.0))
    assert curriculum.stage == "medium"  # too few to tell
    for _ in range(30):
        curriculum.record(ended(STRATA[2], 1.0))
    assert curriculum.stage == "hard"
    for _ in range(100):
        curriculum.record(ended(STRATA[3], 1.0))
    assert curriculum.stage == "hard"


@pytest.mark.parametrize("kind", [Curriculum, StagedCurriculum])
def test_a_saved_curriculum_goes_on_as_if_nothing_had_been(kind: type[CaseSampler], tmp_path: Path) -> None:
    def fill(curriculum: CaseSampler, turns: range) -> None:
        for turn in turns:
            curriculum.record(ended(STRATA[turn % 4], float(turn % 3 > 0)))

    whole, first, second = (kind(STRATA) for _ in range(3))  # type: ignore[call-arg]
    fill(whole, range(300))
    fill(first, range(150))
    first.save(tmp_path / "state.json")
    second.load(tmp_path / "state.json")
    fill(second, range(150, 300))
    assert second.state_dict() == whole.state_dict() == json.loads(json.dumps(whole.state_dict()))
    assert drawn(second) == drawn(whole)
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (lambda c: c([]), "at least one stratum"),
        (lambda c: c(STRATA, decay=0.0), "decay is a number from 0.01 to 1"),
        (lambda c: c(STRATA, outcome="luck"), "success or credit"),
        (lambda _: Curriculum(STRATA, target=1.0), "target is a number between 0 and 1"),
        (lambda _: Curriculum(STRATA, explore=2.0), "explore is a number from 0 to 1"),
        (lambda _: Curriculum(STRATA, focus=-1.0), "focus is a number from 0, not -1"),
        (lambda _: StagedCurriculum(STRATA, least=0), "least is a whole number from 1"),
        (lambda c: c(STRATA).record({"cost": 0.0}), "the last info of an episode"),
        (lambda c: c(STRATA).load_state_dict({"curriculum": "Other"}), "not saved by a"),
        (lambda c: c(STRATA).load_state_dict({**c(STRATA).state_dict(), "records": {"x/y/z": []}}), "x/y/z"),
        (lambda c: c(STRATA).load_state_dict({**c(STRATA).state_dict(), "records": {"easy/age/a": [1]}}), "damaged"),
        (lambda c: c(STRATA).load("/nowhere/state.json"), "cannot be read as the state"),
        (lambda _: strata(gymnasium.make("CartPole-v1")), "CartPoleEnv"),
    ],
)
def test_wrong_use_is_told(do: Callable[[Any], object], words: str) -> None:
    for kind in (Curriculum, StagedCurriculum):
        with pytest.raises(UsageError, match=words):
            do(kind)


def test_what_the_record_system_spoiled_and_what_is_no_arm_is_not_recorded() -> None:
    for curriculum in (Curriculum(STRATA), StagedCurriculum(STRATA)):
        before = curriculum.state_dict()
        curriculum.record(ended(STRATA[0], 0.0, infrastructure_error="down"))
        curriculum.record(ended(Stratum("brutal", "age", "z"), 1.0))
        assert curriculum.state_dict() == before


# --- at work ---------------------------------------------------------------------------------------------------------


def test_an_environment_is_led_by_its_curriculum() -> None:
    def trained() -> tuple[list[str], Curriculum]:
        env = gymnasium.make(TRAIN)
        curriculum = Curriculum(strata(env))
        led = CurriculumWrapper(env, curriculum)
        played = [play(led, Fallible(0.6), Assignment(seed)) for seed in range(120)]
        return [f"{record.family}/{record.branch}" for record in played], curriculum

    played, curriculum = trained()
    assert sum(record.episodes for record in curriculum.records.values()) == 120
    assert {f"{each.family}/{each.branch}" for each, r in curriculum.records.items() if r.episodes} == set(played)
    again, other = trained()
    assert again == played
    assert other.state_dict() == curriculum.state_dict()


def test_options_of_ones_own_come_first_and_are_recorded() -> None:
    env = gymnasium.make(CANONICAL)
    led = CurriculumWrapper(env, Curriculum(strata(env)))
    for options in ({"case": "check_a1c/03"}, {"family": "check_a1c"}):
        assert led.reset(seed=0, options=options)[1]["family"] == "check_a1c"
        led.step("FINISH([])")
    assert led.reset(seed=0, options={"variant": "lookup"})[1]["variant"] == "lookup"
    led.reset(seed=0)
    led.step(OutOfContext("full"))
    assert sum(record.episodes for record in led.curriculum.records.values()) == 3
    with pytest.raises(UsageError, match="options are a dict"):
        led.reset(options="easy")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="whole number from 0"):
        led.reset(seed=-1)


def test_the_fallible_player_is_as_good_as_its_skill() -> None:
    env = gymnasium.make(TRAIN)
    solved = [
        sum(play(env, Fallible(skill), Assignment(seed)).reward for seed in range(60)) / 60 for skill in (0, 0.5, 1.0)
    ]
    assert solved[0] < 0.1 < solved[1] < 0.9
    assert solved[2] == 1.0
    with pytest.raises(UsageError, match="from 0 to 1"):
        Fallible(2.0)


def test_stages_may_be_horizons_or_services() -> None:
    found = [
        Stratum("hard", "long", "a", "ward", 60),
        Stratum("hard", "short", "a", "clinic", 14),
        Stratum("hard", "middle", "a", "ward", 30),
    ]
    horizon = StagedCurriculum(found, by="horizon", threshold=0.5, least=1, replay=0.0)
    assert horizon.stage == "up to 20 steps"
    assert horizon.weights() == [0.0, 1.0, 0.0]
    horizon.record(ended(Stratum("hard", "short", "a"), 1.0))
    assert horizon.stage == "up to 35 steps"
    assert horizon.weights() == [0.0, 0.0, 1.0]
    service = StagedCurriculum(found, by="service", threshold=0.5, least=1, replay=0.0)
    assert service.stage == "clinic"
    service.record(ended(Stratum("hard", "short", "a"), 1.0))
    assert service.weights() == [0.5, 0.0, 0.5]
    with pytest.raises(UsageError, match="difficulty, horizon, service"):
        StagedCurriculum(found, by="weather")

"""The vector environment: what Gymnasium's own of single environments gives."""

from __future__ import annotations

import json
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics

from mab_gym.envs._spaces import AnyText, AnyTexts
from mab_gym.envs._vector import MedicalRecordVectorEnv
from mab_gym.errors import UsageError
from tests.conftest import CANONICAL, OFFICIAL, official_files
from tests.test_env import PLAYABLE

DISABLED = AutoresetMode.DISABLED
BASE = "http://localhost:8080/fhir"
LOOK = f"GET {BASE}/Patient?_count=1"
END = "FINISH([])"
Vector = gymnasium.vector.VectorEnv[Any, Any, Any]


def make_vec(env_id: str = CANONICAL, num_envs: int = 3, **arguments: Any) -> Vector:
    if env_id == OFFICIAL:
        arguments = {**official_files(), **arguments}
    return gymnasium.make_vec(env_id, num_envs, **arguments)


def ours(env: Vector) -> MedicalRecordVectorEnv:
    inner = env.unwrapped
    assert isinstance(inner, MedicalRecordVectorEnv)
    return inner


def mask(*places: bool) -> dict[str, Any]:
    return {"reset_mask": np.array(places)}


# --- as Gymnasium's own ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", PLAYABLE)
def test_every_id_is_made_as_a_vector_environment(env_id: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = make_vec(env_id, 2, vectorization_mode="vector_entry_point")
    assert isinstance(env.unwrapped, MedicalRecordVectorEnv)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    observations, infos = env.reset(seed=3)
    assert observations in env.observation_space
    env.action_space.seed(3)
    for _ in range(10):
        observations, rewards, terminated, truncated, infos = env.step(env.action_space.sample())
        assert observations in env.observation_space
        assert (rewards.dtype, terminated.dtype, truncated.dtype) == (np.float64, np.bool_, np.bool_)
        assert rewards.shape == terminated.shape == truncated.shape == infos["_case"].shape == (2,)
    env.close()


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize(
    ("env_id", "arguments"),
    [
        (CANONICAL, {"reward": "partial", "max_steps": 3}),
        ("mab_gym/MedAgentBench-Easy-v0", {"max_obs_chars": 500}),
        ("mab_gym/MedAgentBench-Train-v0", {}),
    ],
)
def test_equal_seeds_and_actions_give_what_single_environments_give(
    env_id: str, arguments: dict[str, Any], mode: str
) -> None:
    env = make_vec(env_id, 4, autoreset_mode=mode, **arguments)
    single = make_vec(env_id, 4, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **arguments)
    assert (env.action_space, env.observation_space) == (single.action_space, single.observation_space)
    seeds: Any = [5, 1, 5, None]
    for first in (11, seeds):
        mine, theirs = env.reset(seed=first), single.reset(seed=first)
        if first is not seeds:
            assert data_equivalence(mine, theirs, exact=True)
    assert mine[0]["text"][0] == mine[0]["text"][2] == theirs[0]["text"][2]
    env.reset(seed=7), single.reset(seed=7)
    env.action_space.seed(1)
    ended = 0
    for _ in range(100):
        actions = env.action_space.sample()
        step = env.step(actions)
        assert data_equivalence(step, single.step(actions), exact=True)
        ended += int(np.sum(step[2] | step[3]))
    assert ended > 20
    inner: Any = single.unwrapped
    assert ours(env).np_random_seed == inner.np_random_seed
    assert [random.random() for random in ours(env).np_random] == [random.random() for random in inner.np_random]


def test_without_autoreset_masked_resets_give_what_single_environments_give() -> None:
    env = make_vec(num_envs=4, autoreset_mode="Disabled")
    single = make_vec(num_envs=4, vectorization_mode="sync", vector_kwargs={"autoreset_mode": DISABLED})
    assert data_equivalence(env.reset(seed=2), single.reset(seed=2), exact=True)
    env.action_space.seed(2)
    for number in range(60):
        actions = env.action_space.sample()
        step = env.step(actions)
        assert data_equivalence(step, single.step(actions), exact=True)
        ended = step[2] | step[3]
        if ended.any():
            options = {"reset_mask": ended, "family": "check_a1c"}
            seed = number if number % 2 else None
            fresh = env.reset(seed=seed, options=options)
            assert set(options) == {"reset_mask", "family"}  # the caller's dict is the caller's
            assert data_equivalence(fresh, single.reset(seed=seed, options=options), exact=True)


def test_final_observations_and_infos_of_same_step() -> None:
    env = make_vec(num_envs=2, autoreset_mode="SameStep")
    _, first = env.reset(options={"case": "check_a1c/01"})
    observations, _, terminated, _, infos = env.step([END, LOOK])
    assert terminated.tolist() == infos["_final_obs"].tolist() == infos["_final_info"].tolist() == [True, False]
    assert infos["final_obs"][0] in env.single_observation_space
    assert infos["final_obs"][1] is None
    assert infos["final_info"]["verdict"]["failure"][0]
    assert infos["final_info"]["case"][0] == first["case"][0]
    assert infos["step"].tolist() == [0, 1]
    assert "Task:" in observations["text"][0]


def test_next_step_ignores_the_action_after_the_end() -> None:
    env = make_vec(num_envs=2)
    env.reset(seed=1)
    _, _, terminated, _, infos = env.step([END, LOOK])
    assert terminated.tolist() == infos["_verdict"].tolist() == [True, False]
    ignored: Any = [None, LOOK]
    observations, rewards, terminated, truncated, infos = env.step(ignored)
    assert not terminated.any() and not truncated.any() and not rewards.any()
    assert infos["step"].tolist() == [0, 2]
    assert "Task:" in observations["text"][0]


# --- Gymnasium's own around it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_async_vector_environments_work_without_shared_memory(context: str) -> None:
    """Processes share the archive, which is mapped into memory."""
    made = {"shared_memory": False, "context": context}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
        env = make_vec(num_envs=2, vectorization_mode="async", vector_kwargs=made)
    mine = make_vec(num_envs=2)
    try:
        assert data_equivalence(env.reset(seed=4), mine.reset(seed=4), exact=True)
        env.action_space.seed(4)
        for _ in range(12):
            actions = env.action_space.sample()
            assert data_equivalence(env.step(actions), mine.step(actions), exact=True)
    finally:
        env.close()


@pytest.mark.parametrize("arguments", [{}, {"shared_memory": True}])
def test_async_vector_environments_refuse_shared_memory(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="shared_memory=False"):
        make_vec(num_envs=2, vectorization_mode="async", vector_kwargs=arguments)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_gymnasiums_wrappers_work(mode: str) -> None:
    env = DictInfoToList(RecordEpisodeStatistics(make_vec(num_envs=2, autoreset_mode=mode)))
    env.reset(seed=0)
    env.step([LOOK, LOOK])
    infos: Any = env.step([END, LOOK])[4]
    assert (infos[0]["episode"]["l"], infos[0]["episode"]["r"]) == (2, 0.0)
    assert "episode" not in infos[1]
    told = infos[0] if mode == "NextStep" else infos[0]["final_info"]
    assert told["verdict"]["success"] == np.False_
    assert told["verdict"]["reasons"][0]["code"]


def test_statistics_follow_masked_resets() -> None:
    env = RecordEpisodeStatistics(make_vec(num_envs=2, autoreset_mode=DISABLED))
    env.reset(seed=0)
    env.step([END, LOOK])
    env.reset(options=mask(True, False))
    infos = env.step([END, END])[4]
    assert infos["episode"]["l"].tolist() == [1, 2]


def test_texts_are_batched_by_one_space() -> None:
    space = gymnasium.vector.utils.batch_space(AnyText(lambda random: str(random.integers(9)), seed=1), 4)
    assert isinstance(space, AnyTexts)
    assert space == AnyTexts(4) != AnyTexts(3)
    assert hash(space) == hash(AnyTexts(4))
    sample = space.sample()
    assert sample in space and len(sample) == 4
    assert ["a", "é\n", "", "d"] in space and np.array(["a"] * 4) in space
    assert ("a", "b", "c") not in space and ("a", "b", "c", 4) not in space and "abcd" not in space
    assert space.from_jsonable(json.loads(json.dumps(space.to_jsonable([sample])))) == [sample]
    with pytest.raises(ValueError, match="mask"):
        space.sample(mask=1)

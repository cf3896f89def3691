"""The vector environment's episodes: steps, cases, errors, faults and the memory that they take."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import pytest

from mab_gym.actions import OutOfContext
from mab_gym.agents._reference import Oracle
from mab_gym.envs._scenario import Scenario
from mab_gym.envs._vector import MedicalRecordVectorEnv
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.fhir.http._server import Request, Response
from mab_gym.fhir.model import _parse
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, play_until_judged
from tests.backends.hospital import hospital
from tests.conftest import CANONICAL, HAPI, OFFICIAL
from tests.integrations.scripts import LIVING, own_record, with_every_verb
from tests.test_vector import BASE, DISABLED, END, LOOK, Vector, make_vec, mask, ours


@pytest.fixture
def three() -> Iterator[MedicalRecordVectorEnv]:
    """Three episodes with autoreset disabled, begun."""
    env = ours(make_vec(autoreset_mode=DISABLED))
    env.reset(seed=0)
    yield env
    env.close()


# --- rollouts of language models -------------------------------------------------------------------------------------


def test_none_leaves_an_episode_alone(three: MedicalRecordVectorEnv) -> None:
    before, *_ = three.step([LOOK, LOOK, END])
    observations, rewards, terminated, truncated, infos = three.step([None, LOOK, None])
    assert [observations[key][0] == before[key][0] for key in ("text", "fhir", "status")] == [True] * 3
    assert before["fhir"][0]
    assert terminated.tolist() == [False, False, True]
    assert not rewards.any() and not truncated.any()
    assert infos["_step"].tolist() == [False, True, False]
    assert infos["step"][1] == 2
    assert three.step([LOOK, None, None])[4]["step"][0] == 2


def test_who_has_ended_takes_no_action_until_it_is_reset(three: MedicalRecordVectorEnv) -> None:
    three.step([LOOK, END, LOOK])
    with pytest.raises(gymnasium.error.ResetNeeded, match=r"environments 1 have ended.*reset_mask"):
        three.step([LOOK, LOOK, LOOK])
    assert three.step([LOOK, None, LOOK])[4]["step"].tolist() == [2, 0, 2]
    before = three.step([LOOK, None, None])[0]
    observations, infos = three.reset(options={**mask(False, True, False), "case": "check_a1c/02"})
    assert infos["_case"].tolist() == [False, True, False]
    assert infos["case"][1] == "check_a1c/02"
    assert observations["text"][::2] == before["text"][::2]
    assert observations["status"].tolist() == [200, 0, 200]
    assert three.step([LOOK, LOOK, LOOK])[4]["step"].tolist() == [4, 1, 3]


def test_observations_need_not_be_kept() -> None:
    env = ours(make_vec(autoreset_mode=DISABLED, keep_observations=False))
    env.reset(seed=0)
    observations = env.step([LOOK, LOOK, END])[0]
    assert observations["fhir"][0] and observations["status"].tolist() == [200, 200, 0]
    observations, _ = env.reset(options=mask(False, False, True))
    assert observations["text"][:2] == observations["fhir"][:2] == ("", "")
    assert "Task:" in observations["text"][2]
    assert env.step([LOOK, LOOK, LOOK])[4]["step"].tolist() == [2, 2, 1]


def test_an_agent_that_cannot_read_any_more_ends_its_episode(three: MedicalRecordVectorEnv) -> None:
    _, _, terminated, truncated, infos = three.step([LOOK, OutOfContext("8,192 tokens"), LOOK])
    assert truncated.tolist() == [False, True, False] and not terminated.any()
    assert "8,192 tokens" in infos["verdict"]["reasons"][1][0]["text"]


@pytest.fixture(scope="module")
def living() -> dict[str, EpisodeRecord]:
    """By case, the record of a solution of each stay and of casework, which uses every verb."""
    found = {}
    for env_id, cases in LIVING.items():
        env = gymnasium.make(env_id)
        for case in cases:
            gold = play_until_judged(env, Oracle(), Assignment(0, case))
            found[case] = own_record(env, case, with_every_verb(gold.actions))
    return found


@pytest.mark.parametrize("env_id", LIVING)
def test_stays_and_casework_are_played_at_once_each_by_its_own_clock(
    env_id: str, living: Mapping[str, EpisodeRecord]
) -> None:
    records = [living[case] for case in LIVING[env_id]]
    env = make_vec(env_id, len(records), autoreset_mode=DISABLED)
    observations, _ = env.reset(seed=0, options={"case": list(LIVING[env_id])})
    heard: list[list[str]] = [[text] for text in observations["text"]]
    for number in range(max(record.steps for record in records)):
        actions: Any = [record.actions[number] if number < record.steps else None for record in records]
        observations, rewards, terminated, _, infos = env.step(actions)
        for place, record in enumerate(records):
            if number < record.steps:
                heard[place].append(observations["text"][place])
                assert terminated[place] == (number + 1 == record.steps)
            if number + 1 == record.steps:
                assert (rewards[place], infos["verdict"]["credit"][place]) == (1.0, 1.0)
                assert infos["verdict"]["success"][place]
    for record, texts in zip(records, heard, strict=True):
        assert texts[:-1] == [each["content"] for each in record.messages if each["role"] == "user"]


@pytest.mark.parametrize("mode", ["vector_entry_point", "sync", "async"])
@pytest.mark.parametrize("env_id", LIVING)
def test_gymnasiums_own_vectors_play_stays_and_casework(
    env_id: str, mode: str, living: Mapping[str, EpisodeRecord]
) -> None:
    how: dict[str, Any] = {}
    cases = LIVING[env_id]
    if mode == "async":  # one case, as its processes take seconds to begin
        how, cases = {"vector_kwargs": {"shared_memory": False, "context": "spawn"}}, cases[:1]
    for case in cases:
        # Each in a vector of its own: without shared memory Gymnasium 1.4 forgets that a reset has undone an end.
        record, env = living[case], make_vec(env_id, 2, vectorization_mode=mode, **how)
        try:
            env.reset(seed=0, options={"case": case})
            for action in record.actions:
                _, rewards, terminated, _, infos = env.step([action] * 2)
            assert (terminated.tolist(), rewards.tolist()) == ([True] * 2, [record.reward] * 2)
            assert infos["verdict"]["success"].tolist() == [True] * 2
            assert infos["step"].tolist() == [record.steps] * 2
        finally:
            env.close()


def test_cases_are_chosen_for_each_episode_or_for_all() -> None:
    env = make_vec(num_envs=4)
    cases = ["check_a1c/01", "check_a1c/01", "latest_magnesium/07", None]
    observations, infos = env.reset(seed=[1, 2, 3, 4], options={"case": cases})  # type: ignore[arg-type]
    assert infos["case"][:3].tolist() == cases[:3]
    assert observations["text"][0] == observations["text"][1] != observations["text"][2]
    assert env.reset(options={"case": np.array(["check_a1c/05"] * 4)})[1]["case"].tolist() == ["check_a1c/05"] * 4
    _, infos = env.reset(options={"difficulty": ("easy", "hard", "easy", "hard"), "variant": "by_name+reworded"})
    assert infos["difficulty"].tolist() == ["easy", "hard", "easy", "hard"]
    assert all("reworded" in variant for variant in infos["variant"])
    assert len(set(env.reset(seed=0)[1]["case"])) > 1


def test_equal_cases_are_separate_episodes(three: MedicalRecordVectorEnv) -> None:
    """One episode's writes are seen by no other."""
    three.reset(options={"case": "record_blood_pressure/01"})
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "BP"},
        "subject": {"reference": "Patient/nobody"},
    }
    who = ours(three).scenario.tasks.case("record_blood_pressure/01")["mrn"]
    resource["subject"] = {"reference": f"Patient/{who}"}
    look = f"GET {BASE}/Observation?patient={who}&code:text=BP&_summary=count"
    counts = [json.loads(body)["total"] for body in three.step([look] * 3)[0]["fhir"]]
    three.step([f"POST {BASE}/Observation\n{json.dumps(resource)}", None, None])
    after = [json.loads(body)["total"] for body in three.step([look] * 3)[0]["fhir"]]
    assert [new - old for new, old in zip(after, counts, strict=True)] == [1, 0, 0]


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ([LOOK, LOOK], "num_envs = 3 texts, not 2 of them"),
        ("abc", "not a str"),
        (None, "not a NoneType"),
        ({0: LOOK, 1: LOOK, 2: LOOK}, "not a dict"),
        ([LOOK, 5, LOOK], "environment 1 is a text, not 5"),
        ([LOOK, LOOK, b"GET"], "environment 2 is a text, not b'GET'"),
    ],
)
def test_a_wrong_batch_of_actions_changes_nothing(three: MedicalRecordVectorEnv, actions: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        three.step(actions)
    assert three.step([LOOK] * 3)[4]["step"].tolist() == [1, 1, 1]


def test_none_is_no_action_where_episodes_go_on_by_themselves() -> None:
    for mode in ("NextStep", "SameStep"):
        env = make_vec(autoreset_mode=mode)
        env.reset(seed=0)
        with pytest.raises(UsageError, match="environment 1 is a text"):
            env.step([LOOK, None, LOOK])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"seed": [1, 2]}, "num_envs = 3 of them, not 2"),
        ({"seed": [1, 2, -3]}, "whole number from 0"),
        ({"seed": "7"}, "whole number from 0"),
        ({"options": {"case": ["check_a1c/01"]}}, "option case is one for all, or a list of num_envs = 3, not of 1"),
        ({"options": {"case": ["check_a1c/01", "check_a1c/01", "nonsense"]}}, "latest_magnesium"),
        ({"options": {"cases": "x"}}, "case, family, difficulty, branch, variant, reset_mask"),
        ({"options": {"reset_mask": [True, False, False]}}, "numpy array of num_envs = 3 bools"),
        ({"options": {"reset_mask": np.array([1, 0, 0])}}, "bools, not an array of int64"),
        ({"options": mask(True, False)}, "num_envs = 3 bools"),
        ({"options": mask(False, False, False)}, "at least one True"),
    ],
)
def test_a_wrong_reset_changes_nothing(three: MedicalRecordVectorEnv, arguments: Any, words: str) -> None:
    three.step([LOOK] * 3)
    with pytest.raises(UsageError, match=words):
        three.reset(**arguments)
    assert three.step([LOOK] * 3)[4]["step"].tolist() == [2, 2, 2]
    assert three.reset()[1]["case"].tolist() == _three_fresh()


def _three_fresh() -> Sequence[str]:
    env = make_vec(autoreset_mode=DISABLED)
    env.reset(seed=0)
    cases: list[str] = env.reset()[1]["case"].tolist()
    return cases


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"num_envs": 0}, "num_envs is a whole number from 1"),
        ({"autoreset_mode": "never"}, "'NextStep', 'SameStep', 'Disabled'"),
        ({"render_mode": "human"}, "'ansi' or None"),
        ({"max_step": 4}, "an environment has no max_step"),
        ({"env_id": HAPI, "num_envs": 3}, r"takes 1 episodes at once, and num_envs is 3.*servers=3"),
    ],
)
def test_what_cannot_be_made_is_said(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make_vec(**arguments)


def test_the_first_reset_is_one_of_all() -> None:
    env = make_vec(autoreset_mode=DISABLED)
    with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
        env.step([LOOK] * 3)
    with pytest.raises(UsageError, match="first reset"):
        env.reset(options=mask(True, False, True))


# --- faults and ends -------------------------------------------------------------------------------------------------


class Broken:
    """A session of which the record system fails."""

    writes = ()

    def handle(self, request: Request) -> Response:
        raise InfrastructureError("the server is gone")

    def release(self) -> None:
        """Nothing."""

    def reset(self) -> None:
        raise InfrastructureError("the server is gone")


@pytest.mark.parametrize("env_id", [CANONICAL, OFFICIAL])
def test_the_fault_of_one_takes_no_other_down(env_id: str) -> None:
    env = ours(make_vec(env_id, autoreset_mode=DISABLED))
    env.reset(seed=0)
    broken: Any = env._episodes[1]
    working = broken.session
    asks = broken.rules.conversation if env_id == OFFICIAL else broken.rules
    broken.session = asks._session = Broken()
    for number in (1, 2):  # at a request, and at a reset
        _, _, _, truncated, infos = env.step([LOOK] * 3)
        assert truncated.tolist() == infos["_infrastructure_error"].tolist() == [False, True, False]
        assert "the server is gone" in infos["infrastructure_error"][1]
        assert infos["step"][::2].tolist() == [number, number]
        env.reset(options=mask(False, True, False))
    broken.session = working
    env.close()


def test_closing_ends_everything_whatever_fails() -> None:
    env = ours(make_vec(autoreset_mode=DISABLED))
    env.reset(seed=0)
    broken: Any = env._episodes[0]
    broken.session = Broken()
    with pytest.raises(InfrastructureError, match="the server is gone"):
        env.close()
    assert all(episode.over for episode in env._episodes)
    assert env.closed
    env.close()
    for call in (env.reset, lambda: env.step([LOOK] * 3)):
        with pytest.raises(gymnasium.error.ClosedEnvironmentError):
            call()


def test_transcripts_are_rendered_as_texts() -> None:
    env = make_vec(num_envs=2, render_mode="ansi", autoreset_mode=DISABLED)
    env.reset(seed=0)
    env.step([LOOK, "GET nowhere"])
    shown = env.render()
    assert shown is not None and len(shown) == 2
    assert f">>> {LOOK}" in shown[0] and ">>> GET nowhere" in shown[1]
    assert make_vec().render() is None


def test_a_remote_record_system_is_asked_at_once(scenario: Scenario) -> None:
    """Episodes wait for their answers side by side, and each has its own."""
    with hospital(scenario.backend.open()) as place:  # type: ignore[arg-type]
        env = make_vec(num_envs=6, backend="remote", server=place.base, autoreset_mode=DISABLED)
        env.reset(options={"case": "check_a1c/01"})
        who = scenario.chart.profiles()[:6]
        observations = env.step([f"GET {place.base}/Patient/{mrn}" for mrn in who])[0]
        assert [json.loads(body)["id"] for body in observations["fhir"]] == list(who)
        place.fault = lambda method, target: 503 if who[2] in target else None
        _, _, _, truncated, infos = env.step([f"GET {place.base}/Condition?patient={mrn}" for mrn in who])
        assert (
            truncated.tolist() == infos["_infrastructure_error"].tolist() == [False, False, True, False, False, False]
        )
        place.fault = lambda method, target: None
        env.close()


# --- figures ---------------------------------------------------------------------------------------------------------


def test_live_episodes_take_little_memory(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """An episode that has read a page and written something, its last observation included."""
    monkeypatch.setattr(_parse, "_texts", {})  # other tests may have filled what all episodes share
    count, who = 300, scenario.chart.profiles()
    reads = [f"GET {BASE}/Observation?patient={who[number % 20]}&code=GLU" for number in range(count)]
    order: dict[str, Any] = {"resourceType": "ServiceRequest", "status": "active", "intent": "order"}
    texts = [json.dumps({**order, "subject": {"reference": f"Patient/{who[number % 20]}"}}) for number in range(count)]
    writes = [f"POST {BASE}/ServiceRequest\n{text}" for text in texts]

    def live(num_envs: int) -> Vector:
        env = make_vec(num_envs=num_envs, autoreset_mode=DISABLED)
        env.reset(seed=0)
        for actions in (reads, writes):
            assert set(env.step(actions[:num_envs])[0]["status"]) <= {200, 201}
        return env

    live(count).close()  # what the hospital remembers of these cases is not an episode's
    tracemalloc.start()
    try:
        env = live(count)
        assert tracemalloc.get_traced_memory()[0] / count < 5_500  # 4,600 to 5,300 by what ran before
    finally:
        tracemalloc.stop()
    env.close()

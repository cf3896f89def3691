"""The environments in SkyRL-Gym: the same verdicts as the project's own rollout gives for the same actions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.runs._records import EpisodeRecord
from tests import replies
from tests.integrations.scripts import BASE, LIVING, SCRIPTS, check_solved, half_right, own_record, told_of

pytest.importorskip("skyrl_gym")

import skyrl_gym
from skyrl_gym.envs.registration import deregister

from mab_gym.integrations.skyrl_gym import dataset


@pytest.fixture(autouse=True)
def registered() -> Any:
    skyrl_gym.register(id="mab_gym", entry_point="mab_gym.integrations.skyrl_gym:MedicalRecordTextEnv")
    yield
    deregister("mab_gym")


def played(row: Mapping[str, Any], actions: Sequence[str], max_turns: int = 99, **config: Any) -> tuple[Any, Any, Any]:
    """Plays as SkyRL's generator does; the conversation, the last step and the metrics."""
    columns = json.loads(json.dumps(row))  # as it comes from a file
    prompt = columns.pop("prompt")
    env = skyrl_gym.make(columns.pop("env_class"), env_config=config, extras={**columns, "max_turns": max_turns})
    said, _ = env.init(prompt)
    said = list(said)
    total = 0.0
    for action in actions:
        step = env.step(action)
        said += [{"role": "assistant", "content": action}, *step["observations"]]
        total += step["reward"]
        if step["done"]:
            break
    metrics = env.get_metrics()
    env.close()
    return said, {**step, "total": total}, metrics


@pytest.fixture(scope="module")
def canonical() -> dict[str, dict[str, Any]]:
    return {row["extra_info"]["case"]: row for row in dataset("MedAgentBench-v0")}


def test_the_same_actions_have_the_same_verdicts(
    golds: Mapping[str, EpisodeRecord], canonical: Mapping[str, Any], env: MedicalRecordEnv
) -> None:
    told = told_of(golds)
    assert len(told) == 10 * len(SCRIPTS)
    for case, actions in told.items():
        record = own_record(env, case, actions)
        said, last, metrics = played(canonical[case], actions)
        assert (last["done"], last["total"]) == (True, record.reward)
        assert last["metadata"]["verdict"] == record.verdict
        assert metrics == {
            "solved": record.verdict["success"],
            "credit": record.verdict["credit"],
            "unsafe": record.verdict["unsafe"],
            "steps": record.steps,
        }
        heard = [{"role": each["role"], "content": each["content"]} for each in record.messages]
        assert said == heard[: len(said)]
        assert len(heard) - len(said) in (0, 1), "the reply to the last action may be left out: nobody reads it"


def test_stays_and_casework_come_to_the_same(living: Mapping[str, Mapping[str, EpisodeRecord]]) -> None:
    for env_id, cases in LIVING.items():
        rows = {row["extra_info"]["case"]: row for row in dataset(env_id)}
        for case in cases:
            record = living["text"][case]
            said, last, metrics = played(rows[case], record.actions)
            assert last["done"]
            told = [each["content"] for each in said if each["role"] == "assistant"]
            check_solved(record, last["metadata"]["verdict"], last["total"], told)
            assert metrics["steps"] == record.steps
            heard = [{"role": each["role"], "content": each["content"]} for each in record.messages]
            assert said == heard[: len(said)]


def test_what_models_write_means_the_same_as_elsewhere(canonical: Mapping[str, Any]) -> None:
    for hand in replies.dealt(replies.TEXTS):
        found = {}
        for case, (kind, gold) in hand.items():
            texts = [message["content"] for message in kind.script(gold.actions)]
            _, last, metrics = played(canonical[case], texts)
            found[case] = replies.told_by(last["metadata"]["verdict"], kind.cause, int(metrics["steps"]))
        replies.check(hand, found)


def test_episodes_in_threads_do_not_see_each_others_writes(
    golds: Mapping[str, EpisodeRecord], canonical: Mapping[str, Any]
) -> None:
    cases = [case for case, record in golds.items() if record.kind == "action"] * 4
    with ThreadPoolExecutor(16) as threads:
        done = list(threads.map(lambda case: played(canonical[case], golds[case].actions)[2]["solved"], cases))
    assert done == [1.0] * len(cases)


def test_training_rows_are_fresh_and_tell_no_answer(golds: Mapping[str, EpisodeRecord]) -> None:
    rows = list(dataset(limit=40))
    assert len({json.dumps(row["prompt"]) for row in rows}) > 30
    assert {row["env_class"] for row in rows} == {"mab_gym"}
    assert len({tuple(row["extra_info"]["options"]) for row in rows}) == 1, "columns have the same names in every row"
    assert len(list(dataset(family="patient_age", variant="by_name", limit=3))) == 3
    _, last, metrics = played(next(iter(dataset(family="patient_age", variant="by_name"))), [""])
    assert (last["done"], metrics["solved"]) == (True, 0)


def test_skyrls_own_limit_of_turns_ends_an_episode_with_a_verdict(canonical: Mapping[str, Any]) -> None:
    look = f"GET {BASE}/Patient?_count=1"
    _, last, metrics = played(canonical["patient_age/04"], [look] * 9, max_turns=3)
    assert (last["done"], metrics["steps"], last["metadata"]["verdict"]["failure"]) == (True, 3, "context_limit")
    _, last, metrics = played(canonical["patient_age/04"], [look] * 9)
    assert (metrics["steps"], last["metadata"]["verdict"]["failure"]) == (8, "step_limit")


def test_partial_credit_is_the_reward_where_it_is_asked_for(
    golds: Mapping[str, EpisodeRecord], canonical: Mapping[str, Any]
) -> None:
    case = "latest_glucose/05"
    _, last, metrics = played(canonical[case], half_right(golds[case].actions), reward="partial")
    assert 0 < last["total"] == metrics["credit"] < 1


def test_what_is_wrong_is_told(canonical: Mapping[str, Any], nobody_there: str) -> None:
    with pytest.raises(UsageError, match="extra_info"):
        skyrl_gym.make("mab_gym", env_config={}, extras={})
    row = canonical["patient_age/04"]
    with pytest.raises(UsageError, match="another task"):
        played({**row, "prompt": [{"role": "user", "content": "Say hello."}]}, [""])
    with pytest.raises(UsageError, match="another task"):
        played(row, [""], max_steps=3)
    row = next(iter(dataset(nobody_there, limit=1)))
    base = row["prompt"][0]["content"].split("Its base address is ")[1].split(" ")[0].rstrip(".")
    with pytest.raises(InfrastructureError):
        played(row, [f"GET {base}/Patient"])

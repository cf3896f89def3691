"""Evaluations, ablations and single episodes as Python calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import mab_gym
from mab_gym.agents._chat_model import ChatModel
from mab_gym.agents._reference import InstantFinish, Oracle
from mab_gym.errors import AgentLostError, ContextLimitError, UsageError
from mab_gym.runs._ablate import ablate
from mab_gym.runs._evaluation import Plan, Watcher, evaluate
from mab_gym.runs._play import play, play_async
from mab_gym.runs._progress import RunProgress
from mab_gym.runs._records import read_records

FAMILY: dict[str, Any] = {"family": "latest_magnesium", "limit": 4}


class Awaited:
    """The oracle, awaited."""

    name = "awaited"

    def __init__(self) -> None:
        self._inner = Oracle()
        self.brief = self._inner.brief

    async def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        await asyncio.sleep(0)

    async def act(self, observation: Mapping[str, Any]) -> str:
        await asyncio.sleep(0)
        return self._inner.act(observation)


class Forgetful(InstantFinish):
    """Cannot read more than the first observation."""

    name = "forgetful"

    def act(self, observation: Mapping[str, Any]) -> str:
        raise ContextLimitError("too long")


class Lost(InstantFinish):
    """Fails for good at the second episode."""

    name = "lost"
    played = 0

    def act(self, observation: Mapping[str, Any]) -> str:
        Lost.played += 1
        if Lost.played > 1:
            raise AgentLostError("no more")
        return super().act(observation)


class Heard(Watcher):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.ended: tuple[Any, ...] = ()

    def say(self, text: str) -> None:
        self.said.append(text)

    def stopped(self, path: Path | None, kept: int, total: int, error: BaseException) -> None:
        self.ended = (path, kept, total, str(error))


def test_an_evaluation_is_a_call() -> None:
    found = evaluate("MedAgentBench-v0", "oracle", **FAMILY)
    assert (found.env, found.agent, found.path) == ("mab_gym/MedAgentBench-v0", "oracle", None)
    assert (found.success_rate, found.scores["action"].played) == (1.0, 0)
    assert [record.case for record in found.records] == [f"latest_magnesium/0{number}" for number in range(1, 5)]


@pytest.mark.parametrize("agent", ["oracle", Oracle, partial(Oracle), "mab_gym.agents._reference:Oracle"])
def test_an_agent_is_a_name_a_class_or_what_makes_one(agent: Any) -> None:
    if agent == "oracle":
        assert evaluate(agent=agent, concurrency=2, **FAMILY).success_rate == 1.0
    else:  # a user's agent is not told the case, so that an oracle has nothing to play
        assert {record.agent_error for record in evaluate(agent=agent, concurrency=2, limit=2).records} != {None}


def test_one_agent_plays_one_episode_at_a_time() -> None:
    assert evaluate(agent=InstantFinish(), **FAMILY).success_rate == 0.0
    with pytest.raises(UsageError, match=r"InstantFinish is one agent and plays one episode at a time"):
        evaluate(agent=InstantFinish(), concurrency=2, **FAMILY)


def test_what_is_no_agent_is_told(agent: Any = 42) -> None:
    with pytest.raises(UsageError, match=r"42 is no agent; an agent is a name, a ChatModel"):
        evaluate(agent=agent, **FAMILY)


def test_rules_are_changed_by_name_and_none_is_the_environments_own(tmp_path: Path) -> None:
    found = evaluate(agent="oracle", max_steps=1, max_obs_chars=None, out=tmp_path / "run", **FAMILY)
    assert found.success_rate == 0.0
    assert found.path == tmp_path / "run" / "episodes.jsonl"
    assert [data["steps"] for data in read_records(tmp_path / "run")] == [1] * 4
    with pytest.raises(UsageError, match="no colour"):
        evaluate(agent="oracle", colour="blue")


def test_an_interrupted_evaluation_goes_on(tmp_path: Path) -> None:
    heard, out = Heard(), tmp_path / "run"
    Lost.played = 0
    with pytest.raises(AgentLostError, match="no more"):
        evaluate(agent=Lost, out=out, watcher=heard, **FAMILY)
    assert heard.ended == (out / "episodes.jsonl", 1, 4, "no more")
    Lost.played = -10
    assert len(evaluate(agent=Lost, out=out, watcher=heard, **FAMILY).records) == 4
    assert heard.said == [f"going on in {out}: 1 of 4 episodes are there"]


def test_one_episode_is_a_call() -> None:
    played = play(agent="oracle", case="latest_magnesium/07")
    assert (played.verdict["success"], played.case) == (True, "latest_magnesium/07")
    assert played.messages[0]["role"] == "user"
    assert played.actions[-1].startswith("FINISH(")
    with mab_gym.make(max_steps=1) as env:
        assert play(env, "oracle", family="check_a1c", seed=3).truncated
    assert play(agent=Forgetful).context_limit == "too long"
    assert play(agent="finish", variant="reworded").variant == "reworded"


def test_an_agent_can_be_awaited() -> None:
    async def all_at_once() -> list[Any]:
        cases = [f"latest_magnesium/0{number}" for number in range(1, 5)]
        return await asyncio.gather(*(play_async(agent=InstantFinish, case=case) for case in cases))

    assert [record.verdict["success"] for record in asyncio.run(all_at_once())] == [False] * 4
    with pytest.raises(UsageError, match="play_async"):
        play(agent=Awaited)


def test_what_fails_while_it_is_awaited_is_the_agents_own_failure() -> None:
    class Broken(Awaited):
        async def act(self, observation: Mapping[str, Any]) -> str:
            raise ValueError("no")

    class Silent(Awaited):
        async def act(self, observation: Mapping[str, Any]) -> str:
            return None  # type: ignore[return-value]

    broken = asyncio.run(play_async(agent=Broken))
    assert broken.agent_error is not None
    assert "ValueError: no" in broken.agent_error
    silent = asyncio.run(play_async(agent=Silent))
    assert silent.agent_error is not None
    assert "NoneType, not an action's text" in silent.agent_error


def test_an_ablation_is_a_call(tmp_path: Path) -> None:
    found = ablate("steps", "1,2", out=tmp_path / "steps", plan=Plan(family="latest_magnesium", limit=3))
    assert (found.reference, found.agent) == ("1", "oracle")
    rates = [each.rates["overall"] for each in found.figures]
    assert [None if rate is None else rate.value for rate in rates] == [0.0, 1.0]
    assert [path.name for path in found.files] == ["ablation.json", "ablation.csv"]
    with pytest.raises(UsageError, match="leave --max-steps out"):
        ablate("steps", "1,2", out=tmp_path / "other", plan=Plan(overrides={"max_steps": 3}))


def test_a_model_is_checked_before_anything_is_played() -> None:
    with pytest.raises(UsageError, match="a model's form is text or tools, not 'json'"):
        ChatModel("m", "http://127.0.0.1:1/v1", form="json")
    with pytest.raises(UsageError, match="stream and n are not among them"):
        ChatModel("m", "http://127.0.0.1:1/v1", settings={"n": 2})


def test_a_tally_counts_the_last_of_an_episode_that_was_played_again() -> None:
    record = play(agent="oracle", case="latest_magnesium/07")
    progress = RunProgress(2)
    progress.add(record)
    progress.add(record)
    assert (progress.played, progress.line) == (1, "1 of 2 played, 100.0 % solved")

"""ART: rollouts through its own client, groups and pipeline, with a scripted endpoint."""

from __future__ import annotations

import asyncio
import json
import runpy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import mab_gym
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.runs import EpisodeRecord
from tests.conftest import ROOT
from tests.docs.pages import written_by
from tests.evaluation.scripted import (
    KEY,
    TOO_LONG,
    Endpoint,
    Fault,
    Messages,
    call_of,
    dead_url,
    endpoint,
    refuses,
    solves,
    with_tools,
)
from tests.integrations.scripts import FORMS, PLAYED, script_by_opening

pytest.importorskip("art", reason="ART is not installed")

import art
import openai

from mab_gym.integrations.art import rollout

pytestmark = pytest.mark.filterwarnings("ignore")  # of the packages that ART brings

ROWS = list(mab_gym.task_rows(family="latest_glucose", limit=4))
RECORDS = [mab_gym.play(case=row, agent="oracle") for row in ROWS]
GOLD = solves(script_by_opening(RECORDS))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def played(url: str, *rows: Any, config: Any = None, fatal: bool = False, rolls: Any = rollout) -> list[Any]:
    """Plays in an event loop of its own, and closes the connections of ART's client there."""

    async def main() -> list[Any]:
        model = art.Model(name="scripted", project="tests", inference_api_key=KEY, inference_base_url=url)
        object.__setattr__(model, "_inference_connection_errors_are_fatal", fatal)  # as ART's own backends set it
        try:
            return [await rolls(model, row, config) for row in rows]
        finally:
            await model.openai_client().close()

    return asyncio.run(main())


@pytest.fixture
def here() -> Iterator[Endpoint]:
    with endpoint(GOLD) as running:
        yield running


def check_solution(found: Any, record: EpisodeRecord) -> None:
    """Checks that a trajectory has the reward and the metrics of a solved episode."""
    assert found.reward == record.reward == 1.0
    assert {key: found.metrics[key] for key in ("solved", "unsafe", "steps", "credit", "episode_cost")} == {
        "solved": 1.0,
        "unsafe": 0.0,
        "steps": record.steps,
        "credit": 1.0,
        "episode_cost": record.episode_cost,
    }


def test_a_rollout_has_its_reward_and_the_exchanges_that_art_trains_on(here: Endpoint) -> None:
    trajectories = played(here.base_url, *json.loads(json.dumps(ROWS)))
    for row, record, found in zip(ROWS, RECORDS, trajectories, strict=True):
        check_solution(found, record)
        assert found.metadata == {"case": row["case"], "family": "latest_glucose", "failure": ""}
        exchanges = found.exchanges.chat_completions
        said = [exchange.response.choices[0].message.content for exchange in exchanges]
        assert said == list(record.actions)
        asked = [message["content"] for message in exchanges[-1].request["messages"]]
        assert asked == [message["content"] for message in record.messages][: len(asked)]


def test_tools_and_settings_reach_the_model() -> None:
    with endpoint(with_tools(GOLD)) as there:
        config = {"form": "tools", "settings": {"max_completion_tokens": 77}}
        (found,) = played(there.base_url, ROWS[0], config=config)
    assert found.reward == 1.0
    assert {request["max_completion_tokens"] for request in there.requests} == {77}
    assert [tool["function"]["name"] for tool in there.requests[0]["tools"]] == ["get", "post", "finish"]


@pytest.mark.parametrize("form", FORMS)
def test_stays_and_casework_come_to_the_same(form: str, living: Mapping[str, Mapping[str, EpisodeRecord]]) -> None:
    records = [living[form][case] for _, case in PLAYED]
    rows = [next(mab_gym.task_rows(env_id, family=case.partition("/")[0], limit=1)) for env_id, case in PLAYED]
    speaks = solves(script_by_opening(living["text"][case] for _, case in PLAYED))
    with endpoint(speaks if form == "text" else with_tools(speaks)) as there:
        trajectories = played(there.base_url, *rows, config={"form": form})
    for record, found in zip(records, trajectories, strict=True):
        assert (record.verdict["success"], record.verdict["credit"]) == (True, 1.0)
        check_solution(found, record)
        assert found.metadata == {"case": record.case, "family": record.family, "failure": ""}
        said = [exchange.response.choices[0].message for exchange in found.exchanges.chat_completions]
        if form == "text":
            assert [each.content for each in said] == list(record.actions)
        else:
            calls = [
                (call.function.name, json.loads(call.function.arguments)) for each in said for call in each.tool_calls
            ]
            assert calls == [call_of(action) for action in record.actions]


def test_a_group_keeps_its_failures_apart_from_its_rewards() -> None:
    """One rollout of four loses its endpoint, one is wrong."""
    from art.pipeline_trainer import make_group_rollout_fn

    def fails(number: int, messages: Messages) -> Fault | None:
        return refuses(400, {"error": {"message": "unknown field"}}) if number == 1 else None

    with endpoint(GOLD, fails) as there:
        (group,) = played(there.base_url, ROWS[0], rolls=make_group_rollout_fn(rollout, n=4))
    assert [trajectory.reward for trajectory in group.trajectories] == [1.0] * 3
    assert ["unknown field" in error.message for error in group.exceptions] == [True]


def test_the_example_of_the_page_gathers_groups_and_trains_on_them(tmp_path: Path) -> None:
    written_by(ROOT / "docs/runners.md", tmp_path)
    train = runpy.run_path(str(tmp_path / "train_art.py"))["train"]
    given: list[Any] = []

    class Backend:
        async def register(self, model: Any) -> None:
            model.inference_base_url = there.base_url

        async def train(self, model: Any, groups: Any) -> None:
            given.append([[trajectory.reward for trajectory in group] for group in groups])

    async def main() -> None:
        model = art.Model(name="scripted", project="tests", inference_api_key=KEY)
        await train(model, Backend(), env="MedAgentBench-v0", steps=2, groups=2, each=3)
        await model.openai_client().close()

    rows = list(mab_gym.task_rows(limit=4))
    records = [mab_gym.play(case=row, agent="oracle") for row in rows]
    solution = solves(script_by_opening(records))
    with endpoint(solution, lambda number, messages: refuses(400, "unknown") if number == 0 else None) as there:
        asyncio.run(main())
    assert sorted(map(len, given[0])) == [2, 3], "the rollout whose request failed is in no group"
    assert given[1] == [[1.0] * 3] * 2


def test_a_wrong_answer_has_the_reward_0_and_its_reason() -> None:
    with endpoint(lambda messages: {"role": "assistant", "content": "FINISH([-1])"}) as there:
        (found,) = played(there.base_url, ROWS[0])
    assert (found.reward, found.metrics["solved"], found.metadata["failure"]) == (0.0, 0.0, "misread_chart")


def test_a_chat_that_is_too_long_ends_the_episode_and_counts() -> None:
    def fails(number: int, messages: Messages) -> Fault | None:
        return refuses(400, TOO_LONG) if number else None

    with endpoint(GOLD, fails) as there:
        (found,) = played(there.base_url, ROWS[0])
    assert (found.reward, found.metadata["failure"]) == (0.0, "context_limit")
    assert len(found.exchanges.chat_completions) == 1


def test_an_endpoint_that_is_gone_is_arts_own_error() -> None:
    with pytest.raises(openai.APIConnectionError):
        played(dead_url(), ROWS[0])
    with pytest.raises(art.LocalServingUnavailableError):
        played(dead_url(), ROWS[0], fatal=True)


def test_a_record_system_that_fails_has_no_reward(nobody_there: str) -> None:
    row = next(mab_gym.task_rows(nobody_there, limit=1))
    base = row["prompt"][0]["content"].split("Its base address is ")[1].split()[0].rstrip("/.")

    def look(messages: Messages) -> Mapping[str, Any]:
        return {"role": "assistant", "content": f"GET {base}/Patient"}

    with endpoint(look) as there, pytest.raises(InfrastructureError):
        played(there.base_url, row)


def test_what_is_wrong_is_told(here: Endpoint) -> None:
    with pytest.raises(UsageError, match="the configuration of a rollout has no colour"):
        played(here.base_url, ROWS[0], config={"colour": "blue"})
    with pytest.raises(UsageError, match="a row has env, options, seed as well"):
        played(here.base_url, {"question": "?"})
    with pytest.raises(UsageError, match="a model's form is text or tools"):
        played(here.base_url, ROWS[0], config={"form": "json"})

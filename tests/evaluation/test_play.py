"""One episode as a call: rows of datasets, functions as models, many threads and tasks, and what goes wrong."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import mab_gym
from mab_gym.agents import ChatFunction
from mab_gym.errors import ContextLimitError, MabGymError, UsageError
from mab_gym.runs import _play
from mab_gym.runs._driver import in_thread
from mab_gym.runs._records import EpisodeRecord
from tests.evaluation.scripted import KEY, endpoint, gold, solves

Chat = Sequence[Mapping[str, Any]]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(mab_gym.task_rows("MedAgentBench-v0"))[::10]


@pytest.fixture(scope="module")
def solver(rows: list[Row]) -> Callable[[Chat], Mapping[str, Any]]:
    """A function that solves the rows."""
    records = [mab_gym.play(case=row, agent="oracle") for row in rows]
    return solves({record.messages[0]["content"]: record.actions for record in records})


def outcome(record: EpisodeRecord) -> tuple[Any, ...]:
    return record.case, record.reward, record.verdict, record.episode_cost, list(record.actions), list(record.messages)


def test_a_row_survives_json_and_is_played_as_it_says(rows: list[Row], solver: Callable[..., Any]) -> None:
    for row in rows:
        played = mab_gym.play(case=json.loads(json.dumps(row)), agent=solver)
        assert (played.case, played.seed, played.branch) == (row["case"], row["seed"], row["branch"])
        assert played.messages[0]["content"] == row["prompt"][0]["content"]
        assert played.verdict["success"], played.verdict["reasons"]
        assert played.counts


@pytest.mark.parametrize(
    "which",
    [
        {"env": "MedAgentBench-Train-v0", "limit": 3, "seed": 11},
        {"env": "MedAgentBench-Train-v0", "limit": 3, "family": "check_a1c", "variant": "reworded"},
        {"env": "MedAgentBench-Validation-v0", "limit": 2, "difficulty": "hard", "max_steps": 5},
    ],
)
def test_the_oracle_solves_each_kind_of_row(which: dict[str, Any]) -> None:
    found = [mab_gym.play(case=row, agent="oracle") for row in mab_gym.task_rows(**which)]
    assert [record.verdict["success"] for record in found] == [True] * which["limit"]
    assert [record.messages[0]["content"] for record in found] == [
        row["prompt"][0]["content"] for row in mab_gym.task_rows(**which)
    ]


@pytest.mark.parametrize("env", ["MedAgentBench-v0", "MedAgentBench-Train-v0"])
def test_rows_fit_into_a_table(env: str, tmp_path: Path) -> None:
    found = list(mab_gym.task_rows(env, limit=3))
    assert len({(*row, *row["options"]) for row in found}) == 1
    assert found[0]["options"], "Parquet cannot hold an empty object"
    assert {row["overrides"] for row in found} == {None}
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist(found), tmp_path / "rows.parquet")
    for row in parquet.read_table(tmp_path / "rows.parquet").to_pylist():
        assert mab_gym.play(case=row, agent="oracle").verdict["success"]


def test_columns_of_a_dataset_may_be_none(rows: list[Row]) -> None:
    plain = rows[3]
    empty = dict.fromkeys(("family", "difficulty", "branch", "variant"))
    wide = {**plain, "options": {**empty, **plain["options"]}, "overrides": {"max_steps": None}, "index": 7}
    assert outcome(mab_gym.play(case=wide, agent="oracle")) == outcome(mab_gym.play(case=plain, agent="oracle"))
    assert mab_gym.play(case={**plain, "overrides": None}, agent="oracle").verdict["success"]
    assert mab_gym.play(case={**plain, "overrides": {"max_steps": 1}}, agent="oracle").truncated


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"seed": "seven"}, "the seed of a row is a whole number, not 'seven'"),
        ({"seed": 1.5}, "a whole number, not 1.5"),
        ({"seed": -1}, "a seed is a whole number from 0"),
        ({"options": "latest_glucose/01"}, "the options of a row are an object"),
        ({"options": {"colour": "blue"}}, "no option 'colour'"),
        ({"options": {"case": "nothing/01"}}, "no task family 'nothing'"),
        ({"overrides": [1]}, "the overrides of a row are an object"),
        ({"overrides": {"colour": "blue"}}, "no colour"),
        ({"env": "Nothing-v0"}, "no environment 'Nothing-v0'"),
    ],
)
def test_what_is_wrong_with_a_row_is_told(rows: list[Row], wrong: Row, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        mab_gym.play(case={**rows[0], **wrong}, agent="oracle")


def test_a_row_of_something_else_is_told() -> None:
    with pytest.raises(UsageError, match=r"a row has env, options, seed as well; mab_gym\.task_rows makes rows"):
        mab_gym.play(case={"question": "2 + 2", "answer": 4})


def test_threads_and_tasks_at_once_have_the_results_of_one_after_another(
    rows: list[Row], solver: Callable[..., Any]
) -> None:
    """Half of them wrong, so that a verdict that goes to the wrong episode is seen."""

    def half(chat: Chat) -> Mapping[str, Any]:
        said = solver(chat)
        wrong = len(str(chat[0]["content"])) % 2 and str(said["content"]).startswith("FINISH")
        return {"content": "FINISH([])"} if wrong else said

    async def waits(chat: Chat) -> Mapping[str, Any]:
        await asyncio.sleep(0)
        return half(chat)

    async def at_once() -> list[EpisodeRecord]:
        return await asyncio.gather(*(mab_gym.play_async(case=row, agent=waits) for row in rows * 3))

    alone = [outcome(mab_gym.play(case=row, agent=half)) for row in rows]
    assert len({each[1] for each in alone}) == 2, "some solved, some not"
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda row: mab_gym.play(case=row, agent=half), rows * 3))
    assert [outcome(record) for record in found] == alone * 3
    assert [outcome(record) for record in asyncio.run(at_once())] == alone * 3


def test_an_endpoint_is_asked_by_threads_and_by_tasks() -> None:
    pytest.importorskip("openai")
    pytest.importorskip("tenacity")
    rows = list(mab_gym.task_rows(family="latest_glucose", limit=6))

    async def at_once(model: mab_gym.ChatModel) -> list[EpisodeRecord]:
        return await asyncio.gather(*(mab_gym.play_async(case=row, agent=model) for row in rows))

    with mab_gym.make() as env:
        solution = solves(gold(env, family="latest_glucose"))
    with endpoint(solution) as there:
        model = mab_gym.ChatModel("m", there.base_url, api_key=KEY)
        with ThreadPoolExecutor(3) as threads:
            found = list(threads.map(lambda row: mab_gym.play(case=row, agent=model), rows))
        found += asyncio.run(at_once(model))
        found += asyncio.run(at_once(model))  # another event loop: the connections of the first are gone with it
    for record in found:
        assert (record.verdict["success"], record.agent) == (True, "m")
        assert (record.tokens_in, record.tokens_out) == (100 * record.steps, 10 * record.steps)


def test_a_function_may_be_asynchronous_and_is_then_awaited(rows: list[Row], solver: Callable[..., Any]) -> None:
    async def model(chat: Chat) -> Mapping[str, Any]:
        await asyncio.sleep(0)
        return solver(chat)  # type: ignore[no-any-return]

    assert asyncio.run(mab_gym.play_async(case=rows[0], agent=model)).verdict["success"]
    assert asyncio.run(mab_gym.play_async(case=rows[0], agent=solver)).verdict["success"]
    with pytest.raises(UsageError, match=r"this function is asynchronous; play it with mab_gym\.play_async"):
        mab_gym.play(case=rows[0], agent=model)


def test_a_function_that_fails_makes_an_episode_that_does_not_count(rows: list[Row]) -> None:
    def broken(chat: Chat) -> str:
        raise KeyError("no such tool")

    async def broken_later(chat: Chat) -> str:
        await asyncio.sleep(0)
        raise TimeoutError("gone")

    played = mab_gym.play(case=rows[0], agent=broken)
    assert (played.counts, played.agent_error) == (False, "the function failed: KeyError: 'no such tool'")
    assert not played.verdict["success"]
    later = asyncio.run(mab_gym.play_async(case=rows[0], agent=broken_later))
    assert (later.counts, later.agent_error) == (False, "the function failed: TimeoutError: gone")


@pytest.mark.parametrize("said", [None, 42, ["FINISH([])"], b"FINISH([])", object()])
def test_what_is_no_message_does_not_count(rows: list[Row], said: Any) -> None:
    played = mab_gym.play(case=rows[0], agent=lambda chat: said)
    assert not played.counts
    assert "a message is a text or a dict with its content" in str(played.agent_error)


@pytest.mark.parametrize(
    "said",
    ["", "\udc80\x00", {}, {"content": 7}, {"content": None, "tool_calls": "all of them"}, {"tool_calls": [{"id": 1}]}],
)
def test_a_message_of_nonsense_counts_and_fails(rows: list[Row], said: Any) -> None:
    played = mab_gym.play(case=rows[0], agent=lambda chat: said)
    assert (played.counts, played.verdict["success"], played.terminated or played.truncated) == (True, False, True)
    json.dumps(played.messages)


def test_a_function_says_that_its_chat_is_full(rows: list[Row]) -> None:
    def small(chat: Chat) -> str:
        if len(chat) > 1:
            raise ContextLimitError("4096 tokens")
        return "GET http://localhost:8080/fhir/Patient?_count=1"

    played = mab_gym.play(case=rows[0], agent=small)
    assert (played.counts, played.context_limit, played.steps) == (True, "4096 tokens", 1)
    assert played.verdict["failure"] == "context_limit"


def test_the_reason_why_a_model_stopped_is_read_and_not_sent_back(rows: list[Row]) -> None:
    seen: list[Chat] = []

    def model(chat: Chat) -> Mapping[str, Any]:
        seen.append(chat)
        if len(chat) == 1:
            return {"content": "GET http://localhost:8080/fhir/Patient?_count=1", "finish_reason": "stop"}
        return {"content": "I will now look at", "finish_reason": "length"}

    played = mab_gym.play(case=rows[0], agent=model)
    assert played.cause == "length"
    assert "finish_reason" not in seen[1][1]


def test_a_function_gets_a_chat_of_its_own(rows: list[Row], solver: Callable[..., Any]) -> None:
    def careless(chat: Any) -> Any:
        said = solver(chat)
        chat.clear()
        return said

    assert mab_gym.play(case=rows[0], agent=careless).verdict["success"]


def test_tools_are_called_by_a_function(rows: list[Row]) -> None:
    def model(chat: Chat) -> Mapping[str, Any]:
        call = {"name": "finish", "arguments": '{"answer": []}'}
        return {"content": None, "tool_calls": [{"id": "a", "type": "function", "function": call}]}

    played = mab_gym.play(case=rows[0], agent=ChatFunction(model, form="tools", name="mine"))
    assert (played.actions, played.agent) == (["FINISH([])"], "mine")
    assert [message["role"] for message in played.messages][:3] == ["system", "user", "assistant"]


def test_environments_are_used_again_and_nothing_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_play, "_spare", type(_play._spare)(list))
    made: list[Any] = []

    def makes(*given: Any, **more: Any) -> Any:
        made.append(mab_gym.make(*given, **more))
        return made[-1]

    monkeypatch.setattr(_play, "make", makes)
    twice: list[EpisodeRecord] = []
    for _ in range(2):
        twice += [mab_gym.play(case=f"record_blood_pressure/{number:02d}", agent="oracle") for number in range(1, 11)]
    assert len(made) == 1
    assert {record.verdict["success"] for record in twice} == {True}, "a write that stayed would be a duplicate"
    left = [mab_gym.play(case="record_blood_pressure/01", agent="finish") for _ in range(2)]
    assert [record.verdict["success"] for record in left] == [False, False]
    mab_gym.play("MedAgentBench-Hard-v0", "finish")
    mab_gym.play(case={"env": "MedAgentBench-v0", "seed": 0, "options": {}, "overrides": {"max_steps": 2}})
    assert len(made) == 3, "another environment, and other rules"


def test_an_environment_is_given_back_after_an_error(monkeypatch: pytest.MonkeyPatch, rows: list[Row]) -> None:
    monkeypatch.setattr(_play, "_spare", type(_play._spare)(list))

    def stops(chat: Chat) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mab_gym.play(case=rows[0], agent=stops)
    ((spare,),) = _play._spare.values()
    assert mab_gym.play(case=rows[0], agent="oracle").verdict["success"]
    assert list(_play._spare.values()) == [[spare]]


def test_a_file_that_was_edited_is_played_as_it_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "edited.toml"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_play, "_spare", type(_play._spare)(list))

    def steps(env: str | Path = file) -> int:
        return mab_gym.play(env, lambda chat: "GET http://localhost:8080/fhir/metadata").steps

    def edit(max_steps: int, moment: int) -> None:
        file.write_text(f'id = "tests/Edited-v0"\n[episode]\nmax_steps = {max_steps}\n', encoding="utf-8")
        os.utime(file, ns=(moment, moment))

    edit(2, 10)
    assert (steps(), steps("edited.toml"), len(_play._spare)) == (2, 2, 1)
    edit(3, 11)
    assert (steps(), steps()) == (3, 3)
    edit(12, 11)
    assert steps("edited.toml") == 12
    file.unlink()
    del gymnasium.registry["tests/Edited-v0"]
    with pytest.raises(MabGymError, match=r"edited\.toml"):
        steps()


def test_a_cancelled_task_gives_the_record_system_back(monkeypatch: pytest.MonkeyPatch, rows: list[Row]) -> None:
    monkeypatch.setattr(_play, "_spare", type(_play._spare)(list))
    family = next(row for row in rows if row["family"] == "record_blood_pressure")
    written = mab_gym.play(case=family, agent="oracle").actions[0]

    async def main() -> None:
        asked = asyncio.Event()

        async def model(chat: Chat) -> str:
            if len(chat) == 1:
                return written
            asked.set()
            await asyncio.Event().wait()  # a model that never answers
            raise AssertionError

        task = asyncio.create_task(mab_gym.play_async(case=family, agent=model))
        await asyncio.wait_for(asked.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    ((spare,),) = _play._spare.values()
    assert spare.unwrapped.episode.session.writes == ()  # type: ignore[attr-defined]
    assert mab_gym.play(case=family, agent="oracle").verdict["success"], "what the cancelled one wrote is gone"


def test_a_task_that_is_cancelled_while_a_server_answers_waits_for_it() -> None:
    """Its environment is used again; a thread that is still at work in it would disturb the next episode."""
    asked, answers, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        asked.set()
        answers.wait(30)
        done.set()

    async def main() -> None:
        task = asyncio.create_task(in_thread(work))
        await asyncio.to_thread(asked.wait, 30)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        answers.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done.is_set()

    asyncio.run(main())

"""Models that play: both forms solve what they know, and each way to fail is told for what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import gymnasium
import pytest

from mab_gym.agents._endpoint import ChatEndpoint
from mab_gym.agents._model import ChatAgent
from mab_gym.agents._reading import read_call
from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.errors import AgentLostError
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, assignments, play_until_judged
from mab_gym.runs._scores import score
from mab_gym.runs._threads import EnvAndAgent, play_at_once
from tests.conftest import CANONICAL, OFFICIAL, make
from tests.evaluation.scripted import (
    KEY,
    TOO_LONG,
    Endpoint,
    Fails,
    Messages,
    Speaks,
    calls_tools,
    endpoint,
    gold,
    refuses,
    solves,
    with_tools,
)  # fmt: skip

BASE = "http://localhost:8080/fhir"
TextModel = partial(ChatAgent, rule="strict")
ToolModel = partial(ChatAgent, form="tools", rule="strict")
FORMS: dict[str, tuple[Any, Any]] = {"text": (TextModel, lambda speaks: speaks), "tools": (ToolModel, with_tools)}


@contextmanager
def model(speaks: Speaks, attempts: int = 3, **how: Any) -> Iterator[tuple[ChatEndpoint, Endpoint]]:
    with endpoint(speaks, **how) as there:
        asked = ChatEndpoint(there.base_url, "scripted", KEY, pause=0.001, timeout=2.0, attempts=attempts)
        yield asked, there
        asked.close()


def says(*texts: str) -> Speaks:
    return lambda messages: {
        "role": "assistant",
        "content": texts[sum(message["role"] == "assistant" for message in messages)],
    }


def one(env: MedicalRecordEnv, speaks: Speaks, made: Any = TextModel, fails: Fails | None = None) -> EpisodeRecord:
    with model(speaks, fails=fails or (lambda number, messages: None)) as (asked, _):
        return play_until_judged(env, made(asked), Assignment(0, "patient_age/01"))


@pytest.mark.parametrize("form", FORMS)
def test_a_model_that_knows_the_solutions_solves_all_300_in_8_threads_and_nothing_is_lost(form: str) -> None:
    envs = [gymnasium.make(CANONICAL) for _ in range(8)]
    made, shaped = FORMS[form]
    todo = assignments(unwrapped(envs[0]))

    def fails(number: int, messages: Messages) -> Any:
        return refuses(429, Retry_After="0") if number % 17 == 3 else refuses(500) if number % 23 == 5 else None

    with model(shaped(solves(gold(envs[0]))), 10, fails=fails, seconds=0.002) as (asked, there):
        records = list(play_at_once([EnvAndAgent(env, made(asked)) for env in envs], todo, {}))
    assert sorted((record.seed, record.case) for record in records) == [(each.seed, each.case) for each in todo]
    assert (score(records).solved, score(records).played) == (300, 300)
    assert 1 < there.most_at_once <= 8
    assert sum(len(record.calls) for record in records) == len(there.requests)
    answered = sum(call["status"] == 200 for record in records for call in record.calls)
    assert sum(record.tokens_in or 0 for record in records) == 100 * answered
    assert sum(record.tokens_out or 0 for record in records) == 10 * answered


@pytest.mark.parametrize("form", FORMS)
def test_both_forms_take_the_same_actions_and_the_record_holds_every_message(form: str, env: MedicalRecordEnv) -> None:
    made, shaped = FORMS[form]
    case = Assignment(0, "replace_potassium/01")
    solution = gold(env, family="replace_potassium", limit=1)
    with model(shaped(solves(solution))) as (asked, there):
        record = play_until_judged(env, made(asked), case)
    opening, actions = next(iter(solution.items()))
    assert [json_of(action) for action in record.actions] == [json_of(action) for action in actions]
    assert record.verdict["success"]
    sent = there.requests[-1]["messages"]
    assert [plain(message) for message in record.messages[: len(sent)]] == sent
    assert record.messages[-1]["role"] == "assistant"
    assert opening in [message["content"] for message in sent]
    replies = [message for message in record.messages if "status" in message]
    assert [message["status"] for message in replies] == [
        200 if action.startswith("GET") else 201 for action in actions[:-1]
    ]
    assert [call["status"] for call in record.calls] == [200] * len(actions)


def plain(message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name not in ("status", "fhir")}


def json_of(action: str) -> tuple[str, Any]:
    head, _, body = action.partition("\n")
    return head, json.loads(body) if body else None


def test_the_reply_is_the_action_untouched(env: MedicalRecordEnv) -> None:
    text = "  \n```\nFINISH([1])\n```  \n"
    record = one(env, says(text))
    assert record.actions == [text]
    assert record.verdict["reasons"][0]["code"] == "answer_wrong"


@pytest.mark.parametrize("content", ["", None])
@pytest.mark.parametrize("made", [TextModel, ToolModel])
def test_a_model_that_says_nothing_has_taken_no_action(env: MedicalRecordEnv, made: Any, content: str | None) -> None:
    record = one(env, lambda messages: {"role": "assistant", "content": content}, made)
    assert record.counts
    assert record.terminated
    assert record.verdict["reasons"][0]["code"] == "invalid_action"
    assert record.actions == [""]


@pytest.mark.parametrize(
    "call",
    [
        ("get", '{"url": "http'), ("get", "[]"),
        ("get", "{}"), ("GET", "{"), ("delete", "{}"), ("post", '{"body": {}}'),
        ("finish", "{}"), ("", ""),
    ],
)  # fmt: skip
def test_a_tool_call_that_cannot_be_read_is_no_action(env: MedicalRecordEnv, call: tuple[str, str]) -> None:
    record = one(env, lambda messages: calls_tools(call), ToolModel)
    assert record.counts
    assert record.verdict["reasons"][0]["code"] == "invalid_action"


@pytest.mark.parametrize("odd", [{"tool_calls": [3]}, {"tool_calls": [{"function": None}]}, {"tool_calls": [{}]}])
def test_odd_tool_calls_break_nothing(env: MedicalRecordEnv, odd: Mapping[str, Any]) -> None:
    record = one(env, lambda messages: {"role": "assistant", "content": None, **odd}, ToolModel)
    assert record.verdict["reasons"][0]["code"] == "invalid_action"


def test_several_calls_in_one_message_are_taken_one_by_one(env: MedicalRecordEnv) -> None:
    url = f"{BASE}/Patient?_count=1"
    get = ("get", json.dumps({"url": url}))

    def speak(messages: Messages) -> Mapping[str, Any]:
        said = sum(message["role"] == "assistant" for message in messages)
        return calls_tools(get, get) if said == 0 else calls_tools(("finish", '{"answer": [1]}'))

    with model(speak) as (asked, there):
        record = play_until_judged(env, ToolModel(asked), Assignment(0, "patient_age/01"))
    assert record.actions == [f"GET {url}", f"GET {url}", "FINISH([1])"]
    assert len(there.requests) == 2
    assert [message["role"] for message in there.requests[1]["messages"]] == [
        "system", "user", "assistant", "tool", "tool",
    ]  # fmt: skip
    assert {message["tool_call_id"] for message in there.requests[1]["messages"][3:]} == {"c0", "c1"}


def test_tools_become_the_texts_of_the_same_actions() -> None:
    def action_of(name: str, arguments: str) -> str:
        return str(read_call(name, arguments).action)

    assert action_of("get", '{"url": "u"}') == "GET u"
    assert json_of(action_of("post", '{"url": "u", "body": {"a": 1}}')) == ("POST u", {"a": 1})
    assert action_of("post", '{"url": "u", "body": "{broken"}') == "POST u\n{broken"
    assert action_of("finish", '{"answer": ["a", 1.5]}') == 'FINISH(["a", 1.5])'


@pytest.mark.parametrize("made", [TextModel, ToolModel])
def test_a_full_context_is_the_agents_failure_with_the_reason(env: MedicalRecordEnv, made: Any) -> None:
    def fails(number: int, messages: Messages) -> Any:
        return refuses(400, TOO_LONG) if number == 1 else None

    look: Speaks = says(f"GET {BASE}/Patient?_count=1", "FINISH([1])")
    record = one(env, look if made is TextModel else with_tools(look), made, fails)
    assert record.counts
    assert (record.steps, record.truncated, record.verdict["failure"]) == (1, True, "context_limit")
    assert "maximum context length is 10 tokens" in str(record.context_limit)
    assert record.messages[-1]["status"] == 200
    assert [call["status"] for call in record.calls] == [200, 400]


def test_a_failing_endpoint_is_not_laid_at_the_agents_door(env: MedicalRecordEnv) -> None:
    def fails(number: int, messages: Messages) -> Any:
        return refuses(500, "out of order") if number >= 1 else None

    record = one(env, says(f"GET {BASE}/Patient?_count=1"), fails=fails)
    assert "out of order" in str(record.agent_error)
    assert not record.counts
    assert score([record]).played == 0
    assert (record.steps, record.tokens_in, len(record.calls)) == (1, 100, 4)
    again = one(env, says("FINISH([1])"))
    assert again.counts, "the environment cannot be used any more"


def test_an_endpoint_that_fails_again_and_again_ends_the_run() -> None:
    envs = [gymnasium.make(CANONICAL) for _ in range(2)]
    todo = assignments(unwrapped(envs[0]), limit=30)
    solution = solves(gold(envs[0], limit=30))

    def fails(number: int, messages: Messages) -> Any:
        return refuses(500) if number > 20 else None

    records = []
    with model(solution, fails=fails) as (asked, _), pytest.raises(AgentLostError, match="in a row"):
        for record in play_at_once([EnvAndAgent(env, TextModel(asked)) for env in envs], todo, {}):
            records.append(record)  # noqa: PERF402  (what came before the end is wanted)
    assert score(records).solved == score(records).played > 3
    assert len(records) < 30


def test_one_endpoint_that_says_nothing_of_tokens_makes_them_unknown(env: MedicalRecordEnv) -> None:
    with model(says("FINISH([1])"), usage=False) as (asked, _):
        record = play_until_judged(env, TextModel(asked), Assignment(0, "patient_age/01"))
    assert (record.tokens_in, record.tokens_out, record.cost) == (None, None, None)


def test_repetitions_ask_with_another_seed_and_play_the_same_case(env: MedicalRecordEnv) -> None:
    with model(says("FINISH([1])")) as (asked, there):
        for again in (0, 1):
            play_until_judged(env, TextModel(asked, seeded=True), Assignment(5, "patient_age/01", again))
    first, second = there.requests
    assert first["seed"] != second["seed"]
    assert first["messages"] == second["messages"]


def test_a_model_plays_the_official_protocol() -> None:
    env = make(OFFICIAL)
    with model(says("GET http://localhost:8080/fhir/Patient?_count=1", "FINISH([-1])")) as (asked, there):
        record = play_until_judged(env, TextModel(asked), assignments(unwrapped(env), limit=1)[0])
    assert record.actions[-1] == "FINISH([-1])"
    assert there.requests[1]["messages"][-1]["content"].startswith("Here is the response from the GET request:\n")


def test_what_had_ended_when_the_key_was_withdrawn_is_kept() -> None:
    envs = [gymnasium.make(CANONICAL) for _ in range(4)]
    todo = assignments(unwrapped(envs[0]), limit=12)
    speak = solves(gold(envs[0], limit=12))
    finished: list[str] = []

    def fails(number: int, messages: Messages) -> Any:
        return refuses(401) if number >= 15 else None

    def speaks(messages: Messages) -> Mapping[str, Any]:
        answer = speak(messages)
        if answer["content"].startswith("FINISH"):
            finished.append(messages[0]["content"])
        return answer

    records = []
    with (
        model(speaks, fails=fails, seconds=0.005) as (asked, _),
        pytest.raises(AgentLostError, match="refuses the key"),
    ):
        for record in play_at_once([EnvAndAgent(env, TextModel(asked)) for env in envs], todo, {}):
            records.append(record)  # noqa: PERF402  (what came before the end is wanted)
    assert {record.messages[0]["content"] for record in records} == set(finished)
    assert score(records).solved == len(records) == len(finished)

"""The tasks in verifiers: the same verdicts as the project's own rollout gives for the same actions."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.errors import UsageError
from mab_gym.runs._records import EpisodeRecord
from tests import replies
from tests.evaluation.scripted import KEY, TOO_LONG, Endpoint, Fails, Speaks, calls_tools, endpoint, refuses
from tests.integrations.scripts import (
    BASE,
    FORMS,
    LIVING,
    SCRIPTS,
    check_solved,
    half_right,
    judged,
    own_record,
    says,
    script_by_opening,
    speaks,
    told_of,
)

pytest.importorskip("verifiers.v1")

import verifiers.v1 as vf

from mab_gym.integrations.verifiers import MedicalRecordTask, load_environment

Evaluate = Callable[..., list[vf.Trace]]


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Evaluate]:
    """Plays tasks of an environment with a scripted model, all at once."""
    monkeypatch.setenv("SCRIPTED_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def run(
        env: vf.Env,
        speak: Speaks,
        tasks: Sequence[vf.Task],
        rollouts: int = 1,
        fails: Fails = lambda number, messages: None,
        seen: Callable[[Endpoint], None] = lambda here: None,
    ) -> list[vf.Trace]:
        async def play(base_url: str) -> list[vf.Episode]:
            client = vf.EvalClientConfig(base_url=base_url, api_key_var="SCRIPTED_KEY")
            ctx = vf.ModelContext(client=client, model="scripted", sampling=vf.SamplingConfig())
            async with env.serving():
                slots = [slot for task in tasks for slot in env.slots(task, rollouts)]
                return await asyncio.gather(*(env.run_slot(slot, ctx) for slot in slots))

        with endpoint(speak, fails) as here:
            episodes = asyncio.run(play(here.base_url))
        seen(here)
        return [trace for episode in episodes for trace in episode.traces]

    yield run


def chosen(env: vf.Env, cases: Sequence[str]) -> list[vf.Task]:
    return [task for task in env.taskset if task.data.id in cases]


def verdict(trace: vf.Trace) -> Any:
    return trace.info["mab_gym"]["verdict"]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_actions_have_the_same_verdicts(
    form: str, golds: Mapping[str, EpisodeRecord], env: MedicalRecordEnv, evaluate: Evaluate
) -> None:
    told = told_of(golds)
    by_opening = {golds[case].messages[0]["content"]: actions for case, actions in told.items()}
    played = load_environment(form=form)
    traces = evaluate(played, speaks(by_opening, form), chosen(played, list(golds)))
    own = {case: own_record(env, case, actions, form) for case, actions in told.items()}
    assert len(traces) == len(own) == 10 * len(SCRIPTS)
    for trace in traces:
        record = own[trace.task.data.case]
        assert (trace.ok, trace.stop_condition) == (True, "agent_completed")
        assert judged(verdict(trace)) == judged(record.verdict)
        assert trace.reward == record.reward
        assert trace.metrics == {
            "solved": record.verdict["success"],
            "credit": record.verdict["credit"],
            "unsafe": record.verdict["unsafe"],
            "steps": record.steps,
        }
        assert trace.info["mab_gym"]["actions"] == record.actions
        assert len(trace.branches) == 1, "a trainer would see the conversation in pieces"


@pytest.mark.parametrize("form", FORMS)
def test_stays_and_casework_come_to_the_same(
    form: str, living: Mapping[str, Mapping[str, EpisodeRecord]], evaluate: Evaluate
) -> None:
    for env_id, cases in LIVING.items():
        told = script_by_opening(living["text"][case] for case in cases)
        played = load_environment(env=env_id, form=form)
        asked: list[Any] = []
        traces = evaluate(
            played,
            speaks(told, form),
            chosen(played, cases),
            seen=lambda here, asked=asked: asked.extend(here.requests),
        )
        assert {trace.task.data.case for trace in traces} == set(cases)
        for trace in traces:
            assert (trace.ok, trace.stop_condition) == (True, "agent_completed")
            check_solved(
                living[form][trace.task.data.case], verdict(trace), trace.reward, trace.info["mab_gym"]["actions"]
            )
        if form == "tools":
            assert "put, patch, delete and finish" in asked[0]["messages"][0]["content"].lower()
            assert [each["function"]["name"] for each in asked[0]["tools"]] == [
                "get", "post", "put", "patch", "delete", "finish",
            ]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_rollouts_of_one_case_at_once_do_not_see_each_others_writes(
    form: str, golds: Mapping[str, EpisodeRecord], evaluate: Evaluate
) -> None:
    actions = {case: record for case, record in golds.items() if record.kind == "action" and case.endswith("/04")}
    by_opening = {record.messages[0]["content"]: record.actions for record in actions.values()}
    played = load_environment(form=form)
    traces = evaluate(played, speaks(by_opening, form), chosen(played, list(actions)), rollouts=4)
    assert [trace.reward for trace in traces] == [1.0] * 20


def test_training_draws_fresh_cases_and_evaluation_has_the_canonical_ones() -> None:
    train, canonical = load_environment(split="train").taskset, load_environment().taskset
    drawn = list(itertools.islice(train, 400))
    assert (train.bounded, canonical.bounded) == (False, True)
    assert len({task.key for task in drawn}) == 400
    assert len({task.data.prompt for task in drawn}) > 300  # few people fit some branches
    assert [task.key for task in itertools.islice(train, 50)] == [task.key for task in drawn[:50]]
    cases = list(canonical)
    assert len({task.data.case for task in cases}) == len(cases) == 300
    assert not {task.data.prompt for task in cases} & {task.data.prompt for task in drawn}
    assert len(list(load_environment(split="train", limit=7, family="patient_age").taskset)) == 7


def test_partial_credit_is_the_reward_where_it_is_asked_for(
    golds: Mapping[str, EpisodeRecord], evaluate: Evaluate
) -> None:
    told = {case: half_right(record.actions) for case, record in golds.items() if case.endswith("/05")}
    by_opening = {golds[case].messages[0]["content"]: actions for case, actions in told.items()}
    played = load_environment(reward="partial")
    traces = evaluate(played, speaks(by_opening, "text"), chosen(played, list(told)))
    assert all(trace.reward == trace.metrics["credit"] for trace in traces)
    assert any(0 < trace.reward < 1 for trace in traces)


def test_gold_solutions_prove_the_tasks() -> None:
    tasks: list[MedicalRecordTask] = [
        *itertools.islice(load_environment(split="train").taskset, 5),
        *itertools.islice(load_environment(variant="by_name", family="patient_age").taskset, 2),
    ]
    assert all(asyncio.run(task.validate(None)) for task in tasks)


def test_an_untouched_task_earns_nothing_and_another_harness_is_told() -> None:
    (task,) = load_environment(limit=1).taskset
    agent = vf.AgentInfo(config=vf.AgentConfig())
    trace = vf.Trace(task=vf.TraceTask(type="MedicalRecordTask", data=task.data), agent=agent)
    asyncio.run(task.score(trace))
    assert (trace.reward, trace.metrics) == (0, {"solved": 0, "steps": 0})
    trace.nodes.append(vf.MessageNode(message=vf.AssistantMessage(content="FINISH([])"), sampled=True))
    with pytest.raises(vf.TaskError, match="mab-gym-verifiers"):
        asyncio.run(task.score(trace))


@pytest.mark.parametrize("form", FORMS)
def test_what_models_write_means_the_same_as_elsewhere(form: str, evaluate: Evaluate) -> None:
    played = load_environment(form=form)
    for hand in replies.dealt(replies.kinds_for(form, broken_text=False)):  # verifiers cannot read such a reply
        traces = evaluate(played, replies.dealer(hand), chosen(played, list(hand)))
        found = {trace.task.data.case: trace.info["mab_gym"] for trace in traces}
        replies.check(
            hand,
            {
                case: replies.told_by(outcome["verdict"], outcome["cause"], outcome["steps"])
                for case, outcome in found.items()
            },
        )


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_full_context_is_the_models_failure_as_in_the_rollout(
    form: str, golds: Mapping[str, EpisodeRecord], env: MedicalRecordEnv, evaluate: Evaluate
) -> None:
    look = f"GET {BASE}/Patient?_count=1"
    played = load_environment(form=form)
    (trace,) = evaluate(
        played,
        lambda messages: says(look, form),
        chosen(played, ["patient_age/04"]),
        fails=lambda number, messages: refuses(400, TOO_LONG) if number else None,
    )
    own = own_record(env, "patient_age/04", [look], form)
    assert (trace.ok, trace.stop_condition, trace.reward) == (True, "context_limit", 0)
    assert (verdict(trace)["failure"], trace.metrics["steps"]) == (own.verdict["failure"], 1) == ("context_limit", 1)
    assert verdict(trace)["unsafe"] == own.verdict["unsafe"]


def test_a_limit_of_verifiers_ends_the_episode_and_unsafe_writes_still_count(
    golds: Mapping[str, EpisodeRecord], evaluate: Evaluate
) -> None:
    record = golds["record_blood_pressure/04"]
    post = next(action for action in record.actions if action.startswith("POST"))
    config = vf.resolve_env_config({"taskset": {"id": "mab-gym-verifiers"}, "agent": {"max_turns": 2}})
    played = vf.load_environment(config)
    (trace,) = evaluate(played, lambda messages: says(post, "text"), chosen(played, [record.case]))
    assert (trace.ok, trace.stop_condition, trace.reward, trace.metrics["unsafe"]) == (True, "max_turns", 0, 1)
    assert verdict(trace)["failure"] == "context_limit"


def test_an_agents_time_that_is_over_ends_the_episode(evaluate: Evaluate) -> None:
    config = vf.resolve_env_config({"taskset": {"id": "mab-gym-verifiers"}, "agent": {"timeout": {"rollout": 0.3}}})
    played = vf.load_environment(config)

    def slow(messages: Any) -> Mapping[str, Any]:
        time.sleep(0.5)
        return says("FINISH([])", "text")

    (trace,) = evaluate(played, slow, chosen(played, ["patient_age/04"]))
    assert (trace.is_timeout, trace.reward, verdict(trace)["failure"]) == (True, 0, "context_limit")


def test_a_failing_model_is_an_error_and_no_failure(evaluate: Evaluate) -> None:
    played = load_environment()
    traces = evaluate(
        played,
        lambda messages: says("FINISH([])", "text"),
        chosen(played, ["patient_age/04"]),
        fails=lambda number, messages: refuses(403),
    )
    assert [(trace.ok, trace.stop_condition, trace.rewards) for trace in traces] == [(False, "provider_error", {})]


def test_a_failing_record_system_is_an_error_and_no_failure_after_two_more_tries(
    nobody_there: str, evaluate: Evaluate
) -> None:
    played = load_environment(env=nobody_there, limit=1)
    base = str(played.taskset._env.unwrapped.scenario.backend.base_url)
    asked: list[int] = []
    traces = evaluate(
        played,
        lambda messages: says(f"GET {base}/Patient?_count=1", "text"),
        list(played.taskset),
        seen=lambda here: asked.append(len(here.requests)),
    )
    assert [(trace.ok, trace.rewards) for trace in traces] == [(False, {})]
    assert "InfrastructureError" in traces[0].errors[-1].message
    assert asked == [3]


@pytest.mark.parametrize(
    "arguments",
    [("delete", "{}"), ("get", "{}"), ("get", '{"url": 3}'), ("finish", "{")],
)
def test_a_tool_call_that_cannot_be_read_is_told_and_ends_the_episode_by_the_strict_rule(
    arguments: tuple[str, str], evaluate: Evaluate
) -> None:
    def outcome(reading: str | None) -> tuple[Any, ...]:
        played = load_environment(form="tools", reading=reading, max_steps=2)
        (trace,) = evaluate(played, lambda messages: calls_tools(arguments), chosen(played, ["patient_age/04"]))
        return trace.ok, verdict(trace)["reasons"][0]["code"], trace.metrics["steps"]

    assert outcome("strict") == (True, "invalid_action", 1)
    assert outcome(None) == (True, "step_limit", 2)


def test_several_tool_calls_in_one_message_are_taken_one_by_one_until_the_end(evaluate: Evaluate) -> None:
    get = ("get", f'{{"url": "{BASE}/Patient?_count=1"}}')
    played = load_environment(form="tools")
    message = calls_tools(get, get, ("finish", '{"answer": [1]}'), get)
    (trace,) = evaluate(played, lambda messages: message, chosen(played, ["patient_age/04"]))
    assert trace.info["mab_gym"]["actions"] == [*[f"GET {BASE}/Patient?_count=1"] * 2, "FINISH([1])"]


@pytest.mark.parametrize(
    ("arguments", "says_what"),
    [
        ({"env": "No-v0"}, "MedAgentBench-v0"),
        ({"split": "dev"}, "test, validation, train"),
        ({"family": "no_such"}, "patient_age"),
        ({"split": "train", "family": "no_such"}, "patient_age"),
        ({"difficulty": "impossible"}, "difficulty"),
        ({"variant": "backwards"}, "perturbed"),
        ({"form": "song"}, "text or tools"),
        ({"reading": "aloud"}, "strict or lenient"),
        ({"max_steps": 0}, "max_steps"),
        ({"seed": -1}, "seed"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_fields_are_told_for_what_they_are(arguments: dict[str, Any], says_what: str) -> None:
    with pytest.raises(UsageError, match=says_what):
        load_environment(**arguments)

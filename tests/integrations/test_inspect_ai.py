"""The tasks in inspect_ai: the same verdicts as the project's own rollout gives for the same actions."""

from __future__ import annotations

import gc
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import gymnasium
import pytest

from mab_gym.agents._reference import Oracle
from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.envs._scenario import Scenario
from mab_gym.errors import UsageError
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, play_until_judged
from tests import replies
from tests.evaluation.scripted import KEY, endpoint
from tests.integrations import scripts
from tests.integrations.scripts import (
    BASE,
    FORMS,
    LIVING,
    SCRIPTS,
    Actions,
    check_solved,
    judged,
    own_record,
    script_of,
    told_of,
)

pytest.importorskip("inspect_ai")

import inspect_ai
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.approval import ApprovalPolicy, auto_approver
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ModelOutput,
    ModelUsage,
    StopReason,
    get_model,
)
from inspect_ai.tool import ToolCall

from mab_gym.integrations.inspect_ai import medagentbench, medagentbench_beyond

pytestmark = [
    # inspect_ai asks tenacity for its pauses by an old name, and leaves its streams to the garbage collector.
    pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]
Speaks = Callable[[list[ChatMessage]], ModelOutput]


# --- a model that says what it is told --------------------------------------------------------------------------------


def says(content: str, *calls: ToolCall, stop: StopReason = "stop") -> ModelOutput:
    message = ChatMessageAssistant(content=content, tool_calls=list(calls) or None)
    # With usage, as otherwise inspect would count tokens, for which it needs the network.
    return ModelOutput(
        model="scripted",
        choices=[ChatCompletionChoice(message=message, stop_reason=stop)],
        usage=ModelUsage(input_tokens=100, output_tokens=10, total_tokens=110),
    )


def calls(action: str, number: int = 0) -> ModelOutput:
    """A message that takes an action by a tool, where there is a tool for it."""
    message = scripts.says(action, "tools")
    if not message.get("tool_calls"):
        return says(action)
    (call,) = (each["function"] for each in message["tool_calls"])
    return says("", ToolCall(id=f"c{number}", function=call["name"], arguments=json.loads(call["arguments"])))


def plays(told: Mapping[str, Actions], form: str) -> Speaks:
    """A model that plays a script of actions for each opening message."""

    def speak(messages: list[ChatMessage]) -> ModelOutput:
        opening = next(message.text for message in messages if message.role == "user")
        said = sum(message.role == "assistant" for message in messages)
        action = told[opening][said]
        return says(action) if form == "text" else calls(action, said)

    return speak


@pytest.fixture
def evaluate(tmp_path: Path) -> Iterator[Callable[..., EvalLog]]:
    def run(task: Any, speak: Callable[..., Any], **how: Any) -> EvalLog:
        model = get_model(
            "mockllm/model", custom_outputs=lambda messages, tools, choice, config: speak(messages), memoize=False
        )
        (log,) = inspect_ai.eval(task, model=model, display="none", log_dir=str(tmp_path), **how)
        return log

    yield run
    gc.collect()  # here, where its warnings are expected, and not in the next module's tests


def samples(log: EvalLog) -> list[EvalSample]:
    assert log.samples is not None
    return list(log.samples)


def score(sample: EvalSample, name: str = "solved") -> Any:
    assert sample.scores is not None
    return sample.scores[name]


def metric(log: EvalLog, scorer: str, name: str) -> float:
    assert log.results is not None
    return float(next(each for each in log.results.scores if each.name == scorer).metrics[name].value)


# --- the same verdicts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_the_same_actions_have_the_same_verdicts(
    form: str, golds: Mapping[str, EpisodeRecord], env: MedicalRecordEnv, evaluate: Callable[..., EvalLog]
) -> None:
    told = told_of(golds)
    by_opening = {golds[case].messages[0]["content"]: actions for case, actions in told.items()}
    log = evaluate(medagentbench(form=form), plays(by_opening, form), sample_id=list(golds))
    assert log.status == "success", log.error
    own = {case: own_record(env, case, actions, form) for case, actions in told.items()}
    assert {sample.id for sample in samples(log)} == set(own)
    assert len(own) == 10 * len(SCRIPTS)
    for sample in samples(log):
        record, outcome = own[str(sample.id)], score(sample).metadata
        assert judged(outcome["verdict"]) == judged(record.verdict)
        assert outcome["reward"] == record.reward
        assert (outcome["steps"], outcome["terminated"], outcome["truncated"]) == (
            record.steps, record.terminated, record.truncated,
        )  # fmt: skip
        assert outcome["actions"] == record.actions
        assert score(sample).value == ("C" if record.verdict["success"] else "I")
        assert score(sample, "unsafe").value == record.verdict["unsafe"]
    solved, unsafe = ([case for case in own if own[case].verdict[what]] for what in ("success", "unsafe"))
    assert metric(log, "solved", "accuracy") == len(solved) / len(own)
    assert metric(log, "unsafe", "mean") == pytest.approx(len(unsafe) / len(own))
    # The scripts are as different as they are meant to be.
    rates = Counter(map(script_of, solved))
    assert (rates["gold"], rates["the answer in other words"], rates["nothing"]) == (10, 10, 0)
    assert rates["a wrong answer"] == 2, "two families ask for no answer"
    assert {record.verdict["failure"] for record in own.values()} >= {
        None, "misread_chart", "wrong_tool_use", "unsafe_order", "missing_order", "step_limit",
    }  # fmt: skip
    if form == "text":  # a tool call with such an answer is told, and ends nothing
        assert "wrong_format" in {record.verdict["failure"] for record in own.values()}
    assert unsafe


@pytest.mark.parametrize("form", FORMS)
def test_stays_and_casework_come_to_the_same(
    form: str, living: Mapping[str, Mapping[str, EpisodeRecord]], evaluate: Callable[..., EvalLog]
) -> None:
    for env_id, cases in LIVING.items():
        told = scripts.script_by_opening(living["text"][case] for case in cases)
        log = evaluate(medagentbench(env_id, form=form), plays(told, form), sample_id=list(cases))
        assert log.status == "success", log.error
        assert len(samples(log)) == len(cases)
        for sample in samples(log):
            record, outcome = living[form][str(sample.id)], score(sample).metadata
            check_solved(record, outcome["verdict"], outcome["reward"], outcome["actions"])
            assert score(sample).value == "C"
        if form == "tools":
            assert "put, patch, delete and finish" in samples(log)[0].messages[0].text.lower()


def test_rates_are_told_by_kind_difficulty_and_family(
    golds: Mapping[str, EpisodeRecord], evaluate: Callable[..., EvalLog]
) -> None:
    told = {
        record.messages[0]["content"]: record.actions if record.kind == "query" else ["FINISH([])"]
        for record in golds.values()
    }
    log = evaluate(medagentbench(), plays(told, "text"), sample_id=[case for case in golds if case.endswith("/01")])
    for record in golds.values():
        assert metric(log, "solved", record.family) == (record.kind == "query")
    assert (metric(log, "solved", "query"), metric(log, "solved", "action")) == (1, 0)
    assert 0 < metric(log, "solved", "hard") + metric(log, "solved", "medium") < 2


@pytest.mark.parametrize("form", FORMS)
def test_variants_have_the_same_verdicts(
    form: str, env: MedicalRecordEnv, scenario: Scenario, evaluate: Callable[..., EvalLog]
) -> None:
    task = medagentbench(difficulty="hard", variant="perturbed+by_name", form=form, seed=5)
    chosen = [sample for sample in task.dataset if str(sample.id).endswith(("/02", "/17"))]
    scripts = {}
    for sample in chosen:
        assert sample.metadata is not None
        assignment = Assignment(sample.metadata["seed"], str(sample.id))
        record = play_until_judged(env, Oracle(), assignment, {"variant": "perturbed+by_name"})
        assert sample.input == record.messages[0]["content"]
        scripts[record.messages[0]["content"]] = record.actions
    log = evaluate(task, plays(scripts, form), sample_id=[str(sample.id) for sample in chosen])
    assert metric(log, "solved", "accuracy") == 1
    assert {sample.metadata["variant"] for sample in samples(log)} > {""} or "perturbed" in str(
        samples(log)[0].metadata
    )


# --- how it is played -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_samples_at_once_and_epochs_do_not_see_each_others_writes(
    form: str, golds: Mapping[str, EpisodeRecord], evaluate: Callable[..., EvalLog]
) -> None:
    speak = plays({record.messages[0]["content"]: record.actions for record in golds.values()}, form)

    async def slow(messages: list[ChatMessage]) -> ModelOutput:
        await anyio.sleep(0.002)
        return speak(messages)

    actions = [case for case, record in golds.items() if record.kind == "action" and case.endswith("/04")]
    log = evaluate(medagentbench(form=form), slow, sample_id=actions, epochs=4, max_samples=20, max_connections=20)
    assert len(samples(log)) == 20
    assert all(score(sample).value == "C" for sample in samples(log))


@pytest.mark.parametrize("form", FORMS)
def test_the_log_holds_the_chat_with_the_replies_whole(
    form: str, golds: Mapping[str, EpisodeRecord], evaluate: Callable[..., EvalLog]
) -> None:
    record = golds["replace_potassium/04"]
    look = [f"GET {BASE}/Observation?_count=50", *record.actions]
    log = evaluate(
        medagentbench(form=form),
        plays({record.messages[0]["content"]: look}, form),
        sample_id="replace_potassium/04",
        max_tool_output=100,
    )
    (sample,) = samples(log)
    heard = [message.text for message in sample.messages if message.role in ("user", "tool") and message.text]
    own = own_record(gymnasium.make("mab_gym/MedAgentBench-v0"), record.case, look)
    assert heard == [message["content"] for message in own.messages if message["role"] == "user"]
    assert len(heard[1]) > 16 * 1024
    assert sample.metadata["branch"] == record.branch
    assert "FINISH" not in str(sample.target)


def test_several_tool_calls_in_one_message_are_taken_one_by_one_until_the_end(
    golds: Mapping[str, EpisodeRecord], evaluate: Callable[..., EvalLog]
) -> None:
    url = f"{BASE}/Patient?_count=1"
    get = {"url": url}
    message = says(
        "",
        *(ToolCall(id=f"c{place}", function="get", arguments=get) for place in range(2)),
        ToolCall(id="c2", function="finish", arguments={"answer": [1]}),
        ToolCall(id="c3", function="get", arguments=get),
    )
    log = evaluate(medagentbench(form="tools"), lambda messages: message, sample_id="patient_age/04")
    (sample,) = samples(log)
    assert score(sample).metadata["actions"] == [f"GET {url}", f"GET {url}", "FINISH([1])"]
    answered = [each.tool_call_id for each in sample.messages if each.role == "tool"]
    assert answered == ["c0", "c1", "c2"]


@pytest.mark.parametrize(("decision", "steps"), [("approve", 2), ("reject", 0)])
def test_tool_calls_pass_inspects_approvers(
    decision: Any, steps: int, golds: Mapping[str, EpisodeRecord], evaluate: Callable[..., EvalLog]
) -> None:
    look = calls(f"GET {BASE}/Patient?_count=1")
    log = evaluate(
        medagentbench(form="tools", max_steps=2),
        lambda messages: look,
        sample_id="patient_age/04",
        approval=[ApprovalPolicy(auto_approver(decision), "*")],
    )
    (sample,) = samples(log)
    assert (score(sample).value, score(sample).metadata["steps"]) == ("I", steps)
    assert sum(message.role == "tool" for message in sample.messages) == 2
    assert sum(event.event == "tool" for event in sample.events) == 2


@pytest.mark.parametrize(
    "call",
    [
        ToolCall(id="c", function="delete", arguments={}),
        ToolCall(id="c", function="get", arguments={}),
        ToolCall(id="c", function="get", arguments={"url": 3}),
        ToolCall(id="c", function="finish", arguments={}, parse_error="Error parsing: {"),
    ],
)
def test_a_tool_call_that_cannot_be_read_is_told_and_ends_the_episode_by_the_strict_rule(
    call: ToolCall, evaluate: Callable[..., EvalLog]
) -> None:
    def outcome(reading: str | None) -> tuple[Any, ...]:
        task = medagentbench(form="tools", reading=reading, max_steps=2)
        (sample,) = samples(evaluate(task, lambda messages: says("", call), sample_id="patient_age/04"))
        told = [message for message in sample.messages if message.role == "tool"]
        assert all(message.tool_call_id == "c" for message in told)
        outcome = score(sample).metadata
        return outcome["verdict"]["reasons"][0]["code"], outcome["steps"], told[0].text

    assert outcome("strict")[:2] == ("invalid_action", 1)
    code, steps, text = outcome(None)
    assert (code, steps) == ("step_limit", 2)
    assert text.startswith("Not sent: ")


def test_max_steps_is_the_environments(golds: Mapping[str, EpisodeRecord], evaluate: Callable[..., EvalLog]) -> None:
    look = says(f"GET {BASE}/Patient?_count=1")
    log = evaluate(medagentbench(max_steps=2), lambda messages: look, sample_id="patient_age/04")
    outcome = score(samples(log)[0]).metadata
    assert (outcome["steps"], outcome["verdict"]["failure"]) == (2, "step_limit")


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_full_context_is_the_models_failure_as_in_the_rollout(
    form: str, env: MedicalRecordEnv, evaluate: Callable[..., EvalLog]
) -> None:
    look = f"GET {BASE}/Patient?_count=1"
    speak = plays({env.reset(options={"case": "patient_age/04"})[0]["text"]: [look]}, form)

    def full(messages: list[ChatMessage]) -> ModelOutput:
        spoken = any(message.role == "assistant" for message in messages)
        return says("full", stop="model_length") if spoken else speak(messages)

    log = evaluate(medagentbench(form=form), full, sample_id="patient_age/04")
    own = own_record(env, "patient_age/04", [look], form)
    outcome = score(samples(log)[0]).metadata
    assert judged(outcome["verdict"]) == judged(own.verdict)
    assert (outcome["context_limit"], outcome["steps"], outcome["truncated"]) == ("full", 1, True)
    assert outcome["verdict"]["failure"] == "context_limit"


def test_a_limit_of_inspects_ends_the_episode_and_unsafe_writes_still_count(
    golds: Mapping[str, EpisodeRecord], evaluate: Callable[..., EvalLog]
) -> None:
    record = golds["record_blood_pressure/04"]
    post = next(action for action in record.actions if action.startswith("POST"))
    log = evaluate(medagentbench(), lambda messages: says(post), sample_id=record.case, message_limit=5)
    (sample,) = samples(log)
    assert sample.limit is not None
    assert (score(sample).value, score(sample).metadata["verdict"]["failure"]) == ("I", "context_limit")
    assert score(sample, "unsafe").value == 1


def test_a_failing_model_is_an_error_of_the_sample_and_no_failure(evaluate: Callable[..., EvalLog]) -> None:
    def fails(messages: list[ChatMessage]) -> ModelOutput:
        raise RuntimeError("out of order")

    log = evaluate(medagentbench(), fails, sample_id=["patient_age/04", "patient_age/05"], fail_on_error=False)
    assert all(sample.error is not None and "out of order" in sample.error.message for sample in samples(log))
    assert not any(sample.scores for sample in samples(log))


@pytest.mark.parametrize("scored", [False, True])
def test_a_failing_record_system_is_an_error_of_the_sample_and_no_failure(
    scored: bool, nobody_there: str, evaluate: Callable[..., EvalLog]
) -> None:
    task = medagentbench(nobody_there, family="patient_age")
    assert task.metadata is not None
    ask = says(f"GET {task.metadata['archive'].partition(':')[2]}/Patient?_count=1")
    log = evaluate(task, lambda messages: ask, limit=2, fail_on_error=False, score_on_error=scored)
    assert all("InfrastructureError" in str(sample.error) for sample in samples(log))
    assert len(samples(log)) == 2
    if scored:
        assert all(math.isnan(score(sample, name).value) for sample in samples(log) for name in ("solved", "unsafe"))
        assert log.results is not None
        assert {each.scored_samples for each in log.results.scores} == {0}
    else:
        assert not any(sample.scores for sample in samples(log))


@pytest.mark.parametrize(
    ("arguments", "says_what"),
    [
        ({"env": "No-v0"}, "MedAgentBench-v0"),
        ({"env": "no.toml"}, "no.toml"),
        ({"env": "MedAgentBench-Hard-v0", "split": "train"}, "Hard-Train"),
        ({"split": "dev"}, "test, validation, train"),
        ({"family": "no_such"}, "patient_age"),
        ({"difficulty": "impossible"}, "difficulty"),
        ({"variant": "backwards"}, "perturbed"),
        ({"form": "song"}, "text or tools"),
        ({"reading": "aloud"}, "strict or lenient"),
        ({"max_steps": 0}, "max_steps"),
        ({"seed": "seven"}, "whole number"),
        ({"seed": -1}, "whole number"),
    ],
)
def test_wrong_parameters_are_told_for_what_they_are(arguments: dict[str, Any], says_what: str) -> None:
    with pytest.raises(UsageError, match=says_what) as raised:
        medagentbench(**arguments)
    assert isinstance(raised.value, PrerequisiteError), "inspect would print a traceback"


# --- what models write ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_what_models_write_means_the_same_as_elsewhere(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for hand in replies.dealt(replies.kinds_for(form, broken_text=False)):  # inspect cannot write such a log
        with endpoint(replies.dealer(hand)) as here:
            model = get_model(
                "openai/scripted", base_url=here.base_url, api_key=KEY, responses_api=False, memoize=False
            )
            (log,) = inspect_ai.eval(
                medagentbench(form=form),
                model=model,
                display="none",
                log_dir=str(tmp_path),
                sample_id=list(hand),
                fail_on_error=False,
            )
        outcomes = {str(sample.id): score(sample).metadata for sample in samples(log) if sample.scores}
        replies.check(
            hand,
            {
                case: replies.told_by(outcome["verdict"], outcome["cause"], outcome["steps"])
                for case, outcome in outcomes.items()
            },
        )


# --- how inspect finds them -------------------------------------------------------------------------------------------


def test_inspect_finds_the_tasks_by_name_and_hands_over_parameters(evaluate: Callable[..., EvalLog]) -> None:
    log = evaluate(
        "mab_gym/medagentbench",
        lambda messages: says("FINISH([])"),
        task_args={"family": "patient_age", "max_steps": 3},
        limit=2,
    )
    assert [sample.id for sample in samples(log)] == ["patient_age/01", "patient_age/02"]
    assert log.eval.metadata is not None
    assert (log.eval.task, log.eval.metadata["max_steps"]) == ("mab_gym/medagentbench", 3)


def test_the_further_families_and_drawn_cases_are_there_too() -> None:
    beyond = medagentbench_beyond()
    assert len(beyond.dataset) == 150
    drawn = medagentbench(split="train", family="patient_age")
    assert len({sample.id for sample in drawn.dataset}) == len(drawn.dataset) == 300
    again = medagentbench(split="train", family="patient_age")
    assert [sample.input for sample in drawn.dataset] == [sample.input for sample in again.dataset]

"""The tasks in inspect_ai: the same verdicts as the project's own rollout gives for the same actions."""

from __future__ import annotations

import gc
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import anyio
import gymnasium
import pytest

from mab_gym.actions import Finish, Get, Post, parse_action, render
from mab_gym.agents.endpoint import Answer, ChatEndpoint
from mab_gym.agents.model import TextModel, ToolModel
from mab_gym.agents.reference import Oracle
from mab_gym.env import MedicalRecordEnv
from mab_gym.errors import ContextLimitError, UsageError
from mab_gym.records import EpisodeRecord
from mab_gym.rollout import Assignment, play_until_judged
from mab_gym.workplace import Workplace
from tests.evaluation.scripted import dead_url

pytest.importorskip("inspect_ai")

import inspect_ai
from inspect_ai._util.error import PrerequisiteError
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
]
FORMS = ("text", "tools")
BASE = "http://localhost:8080/fhir"
Actions = Sequence[str]
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
    match parse_action(action):
        case Get(url):
            name, arguments = "get", {"url": url}
        case Post(url, body):
            name, arguments = "post", {"url": url, "body": _json(body)}
        case Finish(answer):
            name, arguments = "finish", {"answer": _json(answer)}
        case _:
            return says(action)
    return says("", ToolCall(id=f"c{number}", function=name, arguments=arguments))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def plays(scripts: Mapping[str, Actions], form: str) -> Speaks:
    """A model that plays a script of actions for each opening message."""

    def speak(messages: list[ChatMessage]) -> ModelOutput:
        opening = next(message.text for message in messages if message.role == "user")
        said = sum(message.role == "assistant" for message in messages)
        action = scripts[opening][said]
        return says(action) if form == "text" else calls(action, said)

    return speak


class Endpoint:
    """The same model, for the project's own agents: it answers a script of actions, and then that the chat is full."""

    model = "scripted"

    def __init__(self, actions: Actions, form: str) -> None:
        self._outputs = [says(action) if form == "text" else calls(action) for action in actions]

    def ask(self, messages: Any, calls: Any, further: Any = None) -> Answer:
        if not self._outputs:
            raise ContextLimitError("full")
        message = self._outputs.pop(0).message
        wanted = [
            {"id": call.id, "function": {"name": call.function, "arguments": json.dumps(call.arguments)}}
            for call in message.tool_calls or ()
        ]
        return Answer({"role": "assistant", "content": message.text, "tool_calls": wanted}, None, None)


def own_record(env: gymnasium.Env[Any, str], case: str, actions: Actions, form: str = "text") -> EpisodeRecord:
    """What the project's own rollout makes of a model that takes these actions."""
    endpoint = cast(ChatEndpoint, Endpoint(actions, form))
    return play_until_judged(env, (TextModel if form == "text" else ToolModel)(endpoint), Assignment(0, case))


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


def _reworded(actions: Actions) -> Actions:
    """The same answer in other words: a code fence, white space, whole numbers as decimals."""
    action = parse_action(actions[-1])
    assert isinstance(action, Finish)
    items = [float(item) if type(item) is int else item for item in json.loads(action.answer)]
    return [*actions[:-1], f"```\n{render(Finish(f' {json.dumps(items)} '))}\n```"]


SCRIPTS: Mapping[str, Callable[[Actions], Actions]] = {
    "gold": lambda gold: gold,
    "the answer in other words": _reworded,
    "a wrong answer": lambda gold: [*gold[:-1], 'FINISH([-273.15, "wrong"])'],
    "an answer that is no list": lambda gold: [*gold[:-1], 'FINISH("seven")'],
    "orders left out": lambda gold: [action for action in gold if not action.startswith("POST")],
    "no reading and no answer": lambda gold: ["FINISH([])"],
    "everything written twice": lambda gold: [
        each for action in gold for each in [action] * (2 if action.startswith("POST") else 1)
    ],
    "broken JSON and forbidden addresses": lambda gold: [
        f"POST {BASE}/ServiceRequest\n{{broken",
        "GET http://elsewhere/fhir/Patient",
        f"GET {BASE}/../Patient",
        *gold,
    ],
    "no action": lambda gold: [gold[0], "I would rather not."],
    "nothing": lambda gold: [""],
    "no end": lambda gold: [f"GET {BASE}/Patient?_count=1"] * 9,
}


@pytest.fixture(scope="module")
def golds(workplace: Workplace) -> dict[str, EpisodeRecord]:
    """The gold solutions of as many cases of each family as there are scripts."""
    env = gymnasium.make("mab_gym/MedAgentBench-v0")
    cases = [f"{family}/{1 + number:02d}" for family in workplace.tasks.catalogue for number in range(len(SCRIPTS))]
    return {case: play_until_judged(env, Oracle(), Assignment(0, case)) for case in cases}


def script_of(case: str) -> str:
    """Each script is played on one case of each family."""
    return list(SCRIPTS)[int(case.partition("/")[2]) - 1]


def judged(verdict: Mapping[str, Any]) -> tuple[Any, ...]:
    found = [(reason["code"], reason["critical"], reason["text"]) for reason in verdict["reasons"]]
    return verdict["success"], verdict["failure"], verdict["credit"], verdict["unsafe"], found


@pytest.mark.parametrize("form", FORMS)
def test_the_same_actions_have_the_same_verdicts(
    form: str, golds: Mapping[str, EpisodeRecord], env: MedicalRecordEnv, evaluate: Callable[..., EvalLog]
) -> None:
    told = {case: SCRIPTS[script_of(case)](record.actions) for case, record in golds.items()}
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
        None, "misread_chart", "wrong_format", "wrong_tool_use", "unsafe_order", "missing_order", "step_limit",
    }  # fmt: skip
    assert unsafe


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
    form: str, env: MedicalRecordEnv, workplace: Workplace, evaluate: Callable[..., EvalLog]
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


@pytest.mark.parametrize(
    "call",
    [
        ToolCall(id="c", function="delete", arguments={}),
        ToolCall(id="c", function="get", arguments={}),
        ToolCall(id="c", function="get", arguments={"url": 3}),
        ToolCall(id="c", function="finish", arguments={}, parse_error="Error parsing: {"),
    ],
)
def test_a_tool_call_that_cannot_be_read_is_no_action(call: ToolCall, evaluate: Callable[..., EvalLog]) -> None:
    log = evaluate(medagentbench(form="tools"), lambda messages: says("", call), sample_id="patient_age/04")
    (sample,) = samples(log)
    assert score(sample).metadata["verdict"]["reasons"][0]["code"] == "invalid_action"
    assert score(sample).metadata["steps"] == 1


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


@pytest.fixture
def nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An environment file whose record system is at an address where nobody listens."""
    file = tmp_path / "nobody.toml"
    server = dead_url().replace("/v1", "/fhir")
    file.write_text(
        f'id = "tests/Nobody-v0"\n[episode]\nbackend = "remote"\n[remote]\nserver = "{server}"\n', encoding="utf-8"
    )
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield str(file)
    gymnasium.registry.pop("tests/Nobody-v0", None)


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
        ({"max_steps": 0}, "max_steps"),
        ({"seed": "seven"}, "whole number"),
        ({"seed": -1}, "whole number"),
    ],
)
def test_wrong_parameters_are_told_for_what_they_are(arguments: dict[str, Any], says_what: str) -> None:
    with pytest.raises(UsageError, match=says_what) as raised:
        medagentbench(**arguments)
    assert isinstance(raised.value, PrerequisiteError), "inspect would print a traceback"


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

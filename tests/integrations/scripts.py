"""The actions that scripted models play in every framework, and the project's own record of the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import gymnasium

from mab_gym.actions import Finish, parse_action, render
from mab_gym.agents._answers import Answer
from mab_gym.agents._endpoint import ChatEndpoint
from mab_gym.agents._model import ChatAgent
from mab_gym.errors import ContextLimitError
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, play_until_judged
from tests.evaluation.scripted import Messages, call_of, calls_tools

FORMS = ("text", "tools")
BASE = "http://localhost:8080/fhir"
Actions = Sequence[str]


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
    # As a text it ends the episode; as a tool call it is told to the model, which says it again until no step is left.
    "an answer that is no list": lambda gold: [*gold[:-1], *['FINISH("seven")'] * 8],
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


LIVING: Mapping[str, Sequence[str]] = {
    "mab_gym/Hospital-v0": ("titrate_electrolytes/01", "heparin_nomogram/01", "inpatient_insulin/01"),
    "mab_gym/Casework-v0": ("admission_reconciliation/01", "ketoacidosis/01"),
}
"""Cases of the living hospital: the three stays on the clock, a short piece of casework with PUT and PATCH, and one of
fifty-five actions with hours of waiting."""
PLAYED = [(env_id, case) for env_id, cases in LIVING.items() for case in cases]


def with_every_verb(actions: Actions) -> list[str]:
    """A solution that also deletes what is not there, which changes nothing: no solution of LIVING deletes."""
    return [*actions[:-1], f"DELETE {BASE}/Basic/nothing", actions[-1]]


def script_of(case: str) -> str:
    """Each script is played on one case of each family."""
    return list(SCRIPTS)[int(case.partition("/")[2]) - 1]


def told_of(golds: Mapping[str, EpisodeRecord]) -> dict[str, Actions]:
    """By case, what is played on it."""
    return {case: SCRIPTS[script_of(case)](record.actions) for case, record in golds.items()}


def half_right(actions: Sequence[str]) -> list[str]:
    """Gold actions, but for the first of several items of the answer."""
    answer = json.loads(actions[-1].removeprefix("FINISH(").removesuffix(")"))
    return [*actions[:-1], f"FINISH({json.dumps([-999, *answer[1:]] if len(answer) > 1 else answer)})"]


def judged(verdict: Mapping[str, Any]) -> tuple[Any, ...]:
    found = [(reason["code"], reason["critical"], reason["text"]) for reason in verdict["reasons"]]
    return verdict["success"], verdict["failure"], verdict["credit"], verdict["unsafe"], found


def check_solved(record: EpisodeRecord, verdict: Mapping[str, Any], reward: float, actions: Actions) -> None:
    """Checks that an adapter came to what the project's own record of a solution says."""
    assert (record.verdict["success"], record.verdict["credit"], record.reward) == (True, 1.0, 1.0), record.case
    assert judged(verdict) == judged(record.verdict), record.case
    assert reward == record.reward, record.case
    assert list(actions) == list(record.actions), record.case


def script_by_opening(records: Iterable[EpisodeRecord]) -> dict[str, Actions]:
    """The actions of each record, by the message that its episode opens with; a scripted model knows no other name."""
    return {record.messages[0]["content"]: record.actions for record in records}


def qwen_call(action: str) -> str:
    """An action as Qwen 3 writes a tool call."""
    name, arguments = call_of(action) or ("", {})
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def says(action: str, form: str) -> Mapping[str, Any]:
    """A model's message that takes an action: by a tool, where that is asked for and there is a tool for it."""
    call = call_of(action) if form == "tools" else None
    if call is None:
        return {"role": "assistant", "content": action}
    name, arguments = call
    return calls_tools((name, json.dumps(arguments)))


def speaks(scripts: Mapping[str, Actions], form: str) -> Callable[[Messages], Mapping[str, Any]]:
    """A model that plays a script of actions for each opening message."""

    def speak(messages: Messages) -> Mapping[str, Any]:
        opening = next(message["content"] for message in messages if message["role"] == "user")
        said = sum(message["role"] == "assistant" for message in messages)
        return says(scripts[opening][said], form)

    return speak


class Endpoint:
    """The same model, for the project's own agents: it answers a script of actions, and then that the chat is full."""

    model = "scripted"

    def __init__(self, actions: Actions, form: str) -> None:
        self._messages = [says(action, form) for action in actions]

    def ask_now(self, messages: Any, calls: Any, further: Any = None) -> Answer:
        if not self._messages:
            raise ContextLimitError("full")
        return Answer(self._messages.pop(0), None, None)


def own_record(env: gymnasium.Env[Any, str], case: str, actions: Actions, form: str = "text") -> EpisodeRecord:
    """Returns the project's own record of a model that takes these actions."""
    endpoint = cast(ChatEndpoint, Endpoint(actions, form))
    return play_until_judged(env, ChatAgent(endpoint, form), Assignment(0, case))

"""The reading of what a model writes: one message in, an action out, by a rule that a run states.

``strict`` takes the text of a message as the action, unchanged, as the official protocol does. ``lenient`` is for
models as they write today: thoughts never count as text; the action may stand in a code fence, behind a heading, in
bold or inline code, after prose or before it, and its JSON in a fence of its own; of several actions the first counts,
and the agent is told; a tool call that cannot be carried out is told to the agent instead of ending the episode.

A text that is exactly one action means the same by both rules. Every adapter reads by this module.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mab_gym.actions import (
    VERBS,
    WITH_BODY,
    Action,
    Delete,
    Finish,
    Get,
    Invalid,
    NoAction,
    Patch,
    Post,
    Put,
    parse_action,
    read_answer,
    render,
    request,
)
from mab_gym.agents._actions_in_text import actions_in
from mab_gym.agents._thoughts import said_in, thoughts_beside, without_stray_end, words_of
from mab_gym.errors import UsageError

STRICT, LENIENT = "strict", "lenient"
RULES = (STRICT, LENIENT)
"""The rules by which messages are read."""
_CUT_OFF = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})
_FILTERED = frozenset({"content_filter", "safety", "recitation", "blocklist", "prohibited_content", "sensitive"})
_REFUSED = frozenset({"refusal", "refused"})
_WHY = {
    "refused": "the model refused",
    "filtered": "the endpoint filtered it",
    "empty": "it is empty",
    "length": "it was cut off at its length limit, before an action was complete",
    "endless_thoughts": "it holds thoughts and nothing after them",
    "no_action": "nowhere in it stands a GET or POST with an address, or FINISH([...])",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as it was read.

    Attributes:
        action: The action as text; `NoAction` if the message holds none (with ``strict`` its text, all the same).
        said: The text of the message, with everything in it.
        thoughts: The model's thoughts; empty if there are none.
        note: A line that the agent is told before the next observation; empty if there is nothing to say.
        cause: The reason for which a message that ends the episode holds no action, a key of
            `mab_gym.runs._causes.CAUSES`; else None.
    """

    action: str | NoAction
    said: str = ""
    thoughts: str = ""
    note: str = ""
    cause: str | None = None

    @property
    def message(self) -> dict[str, Any]:
        """The message for a record: what was said, and ``thoughts`` and ``action`` if they are something else."""
        return {"role": "assistant", "content": self.said, **self.apart}

    @property
    def apart(self) -> dict[str, str]:
        """The fields of a record that were read: ``thoughts``, and ``action`` if it is not the text."""
        thoughts = {"thoughts": self.thoughts} if self.thoughts else {}
        return thoughts if str(self.action) == self.said else {**thoughts, "action": str(self.action)}


def check_rule(rule: str) -> str:
    """Returns a rule that exists.

    Raises:
        UsageError: There is no such rule.
    """
    if rule not in RULES:
        raise UsageError(f"messages are read by the rule {' or '.join(RULES)}, not {rule!r}")
    return rule


def read_message(
    message: str | Mapping[str, Any],
    rule: str = LENIENT,
    finish_reason: str | None = None,
    verbs: Sequence[str] = VERBS,
) -> Reading:
    """Reads the text of a model's message; its tool calls are read by `read_call`.

    Args:
        message: The text, or an assistant message in the form of chat completions: ``content``, perhaps ``refusal``,
            ``reasoning_content`` and the like.
        rule: ``strict`` or ``lenient``.
        finish_reason: The reason for which the model stopped, as its endpoint says it.
        verbs: The verbs that the environment allows (see `mab_gym.actions.verbs_in`).

    Raises:
        UsageError: There is no such rule.
    """
    check_rule(rule)
    beside = "" if isinstance(message, str) else thoughts_beside(message)
    text = message if isinstance(message, str) else said_in(message)
    plain = parse_action(text, verbs)
    cut = _plain(finish_reason) in _CUT_OFF
    # A whole action is taken as it is: the JSON of a POST may hold the marks of thoughts.
    if rule == STRICT or (_is_whole(plain) and not (cut and isinstance(plain, Get | Delete))):
        cause = _cause(message, finish_reason, text, bool(beside)) if isinstance(plain, Invalid) else None
        return Reading(text, text, beside, cause=cause)
    stray = without_stray_end(text)
    words = words_of(stray if _is_whole(parse_action(stray, verbs)) else text)
    thoughts = "\n\n".join(filter(None, (beside, words.thoughts)))
    called = partial(_called, verbs=verbs)
    found = [each for each in actions_in(words.said, called, verbs) if each.complete or not cut]
    if found and found[0].unclear:
        return Reading(NoAction(found[0].unclear, ends=False), text, thoughts)
    if found:
        count = len({each.action for each in found})
        return Reading(found[0].action, text, thoughts, _SEVERAL.format(count=count) if count > 1 else "")
    cause = _cause(message, finish_reason, words.said, bool(thoughts))
    return Reading(NoAction(_WHY[cause]), text, thoughts, cause=cause)


def _is_whole(action: Action) -> bool:
    """Tells if a text that was read as one action holds nothing else."""
    match action:
        case Get(url) | Delete(url):
            return "://" in url and _is_word(url)
        case Post(url, body) | Put(url, body):
            return _is_word(url) and _object(body, STRICT) is not None
        case Patch(url, body):
            return _is_word(url) and (_object(body, STRICT) is not None or _is_list(body))
        case Finish(answer):
            try:
                read_answer(answer)
            except ValueError:
                return False
            return True
    return False


def _is_word(url: str) -> bool:
    return len(url.split()) == 1 and "<" not in url and url[0] not in "`\"'*"


def _is_list(body: str) -> bool:
    try:
        return isinstance(json.loads(body), list)
    except (ValueError, RecursionError):
        return False


def _called(name: str, arguments: object, verbs: Sequence[str]) -> str | None:
    action = read_call(name, arguments, verbs=verbs).action
    return action if isinstance(action, str) else None


_SEVERAL = "[Your message held {count} actions. Only the first was carried out; write one action in each message.]"


def _cause(message: str | Mapping[str, Any], finish_reason: str | None, said: str, thought: bool) -> str:
    """Returns the reason for which a message holds no action."""
    ended = _plain(finish_reason)
    refusal = None if isinstance(message, str) else message.get("refusal")
    if ended in _FILTERED:
        return "filtered"
    if refusal or ended in _REFUSED:
        return "refused"
    if ended in _CUT_OFF:
        return "length"
    if not said.strip():
        return "endless_thoughts" if thought else "empty"
    return "no_action"


def _plain(finish_reason: Any) -> str:
    return finish_reason.strip().lower() if isinstance(finish_reason, str) else ""


def tool_names(verbs: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of the tools that stand for actions: the verbs in lower case, and finish."""
    return (*(verb.lower() for verb in verbs), "finish")


def read_call(name: str, arguments: Any, rule: str = LENIENT, verbs: Sequence[str] = VERBS) -> Reading:
    """Reads a tool call: one of a verb's name, or finish.

    Args:
        name: The name of the tool.
        arguments: The arguments, as an object or as the JSON that the model wrote.
        rule: ``lenient`` tells the agent if a call cannot be carried out; with ``strict`` such a call is a text that is
            no action, which ends the episode.
        verbs: The verbs that the environment allows.

    Raises:
        UsageError: There is no such rule.
    """
    check_rule(rule)
    shown = arguments if isinstance(arguments, str) else json_text(arguments)
    said = f"{name}({shown})"
    tool = name.strip().rpartition(".")[2].lower() if rule == LENIENT else name
    given = _object(arguments, rule)
    if given is not None and (rule == STRICT or _wrong_call(tool, name, given, verbs) is None):
        # As the model wrote it: numbers keep their digits, as FHIR wants it.
        written = _members(arguments) if isinstance(arguments, str) else {}
        url = given.get("url")
        if tool in tool_names(verbs) and tool != "finish" and isinstance(url, str):
            verb = tool.upper()
            body = _as_written(given.get("body"), written.get("body")) if verb in WITH_BODY else ""
            return Reading(render(request(verb, url, body)), said)
        if tool == "finish" and "answer" in given:
            return Reading(render(Finish(_as_written(given["answer"], written.get("answer")))), said)
    if rule == STRICT:
        return Reading(f"[no action: the tool call {said} cannot be read]", said, cause="no_action")
    return Reading(NoAction(_wrong_call(tool, name, given, verbs) or "the call cannot be read", ends=False), said)


def _wrong_call(tool: str, name: str, given: Mapping[str, Any] | None, verbs: Sequence[str]) -> str | None:
    """Returns the reason for which a call cannot be carried out; None if it can."""
    if tool not in tool_names(verbs):
        known = ", ".join(tool_names(verbs)[:-1])
        return f"there is no tool {name[:100]!r}; the tools are {known} and finish"
    if given is None:
        return f"the arguments of {tool} are not a JSON object"
    if tool == "finish":
        if "answer" not in given:
            return "finish needs an answer, a list, as its description says"
        try:
            read_answer(json_text(given["answer"]))
        except ValueError as error:
            return str(error)
        return None
    url = given.get("url")
    if not isinstance(url, str) or not url.strip() or len(url.splitlines()) != 1:
        return f"{tool} needs a url, in one line, as its description says"
    if tool.upper() in WITH_BODY and given.get("body") is None:
        return f"{tool} needs a body, {'the patch' if tool == 'patch' else 'the resource'}"
    return None


def _as_written(value: Any, written: str | None) -> str:
    return json_text(value) if written is None or isinstance(value, str) else written


def _members(text: str) -> dict[str, str]:
    """Returns the members of a JSON object, which is known to be one, as they are written."""
    members: dict[str, str] = {}
    place = text.find("{") + 1
    try:
        while True:
            name, place = _JSON.raw_decode(text, _after_space(text, place))
            begin = _after_space(text, _after_space(text, place) + 1)  # behind the colon
            _, end = _JSON.raw_decode(text, begin)
            members[name] = text[begin:end]
            place = _after_space(text, end) + 1
            if text[place - 1] != ",":
                return members
    except (ValueError, RecursionError, IndexError):  # the object is empty
        return {}


def _after_space(text: str, place: int) -> int:
    while text[place].isspace():
        place += 1
    return place


_JSON = json.JSONDecoder(strict=False)


def _object(arguments: Any, rule: str) -> Mapping[str, Any] | None:
    """Returns the arguments of a call as an object; None if they are none."""
    if isinstance(arguments, str):
        text = arguments.strip()
        if rule == LENIENT and text.startswith("```"):
            text = text.strip("`").removeprefix("json")
        try:
            arguments = json.loads(text, strict=rule == STRICT)
        except (ValueError, RecursionError):
            return None
    return arguments if isinstance(arguments, Mapping) else None


def json_text(value: Any) -> str:
    """Returns a tool's argument as JSON; an argument that is already a text stays as it is."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return str(type(value).__name__)

"""Kinds of messages that models write, each with the verdict that is wanted, through whichever door it comes.

A kind writes each action of a gold solution in its own way, so that the case is solved; or it is a message without an
action, which ends the episode; or a broken tool call, of which the model is told before it goes on with the solution.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium

from mab_gym.actions import Finish, Get, Post, parse_action
from mab_gym.agents._reference import Oracle
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, play_until_judged

CASES = ("latest_magnesium/01", "replace_magnesium/01")
"""A query (search, answer) and an action (search, order, answer)."""
FAMILIES = tuple(case.partition("/")[0] for case in CASES)
BASE = "http://localhost:8080/fhir"
Message = Mapping[str, Any]
"""An assistant message in the form of chat completions, perhaps with its ``finish_reason``."""
IDEAS = f"I could GET {BASE}/Patient?name=x\nFINISH([-999])\nbut no."
"""Thoughts that look like actions."""
LONG = "This is a long story. " * 10_000
"""Some 200 KB: aiohttp warns of requests above a megabyte."""


class Wanted(NamedTuple):
    """The end of an episode: success, the code of the first reason, the cause, and the number of steps."""

    success: bool
    code: str | None
    cause: str | None
    steps: int


@dataclass(frozen=True)
class Kind:
    """A way to write.

    Attributes:
        name: Its name.
        writes: Returns the message for an action.
        cause: The cause of an episode that ends at the first message; None for the kinds that solve their case.
        told: A message of which the model is told before its solution.
        at_once: True if all actions stand in one message.
        tools: True for messages that call tools.
    """

    name: str
    writes: Callable[[str], Message]
    cause: str | None = None
    told: Message | None = None
    at_once: bool = False
    tools: bool = False

    def __str__(self) -> str:
        return self.name

    def script(self, actions: Sequence[str]) -> list[Message]:
        """Returns the messages of an episode whose gold solution is known."""
        if self.cause is not None:
            return [self.writes(actions[0])]
        if self.at_once:
            return [calls(*actions)]
        return [*([] if self.told is None else [self.told]), *map(self.writes, actions)]

    def wanted(self, actions: Sequence[str]) -> Wanted:
        """Returns the end of that episode."""
        if self.cause is not None:
            return Wanted(False, "invalid_action", self.cause, 1)
        return Wanted(True, None, None, len(actions) + (self.told is not None))

    @property
    def plain(self) -> bool:
        """True if every message is a text and nothing more, so that doors for texts take it."""
        shown = [*self.script([EXAMPLE]), self.writes(EXAMPLE)]
        return not self.tools and all(set(message) == {"role", "content"} for message in shown)


EXAMPLE = f"GET {BASE}/Patient?name=x"


def of(record: EpisodeRecord) -> Wanted:
    """Returns the end of an episode that was recorded."""
    return told_by(record.verdict, record.cause, record.steps)


def told_by(verdict: Mapping[str, Any], cause: str | None, steps: int) -> Wanted:
    code = verdict["reasons"][0]["code"] if verdict["reasons"] else None
    return Wanted(verdict["success"], None if verdict["success"] else code, cause, steps)


def meant(actions: Sequence[str]) -> list[Any]:
    """Returns actions in a form in which those that mean the same are equal."""
    found: list[Any] = []
    for action in actions:
        match parse_action(action):
            case Post(url, body):
                found.append((url, json.loads(body)))
            case Finish(answer):
                found.append(json.loads(answer))
            case other:
                found.append(other)
    return found


def golds() -> dict[str, EpisodeRecord]:
    """Returns the gold solutions of `CASES`."""
    env = gymnasium.make("mab_gym/MedAgentBench-v0")
    return {case: play_until_judged(env, Oracle(), Assignment(0, case)) for case in CASES}


Dealt = Mapping[str, tuple[Kind, EpisodeRecord]]
"""By case, the kind that plays it, and the gold solution."""


def dealt(kinds: Sequence[Kind], families: Sequence[str] = FAMILIES) -> list[Dealt]:
    """Deals kinds to the cases of each family, one a case, so that many of them are played at once."""
    env = gymnasium.make("mab_gym/MedAgentBench-v0")
    hands: list[Dealt] = []
    for family in families:
        solved = [play_until_judged(env, Oracle(), Assignment(0, f"{family}/{number:02d}")) for number in range(1, 31)]
        for begin in range(0, len(kinds), len(solved)):
            some = kinds[begin : begin + len(solved)]
            hands.append({gold.case: (kind, gold) for kind, gold in zip(some, solved, strict=False)})
    return hands


def dealer(hand: Dealt) -> Callable[[Sequence[Message]], Message]:
    """Returns a model that plays each case in the way of its kind."""
    return speaker({gold.messages[0]["content"]: kind.script(gold.actions) for kind, gold in hand.values()})


def check(hand: Dealt, found: Mapping[str, Wanted]) -> None:
    """Checks that every case ended as it should."""
    wrong = {
        kind.name: (case, found.get(case), kind.wanted(gold.actions))
        for case, (kind, gold) in hand.items()
        if found.get(case) != kind.wanted(gold.actions)
    }
    assert not wrong, wrong
    assert len(found) == len(hand)


def speaker(scripts: Mapping[str, Sequence[Message]]) -> Callable[[Sequence[Message]], Message]:
    """Returns a model that plays a script for each opening message."""

    def speak(messages: Sequence[Message]) -> Message:
        opening = next(str(message["content"]) for message in messages if message["role"] == "user")
        said = sum(str(message["role"]) == "assistant" for message in messages)
        return scripts[opening][said]

    return speak


# --- messages ---------------------------------------------------------------------------------------------------------


def text(content: str | None, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def call_of(action: str) -> tuple[str, dict[str, Any]]:
    """Returns an action as the name and the arguments of a tool call."""
    match parse_action(action):
        case Get(url):
            return "get", {"url": url}
        case Post(url, body):
            return "post", {"url": url, "body": json.loads(body)}
        case Finish(answer):
            return "finish", {"answer": json.loads(answer)}
        case other:
            raise AssertionError(other)


def calling(*named: tuple[str, Any], content: str | None = None, **more: Any) -> dict[str, Any]:
    """Returns a message with tool calls by name and arguments."""
    made = [
        {"id": f"c{place}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for place, (name, arguments) in enumerate(named)
    ]
    return text(content, tool_calls=made, **more)


def calls(*actions: str, content: str | None = None, **more: Any) -> dict[str, Any]:
    named = [(name, json.dumps(arguments)) for name, arguments in map(call_of, actions)]
    return calling(*named, content=content, **more)


def _post(action: str, shape: str) -> str:
    """Writes a POST in a shape with ``{verb}``, ``{url}``, ``{body}`` and ``{pretty}``; other actions as they are."""
    match parse_action(action):
        case Post(url, body):
            pretty = json.dumps(json.loads(body), indent=2)
            return shape.replace("{url}", url).replace("{body}", body).replace("{pretty}", pretty)
    return action


def _get(action: str, shape: str) -> str:
    match parse_action(action):
        case Get(url):
            return shape.replace("{url}", url)
    return action


def _finish(action: str, shape: str) -> str:
    match parse_action(action):
        case Finish(answer):
            return shape.replace("{answer}", answer)
    return action


def _as_json(action: str, shape: str) -> str:
    """Writes an action as a tool call in text: ``{name}`` and ``{arguments}`` are filled in."""
    name, arguments = call_of(action)
    return shape.replace("{name}", name).replace("{arguments}", json.dumps(arguments))


def _as_xml(action: str, before: str, each: str, after: str) -> str:
    """Writes an action as a tool call in marks, an argument at a time."""
    name, arguments = call_of(action)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in arguments.items()}
    inside = "".join(each.replace("{key}", key).replace("{value}", value) for key, value in texts.items())
    return before.replace("{name}", name) + inside + after


def _at_the_limit(action: str) -> Message:
    """A FINISH that is whole although the answer was cut off behind it; a GET's address might have gone on."""
    return text(f"{action}\nso", finish_reason="length") if action.startswith("FINISH") else text(action)


def _named(action: str, change: Callable[[str], str]) -> Message:
    name, arguments = call_of(action)
    return calling((change(name), json.dumps(arguments)))


def _answer_as_text(action: str) -> Message:
    """A call whose list or object comes as JSON in a text, as small models write it."""
    name, arguments = call_of(action)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in arguments.items()}
    return calling((name, json.dumps(texts)))


def _texts(**shapes: Callable[[str], str] | str) -> list[Kind]:
    """Returns kinds that write texts; a shape is a function of the action, or a text with ``{}`` for it."""

    def writes(shape: Callable[[str], str] | str) -> Callable[[str], Message]:
        return lambda action: text(shape.replace("{}", action) if isinstance(shape, str) else shape(action))

    return [Kind(name.replace("_", " "), writes(shape)) for name, shape in shapes.items()]


def _ends(cause: str, **messages: Message) -> list[Kind]:
    return [
        Kind(name.replace("_", " "), lambda action, message=message: message, cause)  # type: ignore[misc]
        for name, message in messages.items()
    ]


THOUGHTS = _texts(
    plain="{}",
    think_tags=f"<think>\n{IDEAS}\n</think>\n\n{{}}",
    a_closing_tag_alone=f"{IDEAS}\n</think>\n{{}}",
    empty_think_tags="<think>\n\n</think>\n\n{}",
    thinking_tags=f"<thinking>{IDEAS}</thinking>{{}}",
    thought_tags=f"<thought>{IDEAS}</thought>\n{{}}",
    thoughts_twice=f"<think>a</think>\n<think>{IDEAS}</think>\n{{}}",
    upper_case_think_tags=f"<THINK>{IDEAS}</THINK>\n{{}}",
    think_and_answer_tags=f"<think>{IDEAS}</think>\n<answer>\n{{}}\n</answer>",
    think_and_response_tags=f"<think>{IDEAS}</think><response>{{}}</response>",
    channels=f"<|channel|>analysis<|message|>{IDEAS}<|end|><|start|>assistant<|channel|>final<|message|>{{}}<|return|>",
    channels_without_an_end=f"<|channel|>analysis<|message|>{IDEAS}<|end|><|start|>assistant<|channel|>final<|message|>{{}}",
    channels_without_their_tokens=f"analysis{IDEAS}assistantfinal{{}}",
    a_channel_that_calls=lambda action: _as_json(
        action,
        f"<|channel|>analysis<|message|>{IDEAS}<|end|><|start|>assistant<|channel|>commentary to=functions.{{name}} "
        "<|constrain|>json<|message|>{arguments}<|call|>",
    ),
    a_channel_that_calls_by_its_role=lambda action: _as_json(
        action,
        f"<|channel|>analysis<|message|>{IDEAS}<|end|><|start|>assistant to=functions.{{name}}<|channel|>commentary "
        "json<|message|>{arguments}<|call|>",
    ),
    magistral=f"[THINK]{IDEAS}[/THINK]{{}}",
    kimi=f"◁think▷{IDEAS}◁/think▷{{}}",
    seed=f"<seed:think>{IDEAS}</seed:think>{{}}",
    cohere=f"<|START_THINKING|>{IDEAS}<|END_THINKING|><|START_RESPONSE|>{{}}<|END_RESPONSE|>",
    granite=f"Here is my thought process: {IDEAS} Here is my response: {{}}",
    gemma=f"<|channel>thought\n{IDEAS}<channel|>{{}}",
    medgemma=f"<unused94>thought\n{IDEAS}<unused95>{{}}",
    bespoke=f"<|begin_of_thought|>{IDEAS}<|end_of_thought|>\n<|begin_of_solution|>\n{{}}\n<|end_of_solution|>",
)
PROSE = _texts(
    a_fence="```\n{}\n```",
    a_fence_with_a_language="```http\n{}\n```",
    a_fence_of_waves="~~~\n{}\n~~~",
    a_fence_among_prose="I will look at the record first.\n\n```\n{}\n```\n\nThis shows what is needed.",
    prose_before="I need the results of this patient, so I will search for them.\n\n{}",
    prose_after="{}\n\nThis returns the newest results first.",
    prose_on_both_sides="Let me begin.\n\n{}\n\nLet me know when you have run it.",
    a_mention_before=f"I should not GET {BASE}/Patient?name=x here, nor write FINISH([item, ...]) yet.\n\n{{}}",
    bold="**{}**",
    bold_after_prose="Next:\n\n**{}**",
    inline_code="`{}`",
    inline_code_in_a_sentence=lambda action: (
        f"I will now write `{action}`." if "\n" not in action else f"Now:\n`{action}`"
    ),
    a_sentence=lambda action: f"The next step is {action}" if "\n" not in action else action,
    a_label="Action: {}",
    a_label_in_bold="**Action:** {}",
    a_label_on_its_own_line="Thought: I search first.\nAction:\n{}",
    thought_and_action="Thought: the newest result decides.\nAction: {}",
    final_answer="Final Answer: {}",
    a_numbered_list="1. {}",
    a_bullet="- {}",
    a_quotation="> {}",
    a_heading="### Action\n\n{}",
    answer_tags="<answer>{}</answer>",
    action_tags="<action>\n{}\n</action>",
    boxed="\\boxed{{}}",
    brackets="[{}]",
    an_end_token="{}<|im_end|>",
    an_end_tag="{}</s>",
    a_role_token="<|assistant|>\n{}<|end|>",
    words_of_another_script="我将查询病历：{}",
    a_sign="🔍 {}",
    lower_case=lambda action: action.replace("GET ", "get ").replace("POST ", "post ").replace("FINISH(", "finish("),
    title_case=lambda action: action.replace("GET ", "Get ").replace("POST ", "Post ").replace("FINISH(", "Finish("),
    spaces_around="\n\n   {}   \n\n",
    windows_lines=lambda action: f"Now:\r\n\r\n{action}\r\n\r\nDone.\r\n",
    invented_replies=f"{{}}\n\nResponse:\n\nGET {BASE}/Condition?patient=x\n\nFINISH([-999])",
    several_actions=f"{{}}\nGET {BASE}/Condition?patient=x\nFINISH([-999])",
    the_same_action_twice="{}\n\n{}",
    lone_surrogates="\ud83d Now:\n{}\n\udc80",
    zeros="\x00\n{}\n\x00",
    a_long_story_before=f"{LONG}\n\n{{}}",
    a_long_story_after=f"{{}}\n\n{LONG}",
    long_thoughts=f"<think>{LONG}</think>{{}}",
)
SHAPES = _texts(
    json_in_a_fence=lambda action: _post(action, "POST {url}\n```json\n{pretty}\n```\n"),
    json_in_a_fence_after_words=lambda action: _post(
        action, "`POST {url}`\n\nwith this body:\n\n```json\n{pretty}\n```\n\nThis orders it."
    ),
    json_on_the_same_line=lambda action: _post(action, "POST {url} {body}"),
    json_on_many_lines=lambda action: _post(action, "POST {url}\n{pretty}"),
    json_after_an_empty_line=lambda action: _post(action, "POST {url}\n\n{body}"),
    json_after_a_label=lambda action: _post(action, "POST {url}\nBody: {body}"),
    json_after_headers=lambda action: _post(action, "POST {url}\nContent-Type: application/fhir+json\n\n{body}"),
    all_in_one_fence=lambda action: _post(action, "```\nPOST {url}\n\n{pretty}\n```"),
    http_with_its_version=lambda action: _get(
        _post(action, "POST {url} HTTP/1.1\nContent-Type: application/json\n\n{body}"),
        "GET {url} HTTP/1.1\nAccept: application/fhir+json",
    ),
    an_address_in_backticks=lambda action: _get(_post(action, "POST `{url}`\n{body}"), "GET `{url}`"),
    an_address_in_quotes=lambda action: _get(_post(action, 'POST "{url}"\n{body}'), 'GET "{url}"'),
    an_address_in_angles=lambda action: _get(_post(action, "POST <{url}>\n{body}"), "GET <{url}>"),
    curl=lambda action: _get(
        _post(action, "```bash\ncurl -X POST '{url}' -H 'Content-Type: application/json' -d '{body}'\n```"),
        "```bash\ncurl -X GET '{url}'\n```",
    ),
    a_colon_after_the_verb=lambda action: _get(_post(action, "POST: {url}\n{body}"), "GET: {url}"),
    a_verb_in_bold=lambda action: _finish(
        _get(_post(action, "**POST** {url}\n{body}"), "**GET** {url}"), "**FINISH**({answer})"
    ),
    a_space_before_the_bracket=lambda action: _finish(action, "FINISH ({answer})"),
    a_full_stop=lambda action: _finish(action, "FINISH({answer})."),
    an_answer_on_lines=lambda action: _finish(action, "FINISH(\n{answer}\n)"),
)
WRITTEN_CALLS = _texts(
    hermes=lambda action: _as_json(action, '<tool_call>\n{"name": "{name}", "arguments": {arguments}}\n</tool_call>'),
    hermes_after_thoughts=lambda action: (
        f"<think>{IDEAS}</think>\n"
        + _as_json(action, 'I search.\n<tool_call>\n{"name": "{name}", "arguments": {arguments}}\n</tool_call>')
    ),
    llama=lambda action: _as_json(action, '{"name": "{name}", "parameters": {arguments}}'),
    llama_with_its_token=lambda action: _as_json(action, '<|python_tag|>{"name": "{name}", "parameters": {arguments}}'),
    a_call_in_a_fence=lambda action: _as_json(
        action, 'I search.\n\n```json\n{"name": "{name}", "arguments": {arguments}}\n```'
    ),
    function_tags=lambda action: _as_json(action, "<function={name}>{arguments}</function>"),
    mistral=lambda action: _as_json(action, "[TOOL_CALLS]{name}[ARGS]{arguments}"),
    mistral_of_old=lambda action: _as_json(action, '[TOOL_CALLS][{"name": "{name}", "arguments": {arguments}}]'),
    kimi_calls=lambda action: _as_json(
        action,
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.{name}:0<|tool_call_argument_begin|>{arguments}"
        "<|tool_call_end|><|tool_calls_section_end|>",
    ),
    deepseek=lambda action: _as_json(
        action,
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>{name}<｜tool▁sep｜>{arguments}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ),
    deepseek_of_old=lambda action: _as_json(
        action,
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n{arguments}\n```"
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ),
    qwen_coder=lambda action: _as_xml(
        action,
        "<tool_call>\n<function={name}>\n",
        "<parameter={key}>\n{value}\n</parameter>\n",
        "</function>\n</tool_call>",
    ),
    glm=lambda action: _as_xml(
        action, "<tool_call>{name}\n", "<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n", "</tool_call>"
    ),
    minimax=lambda action: _as_xml(
        action,
        '<minimax:tool_call>\n<invoke name="{name}">\n',
        '<parameter name="{key}">{value}</parameter>\n',
        "</invoke>\n</minimax:tool_call>",
    ),
)
FIELDS = [
    Kind("reasoning content", lambda action: text(action, reasoning_content=IDEAS)),
    Kind("reasoning", lambda action: text(action, reasoning=IDEAS)),
    Kind("reasoning content and prose", lambda action: text(f"Now:\n\n{action}", reasoning_content=IDEAS)),
    Kind("a complete action at the limit", _at_the_limit),
]

ENDS = [
    *_ends("no_action", prose=text("I would look at the patient's chart first. Shall I?")),
    *_ends("no_action", a_refusal_in_words=text("I'm sorry, but I can't help with medical decisions.")),
    *_ends("no_action", code=text('```python\nimport requests\nprint(requests.get("x"))\n```')),
    *_ends("no_action", thoughts_and_prose=text(f"<think>{IDEAS}</think>\nI have to think about it.")),
    *_ends("no_action", json=text('{"resourceType": "Patient"}')),
    *_ends("no_action", a_long_story=text(LONG)),
    *_ends("empty", empty=text(""), spaces=text(" \n\t "), an_empty_tag=text("<think></think>")),
    *_ends(
        "endless_thoughts",
        thoughts_without_end=text(f"<think>\n{IDEAS}"),
        thoughts_and_nothing_after=text(f"<think>{IDEAS}</think>\n"),
        channel_without_end=text(f"<|channel|>analysis<|message|>{IDEAS}"),
        magistral_without_end=text(f"[THINK]{IDEAS}"),
    ),
]
FIELD_ENDS = [
    *_ends("empty", nothing=text(None)),
    *_ends("endless_thoughts", thoughts_beside_nothing=text("", reasoning_content=IDEAS)),
    *_ends("refused", refusal=text(None, refusal="I can't help with that.")),
    *_ends(
        "filtered",
        content_filter=text("", finish_reason="content_filter"),
        content_filter_midway=text("I will", finish_reason="content_filter"),
    ),
    *_ends(
        "length",
        cut_off_in_prose=text("I will first of all", finish_reason="length"),
        cut_off_in_thoughts=text(f"<think>{IDEAS}", finish_reason="length"),
        cut_off_in_thoughts_beside=text("", reasoning_content=IDEAS, finish_reason="length"),
        cut_off_in_an_address=text(f"GET {BASE}/Obser", finish_reason="length"),
        cut_off_in_json=text(f'POST {BASE}/Observation\n{{"resourceType": "Obs', finish_reason="length"),
        cut_off_in_an_answer=text('FINISH([1.5, "2023-', finish_reason="length"),
    ),
]
CALLS = [
    Kind("calls", calls, tools=True),
    Kind("calls with words", lambda action: calls(action, content="I search."), tools=True),
    Kind("calls with thoughts", lambda action: calls(action, content="", reasoning_content=IDEAS), tools=True),
    Kind(
        "calls with think tags",
        lambda action: calls(action, content=f"<think>{IDEAS}</think>"),
        tools=True,
    ),
    Kind("calls with an action in words", lambda action: calls(action, content="FINISH([-999])"), tools=True),
    Kind("parallel calls", calls, at_once=True, tools=True),
    Kind("a name in upper case", lambda action: _named(action, str.upper), tools=True),
    Kind("a name with its room", lambda action: _named(action, lambda name: f"functions.{name}"), tools=True),
    Kind("texts in place of calls", text, tools=True),
    Kind("an answer as text", _answer_as_text, tools=True),
    Kind("an unknown tool", calls, told=calling(("search_patients", '{"name": "x"}')), tools=True),
    Kind("broken arguments", calls, told=calling(("get", f'{{"url": "{BASE}')), tools=True),
    Kind("no arguments", calls, told=calling(("get", "{}")), tools=True),
    Kind("an address that is no text", calls, told=calling(("get", '{"url": 3}')), tools=True),
    Kind("an answer that is missing", calls, told=calling(("finish", "{}")), tools=True),
]

TEXTS: Sequence[Kind] = (*THOUGHTS, *PROSE, *SHAPES, *WRITTEN_CALLS, *ENDS)
"""The kinds that are texts: every door takes them."""
KINDS: Sequence[Kind] = (*TEXTS, *FIELDS, *FIELD_ENDS, *CALLS)
"""All kinds."""


def kinds_for(form: str, broken_text: bool = True) -> list[Kind]:
    """Returns the kinds for a form.

    Args:
        form: ``text`` or ``tools``.
        broken_text: False to leave out texts that are no Unicode, where a framework cannot carry them.
    """
    return [
        kind for kind in KINDS if kind.tools == (form == "tools") and (broken_text or kind.name != "lone surrogates")
    ]

"""Answers of endpoints in every form, streamed or whole, and what is sent back to them: as it came, to the letter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

import mab_gym
from mab_gym.actions import NoAction, no_action_from
from mab_gym.agents._answers import chat_answer, responses_answer, sent_back
from mab_gym.agents._pieces import ChatPieces, ResponsePieces
from mab_gym.runs._regrade import regrade
from tests import replies
from tests.conftest import CANONICAL
from tests.evaluation.scripted import KEY, Endpoint, Messages, calls_tools, endpoint
from tests.replies import BASE

LOOK = f"GET {BASE}/Patient?_count=1"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def played(*said: Mapping[str, Any], api: str = "chat", form: str = "text") -> tuple[Endpoint, Any]:
    """Plays a case with a model that says these messages; the endpoint and the record."""

    def speak(messages: Messages) -> Mapping[str, Any]:
        spoken = [message for message in messages if message["role"] == "assistant"]
        return said[len(spoken)]

    with endpoint(speak) as there:
        model = mab_gym.ChatModel("scripted", there.base_url, api=api, form=form, attempts=1)
        return there, mab_gym.play(CANONICAL, model, case="patient_age/01")


# --- what is sent back ------------------------------------------------------------------------------------------------

ODD: Mapping[str, Any] = {
    "role": "assistant",
    "content": f"<think>hm</think>\n\n  {LOOK}  \n",
    "reasoning_content": "first\nthen",
    "reasoning_details": [{"type": "reasoning.text", "text": "first\nthen", "signature": "s1", "index": 0}],
    "extra_content": {"google": {"thought_signature": "sealed"}},
    "prefix": False,
}


@pytest.mark.parametrize("api", ["chat", "stream"])
def test_a_message_is_sent_back_as_it_came(api: str) -> None:
    there, record = played(ODD, replies.text("FINISH([1])"), api=api)
    opening = {"role": "user", "content": record.messages[0]["content"]}
    reply = {"role": "user", "content": record.messages[2]["content"]}
    assert there.requests[1]["messages"] == [opening, ODD, reply]
    assert record.messages[1] == {**ODD, "thoughts": "first\nthen\n\nhm", "action": LOOK}


@pytest.mark.parametrize("api", ["chat", "stream"])
def test_calls_are_sent_back_as_they_came_with_what_came_with_them(api: str) -> None:
    called: Mapping[str, Any] = calls_tools(("get", f'{{"url":   "{BASE}/Patient?_count=1"}}'), ("get", "{broken"))
    called["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "sealed"}}
    called = {**called, "content": "", "reasoning_content": "hm"}
    there, record = played(called, calls_tools(("finish", '{"answer": [1]}')), api=api, form="tools")
    system, opening, back, first, second = there.requests[1]["messages"]
    assert (system["role"], opening["content"]) == ("system", record.messages[1]["content"])
    assert back == called
    assert first == {"role": "tool", "tool_call_id": "c0", "content": record.messages[3]["content"]}
    assert second["tool_call_id"] == "c1"
    assert second["content"] == "Not sent: the arguments of get are not a JSON object."
    assert record.actions[1:] == [
        str(NoAction("the arguments of get are not a JSON object", ends=False)),
        "FINISH([1])",
    ]


@pytest.mark.parametrize("api", ["responses", "responses-stream"])
def test_the_items_of_responses_are_sent_back_as_they_came(api: str) -> None:
    called = {**calls_tools(("get", f'{{"url": "{BASE}/Patient?_count=1"}}')), "content": "So.", "reasoning": "hm"}
    there, record = played(called, calls_tools(("finish", '{"answer": [1]}')), api=api, form="tools")
    first, second = there.requests
    assert [item["role"] for item in first["input"]] == ["system", "user"]
    assert (first["store"], first["include"]) == (False, ["reasoning.encrypted_content"])
    assert {tool["name"] for tool in first["tools"]} == {"get", "post", "finish"}
    items = record.messages[2]["output"]
    assert [item["type"] for item in items] == ["reasoning", "message", "function_call"]
    output = {"type": "function_call_output", "call_id": "c0", "output": record.messages[3]["content"]}
    assert second["input"] == [*first["input"], *items, output]
    assert record.messages[2]["thoughts"] == "hm"
    assert (record.tokens_in, record.tokens_out) == (200, 20)


def test_what_says_nothing_is_not_sent_back_where_endpoints_refuse_it() -> None:
    message: dict[str, Any] = {
        "content": None,
        "function_call": None,
        "refusal": None,
        "tool_calls": [],
        "audio": None,
        "odd": None,
    }
    assert sent_back(message) == {"role": "assistant", "content": None, "odd": None}


# --- streams ----------------------------------------------------------------------------------------------------------


def joined(*deltas: Mapping[str, Any], reason: str | None = "stop") -> Any:
    pieces = ChatPieces()
    for delta in deltas:
        pieces.add({"choices": [{"index": 0, "delta": delta}]})
    pieces.add({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    pieces.add({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})
    answer = chat_answer(pieces.whole())
    assert answer is not None
    assert (answer.tokens_in, answer.tokens_out, answer.finish_reason) == (7, 3, reason)
    return answer.message


def test_a_role_in_every_piece_is_said_once() -> None:
    pieces = [{"role": "assistant", "content": text} for text in ("a", "", "b")]
    assert joined(*pieces) == {"role": "assistant", "content": "ab"}


def test_thoughts_and_their_details_are_added_up() -> None:
    message: Any = joined(
        {"reasoning_content": "x", "reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "x"}]},
        {"reasoning_content": "y", "reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "y"}]},
        {"reasoning_details": [{"index": 0, "type": "reasoning.text", "signature": "s"}]},
        {"reasoning_details": [{"index": 1, "type": "reasoning.encrypted", "data": "d"}]},
        {"content": "z"},
    )
    assert (message["reasoning_content"], message["content"]) == ("xy", "z")
    assert message["reasoning_details"] == [
        {"index": 0, "type": "reasoning.text", "text": "xy", "signature": "s"},
        {"index": 1, "type": "reasoning.encrypted", "data": "d"},
    ]


@pytest.mark.parametrize("numbered", [True, False])
def test_calls_are_put_together_even_where_all_have_the_same_number_or_none(numbered: bool) -> None:
    number = {"index": 0} if numbered else {}

    def piece(arguments: str, **more: Any) -> Mapping[str, Any]:
        return {"tool_calls": [{**number, **more, "function": {"arguments": arguments, **more.pop("function", {})}}]}

    message: Any = joined(
        piece('{"a"', id="c0", type="function", function={"name": "get"}),
        piece(": 1}"),
        piece("{}", id="c1", type="function", function={"name": "finish"}),
    )
    assert [(call["id"], call["function"]) for call in message["tool_calls"]] == [
        ("c0", {"name": "get", "arguments": '{"a": 1}'}),
        ("c1", {"name": "finish", "arguments": "{}"}),
    ]
    assert all("index" not in call for call in message["tool_calls"])


@pytest.mark.parametrize(
    "piece",
    [None, 3, [], {}, {"choices": 3}, {"choices": [3]}, {"choices": [{"delta": 3}]},
     {"choices": [{"delta": {"content": 3, "tool_calls": [3, {"function": 3}]}}]},
     {"choices": [{"delta": {"content": ["a"], "tool_calls": {"index": 0}}}]}],
)  # fmt: skip
def test_odd_pieces_break_nothing(piece: Any) -> None:
    pieces = ChatPieces()
    for each in (piece, {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}, piece):
        pieces.add(each)
    message: Any = pieces.whole()["choices"][0]["message"]
    assert message["role"] == "assistant"


def test_a_stream_that_ends_before_its_answer_is_no_answer() -> None:
    pieces = ChatPieces()
    pieces.add({"choices": [{"delta": {"content": "GET http"}}]})
    with pytest.raises(ValueError, match="ended before"):
        pieces.whole()
    events = ResponsePieces()
    events.add({"type": "response.created", "response": {"status": "in_progress", "output": []}})
    with pytest.raises(ValueError, match="ended before"):
        events.whole()


# --- Responses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [None, [], {}, {"output": None}, {"output": [3]}])
def test_what_holds_no_items_is_no_answer(data: Any) -> None:
    assert responses_answer(data) is None


def test_an_answer_of_responses_becomes_a_message() -> None:
    items = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "a"}, {"type": "output_text", "text": "b"}]},
        {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]},
        {"type": "function_call", "call_id": "c", "name": "get", "arguments": "{}"},
        {"type": "web_search_call"},
    ]
    answer = responses_answer({"output": items, "status": "completed", "usage": {"input_tokens": 5}})
    assert answer is not None
    assert (answer.tokens_in, answer.tokens_out, answer.finish_reason) == (5, None, "completed")
    assert answer.message == {
        "role": "assistant",
        "content": "ab",
        "output": items,
        "refusal": "no",
        "reasoning": "hm",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "get", "arguments": "{}"}}],
    }


# --- slips ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slip", [NoAction("it is empty"), NoAction("there is no tool 'x'", ends=False)])
def test_a_slip_is_read_back_from_its_text(slip: NoAction) -> None:
    assert no_action_from(str(slip)) == slip


@pytest.mark.parametrize("text", ["", "FINISH([1])", "[no action, ended: x", "no action, told: x]", "[no action: x]"])
def test_other_texts_are_no_slips(text: str) -> None:
    assert no_action_from(text) is None


@pytest.mark.parametrize("kind", [kind for kind in replies.KINDS if kind.told or kind.cause], ids=str)
def test_episodes_with_slips_are_judged_anew_as_they_were(kind: replies.Kind, tmp_path: Any) -> None:
    golds = replies.golds()
    for case, gold in golds.items():
        speak = replies.speaker({gold.messages[0]["content"]: kind.script(gold.actions)})
        function = mab_gym.agents.ChatFunction(speak, form="tools" if kind.tools else "text")
        out = tmp_path / case.partition("/")[0]
        mab_gym.evaluate(CANONICAL, function, family=case.partition("/")[0], limit=1, out=out)
        (again,) = regrade(out)
        assert replies.of(again.record) == kind.wanted(gold.actions)
        assert (again.verdict, again.replied_alike) == (again.record.verdict, True)


@pytest.mark.parametrize("text", [str(NoAction("x", ends=False)), str(NoAction("x"))])
@pytest.mark.parametrize("reading", ["strict", "lenient"])
def test_an_agent_that_writes_a_slips_text_is_judged_anew_as_it_was(text: str, reading: str, tmp_path: Any) -> None:
    function = mab_gym.agents.ChatFunction(lambda messages: text, reading=reading)
    mab_gym.evaluate(CANONICAL, function, family="patient_age", limit=1, out=tmp_path)
    (again,) = regrade(tmp_path)
    assert again.record.verdict["reasons"][0]["code"] == "invalid_action"
    assert not again.changed


def test_a_run_that_is_kept_says_its_causes(tmp_path: Any) -> None:
    function = mab_gym.agents.ChatFunction(lambda messages: replies.text(None, refusal="no"))
    mab_gym.evaluate(CANONICAL, function, family="patient_age", limit=2, out=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "episodes.jsonl").read_text().splitlines()]
    assert [line["cause"] for line in lines] == ["refused"] * 2

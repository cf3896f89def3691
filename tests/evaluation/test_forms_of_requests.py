"""The forms in which an endpoint is asked: whole, in pieces, by Responses; messages go back as they came."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import mab_gym
from mab_gym.agents._endpoint import ChatEndpoint
from mab_gym.errors import AgentError, AgentSettingsError

CASE = "patient_age/01"
LOOK = "GET http://localhost:8080/fhir/Patient?_count=1"

Handles = Callable[["Handler", Mapping[str, Any]], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    handles: Handles
    requests: list[tuple[str, Mapping[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.requests.append((self.path, body))
        type(self).handles(self, body)

    def send(self, status: int, data: Any, kind: str = "application/json") -> None:
        sent = data.encode() if isinstance(data, str) else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def events(self, *events: Any) -> None:
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self.send(200, text, "text/event-stream")

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@contextmanager
def server(handles: Handles) -> Iterator[tuple[str, list[tuple[str, Mapping[str, Any]]]]]:
    requests: list[tuple[str, Mapping[str, Any]]] = []
    made = type("Made", (Handler,), {"handles": staticmethod(handles), "requests": requests})
    with ThreadingHTTPServer(("127.0.0.1", 0), made) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{running.server_port}/v1", requests
        finally:
            running.shutdown()


def chunk(delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}


def whole(message: Mapping[str, Any], finish: str = "stop") -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def turn_of(body: Mapping[str, Any]) -> int:
    return sum(message["role"] == "assistant" for message in body["messages"])


def test_an_endpoint_that_only_streams_is_found_out_and_its_pieces_are_put_together() -> None:
    def handles(handler: Handler, body: Mapping[str, Any]) -> None:
        if not body.get("stream"):
            return handler.send(400, {"error": {"message": "This model only supports streaming: set stream to true."}})
        text = LOOK if turn_of(body) == 0 else "FINISH([1])"
        return handler.events(
            chunk({"role": "assistant", "reasoning_content": "let me "}),
            chunk({"reasoning_content": "think"}),
            chunk({"content": text[:9]}),
            chunk({"content": text[9:]}, "stop"),
            {**chunk({}), "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}},
        )

    with server(handles) as (base_url, requests):
        record = mab_gym.play(agent=mab_gym.ChatModel("m", base_url), case=CASE)
    assert record.actions == [LOOK, "FINISH([1])"]
    assert (record.tokens_in, record.tokens_out) == (14, 6)
    assert [body.get("stream") for _, body in requests] == [None, True, True]
    assert [message.get("thoughts") for message in record.messages if message["role"] == "assistant"] == [
        "let me think",
        "let me think",
    ]
    (back,) = [message for message in requests[-1][1]["messages"] if message["role"] == "assistant"]
    assert back["reasoning_content"] == "let me think"


def test_tool_calls_in_pieces() -> None:
    def handles(handler: Handler, body: Mapping[str, Any]) -> None:
        call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "finish", "arguments": '{"ans'}}
        return handler.events(
            chunk({"role": "assistant", "tool_calls": [call]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": 'wer": [1]}'}}]}, "tool_calls"),
        )

    with server(handles) as (base_url, _):
        record = mab_gym.play(agent=mab_gym.ChatModel("m", base_url, form="tools", api="stream"), case=CASE)
    assert record.actions == ["FINISH([1])"]


@pytest.mark.parametrize("streams", [False, True])
def test_responses_are_found_out_and_their_items_go_back_as_they_came(streams: bool) -> None:
    thought = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "x",
    }
    call = {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "c1",
        "name": "get",
        "arguments": json.dumps({"url": LOOK[4:]}),
    }
    end = {
        "type": "message",
        "id": "m_1",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "FINISH([1])"}],
    }

    def handles(handler: Handler, body: Mapping[str, Any]) -> None:
        if handler.path != "/v1/responses":
            return handler.send(404, {"error": {"message": "Invalid URL (POST /v1/chat/completions)"}})
        output = [thought, call] if not any(item.get("type") == "function_call" for item in body["input"]) else [end]
        answer = {"status": "completed", "output": output, "usage": {"input_tokens": 5, "output_tokens": 2}}
        if not streams:
            return handler.send(200, answer)
        if not body.get("stream"):
            return handler.send(400, {"detail": "Stream must be set to true"})
        return handler.events(
            {"type": "response.created", "response": {}}, {"type": "response.completed", "response": answer}
        )

    with server(handles) as (base_url, requests):
        model = mab_gym.ChatModel("m", base_url, form="tools", settings={"max_tokens": 50})
        record = mab_gym.play(agent=model, case=CASE)
    assert record.actions == [LOOK, "FINISH([1])"]
    assert (record.tokens_in, record.tokens_out) == (10, 4)
    assert record.messages[2]["thoughts"] == "hm"
    path, last = requests[-1]
    assert path == "/v1/responses"
    assert last["input"][2:4] == [thought, call]
    assert last["input"][4]["call_id"] == "c1"
    assert (last["max_output_tokens"], last["tools"][0]["name"], last["store"]) == (50, "get", False)


MESSAGES = [
    {"role": "assistant", "content": LOOK, "reasoning_content": "why not"},
    {"role": "assistant", "content": f"<think>hm</think>\n\n{LOOK}", "annotations": []},
    {"role": "assistant", "content": LOOK, "reasoning_details": [{"type": "reasoning.encrypted", "data": "abc="}]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "get", "arguments": json.dumps({"url": LOOK[4:]})},
                "extra_content": {"google": {"thought_signature": "sig"}},
            }
        ],
    },
]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_goes_back_exactly_as_it_came(message: Mapping[str, Any]) -> None:
    def handles(handler: Handler, body: Mapping[str, Any]) -> None:
        handler.send(200, whole(message if turn_of(body) == 0 else {"role": "assistant", "content": "FINISH([1])"}))

    form = "tools" if "tool_calls" in message else "text"
    with server(handles) as (base_url, requests):
        record = mab_gym.play(agent=mab_gym.ChatModel("m", base_url, form=form), case=CASE)
    assert record.actions == [LOOK, "FINISH([1])"]
    assert [each for each in requests[-1][1]["messages"] if each["role"] == "assistant"] == [message]


@pytest.mark.parametrize("part", ["head", "body"])
def test_an_answer_that_drips_for_ever_is_cut_off(part: str) -> None:
    over = threading.Event()

    def handles(handler: Handler, body: Mapping[str, Any]) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        handler.wfile.write(b"X-Drip: " if part == "head" else b"Content-Length: 100000\r\n\r\n")
        while not over.wait(0.05):
            try:
                handler.wfile.write(b"x")
                handler.wfile.flush()
            except OSError:
                return
        handler.close_connection = True

    with server(handles) as (base_url, requests):
        calls: list[dict[str, Any]] = []
        begun = time.monotonic()
        with pytest.raises(AgentError, match=r"no whole answer within 0\.4 s"):
            ChatEndpoint(base_url, "m", attempts=1, timeout=0.4).ask_now([{"role": "user", "content": "?"}], calls)
        took = time.monotonic() - begun
        over.set()
    assert len(requests) == len(calls) == 1
    assert took < 20, "the timeout is the whole answer's"


def test_a_wrong_setting_is_told_as_one() -> None:
    words = (
        "'max_tokens' is too large: 40000. This model's maximum context length is 32768 tokens (40000 > 32768 - 100)."
    )

    def handles(handler: Handler, body: Mapping[str, Any]) -> None:
        handler.send(400, {"error": {"message": words}})

    with server(handles) as (base_url, requests), pytest.raises(AgentSettingsError, match="40000"):
        mab_gym.play(agent=mab_gym.ChatModel("m", base_url, settings={"max_tokens": 40000}), case=CASE)
    assert len(requests) == 1


def test_a_key_goes_to_its_endpoint_alone_and_nothing_else_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "for somebody else")

    def handles(handler: Handler, body: Mapping[str, Any]) -> None:
        seen.append(handler.headers["authorization"])
        sent = str(handler.headers).lower()
        assert "somebody else" not in sent
        assert "linux" not in sent
        assert "cpython" not in sent
        handler.send(200, whole({"role": "assistant", "content": "FINISH([1])"}))

    with server(handles) as (base_url, _):
        model = mab_gym.ChatModel("m", base_url, api_key="sk-sesame-12345678")
        record = mab_gym.play(agent=model, case=CASE)
        bare = mab_gym.play(agent=mab_gym.ChatModel("m", base_url, key_env="NO_SUCH_VARIABLE"), case=CASE)
    assert seen == ["Bearer sk-sesame-12345678", None]
    assert "sesame" not in repr((record, bare, model, model.about))

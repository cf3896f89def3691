"""A scripted model behind an OpenAI-compatible endpoint on this machine, which solves cases and fails on command."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import gymnasium

from mab_gym.actions import ALL_VERBS, WITH_BODY, Finish, Invalid, parse_action, sent
from mab_gym.agents._reference import Oracle
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import assignments, play_until_judged

KEY = "sk-sesame-0123456789"
TOO_LONG = {
    "error": {
        "message": "This model's maximum context length is 10 tokens. However, your messages resulted in 99 tokens.",
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
    }
}


@dataclass(frozen=True)
class Fault:
    """The fault of one request: ``status``, ``hang``, ``cut``, or ``body`` with an odd answer."""

    kind: str
    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


EMPTY_CHOICES = Fault("body", body='{"choices": []}')
MALFORMED = Fault("body", body='{"choices": [{"mess')
CUT = Fault("cut")
HANG = Fault("hang")


def refuses(status: int, body: Mapping[str, Any] | str = "", **headers: str) -> Fault:
    text = body if isinstance(body, str) else json.dumps(body)
    return Fault("body", status, text, {name.replace("_", "-"): value for name, value in headers.items()})


Messages = Sequence[Mapping[str, Any]]
Speaks = Callable[[Messages], Mapping[str, Any]]
"""From the chat to the message that the model answers."""
Fails = Callable[[int, Messages], Fault | None]
"""From the number of the request (from 0) and its chat to what goes wrong with it."""


def gold(env: gymnasium.Env[Any, str], **which: Any) -> dict[str, Sequence[str]]:
    """By the opening message of each case, what its gold solution writes."""
    todo = assignments(unwrapped(env), **which)
    records = [play_until_judged(env, Oracle(), assignment) for assignment in todo]
    return {record.messages[0]["content"]: record.actions for record in records}


def solves(solutions: Mapping[str, Sequence[str]]) -> Speaks:
    """A model that knows the solutions and writes them as text."""

    def speak(messages: Messages) -> Mapping[str, Any]:
        opening = next(message["content"] for message in messages if message["role"] == "user")
        said = sum(message["role"] == "assistant" for message in messages)
        return {"role": "assistant", "content": solutions[opening][said]}

    return speak


def with_tools(speaks: Speaks) -> Speaks:
    """The same model, calling tools."""

    def speak(messages: Messages) -> Mapping[str, Any]:
        call = call_of(speaks(messages)["content"])
        assert call is not None
        name, arguments = call
        return calls_tools((name, json.dumps(arguments)))

    return speak


def call_of(action: str) -> tuple[str, dict[str, Any]] | None:
    """The tool call that takes an action, as its name and arguments; None for a text that is no action."""
    match parse_action(action, ALL_VERBS):
        case Invalid():
            return None
        case Finish(answer):
            return "finish", {"answer": _json(answer)}
        case request:
            verb, url, body, _ = sent(request)
            return verb.lower(), {"url": url, **({"body": _json(body)} if verb in WITH_BODY else {})}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def calls_tools(*calls: tuple[str, str]) -> Mapping[str, Any]:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": f"c{place}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for place, (name, arguments) in enumerate(calls)
        ],
    }


def completion(message: Mapping[str, Any]) -> dict[str, Any]:
    """A chat completion with a message, which may say its ``finish_reason``."""
    said = {name: value for name, value in message.items() if name != "finish_reason"}
    reason = message.get("finish_reason") or ("tool_calls" if message.get("tool_calls") else "stop")
    return {
        "object": "chat.completion",
        "choices": [{"index": 0, "finish_reason": reason, "message": said}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }


def chunks(answer: Mapping[str, Any]) -> Iterator[str]:
    """A chat completion as a stream: texts and the arguments of calls in pieces, one after another."""
    (choice,) = answer["choices"]
    message = dict(choice["message"])
    calls = message.pop("tool_calls", None) or []
    deltas: list[Mapping[str, Any]] = [{"role": message.pop("role")}]
    for name, value in message.items():
        deltas += [{name: piece} for piece in _pieces(value)] if isinstance(value, str) else [{name: value}]
    for place, call in enumerate(calls):
        function = call.get("function") or {}
        arguments = function.get("arguments")
        deltas.append({"tool_calls": [{**call, "index": place, "function": {**function, "arguments": ""}}]})
        deltas += [
            {"tool_calls": [{"index": place, "function": {"arguments": piece}}]} for piece in _pieces(arguments or "")
        ]
    shared = {"id": answer["id"], "object": "chat.completion.chunk", "created": 0, "model": answer["model"]}
    for delta in deltas:
        yield _event({**shared, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _event({**shared, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    if "usage" in answer:
        yield _event({**shared, "choices": [], "usage": answer["usage"]})
    yield "data: [DONE]\n\n"


def _pieces(text: str) -> list[str]:
    """A text in three pieces; an empty one is one piece."""
    step = len(text) // 3 + 1
    return [text[place : place + step] for place in range(0, len(text), step)] or [""]


def _event(data: Mapping[str, Any]) -> str:
    named = f"event: {data['type']}\n" if "type" in data else ""
    return f"{named}data: {json.dumps(data)}\n\n"


def response(message: Mapping[str, Any]) -> dict[str, Any]:
    """An answer of Responses with a message in the form of chat completions."""
    items: list[dict[str, Any]] = []
    thoughts = message.get("reasoning_content") or message.get("reasoning")
    if thoughts:
        summary = [{"type": "summary_text", "text": thoughts}]
        items.append({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "sealed"})
    parts: list[dict[str, Any]] = []
    if message.get("content"):
        parts.append({"type": "output_text", "text": message["content"], "annotations": []})
    if message.get("refusal"):
        parts.append({"type": "refusal", "refusal": message["refusal"]})
    if parts:
        items.append({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": parts})
    items += [
        {"type": "function_call", "id": f"fc_{call['id']}", "call_id": call["id"], **call["function"]}
        for call in message.get("tool_calls") or ()
    ]
    ended = {"length": "max_output_tokens"}.get(message.get("finish_reason", ""), message.get("finish_reason"))
    cut = ended in ("max_output_tokens", "content_filter")
    return {
        "object": "response",
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": ended} if cut else None,
        "output": items,
        "usage": {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110},
    }


def response_events(answer: Mapping[str, Any]) -> Iterator[str]:
    """An answer of Responses as a stream; its pieces are left out, as the last event holds all."""
    begun = {**answer, "status": "in_progress", "output": []}
    yield _event({"type": "response.created", "sequence_number": 0, "response": begun})
    kind = "incomplete" if answer["status"] == "incomplete" else "completed"
    yield _event({"type": f"response.{kind}", "sequence_number": 1, "response": answer})


def chat_of(items: Messages) -> list[Mapping[str, Any]]:
    """The items of a Responses request as a chat: those that the model wrote in one answer are one message."""
    chat: list[Mapping[str, Any]] = []
    for item in items:
        if item.get("type") == "function_call_output":
            chat.append({"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]})
        elif item.get("type") in ("reasoning", "function_call") or item.get("role") == "assistant":
            if not chat or chat[-1]["role"] != "assistant":
                chat.append({"role": "assistant"})
        else:
            chat.append(item)
    return chat


@dataclass
class Endpoint:
    """A running endpoint.

    Attributes:
        base_url: Its address.
        requests: The bodies of all requests, and when they came.
        usage: Whether it tells of tokens: 100 read and 10 written by each answer.
    """

    base_url: str
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0


@contextmanager
def endpoint(
    speaks: Speaks,
    fails: Fails = lambda number, messages: None,
    usage: bool = True,
    seconds: float = 0.0,
    key: str = KEY,
) -> Iterator[Endpoint]:
    """Runs an endpoint that wants a key.

    Args:
        speaks: The model.
        fails: What goes wrong.
        usage: Whether answers tell of tokens.
        seconds: How long an answer takes.
        key: The key.
    """
    lock = threading.Lock()
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                number = len(here.requests)
                here.requests.append(body)
                here.times.append(time.monotonic())
                here.at_once += 1
                here.most_at_once = max(here.most_at_once, here.at_once)
            try:
                self._answer(number, body)
            finally:
                with lock:
                    here.at_once -= 1

        def _answer(self, number: int, body: Mapping[str, Any]) -> None:
            if self.headers.get("authorization") != f"Bearer {key}":
                # As a careless endpoint does, it says the key that it was given.
                return self._send(401, json.dumps({"error": f"bad key {self.headers.get('authorization')}"}))
            if self.path not in ("/v1/chat/completions", "/v1/responses"):
                return self._send(404, "there is nothing here")
            responses = self.path == "/v1/responses"
            chat = chat_of(body["input"]) if responses else body["messages"]
            fault = fails(number, chat)
            if fault is None:
                over.wait(seconds)
                made = response if responses else completion
                answer = {"id": f"answer-{number}", "created": 0, "model": body["model"], **made(speaks(chat))}
                if not usage:
                    del answer["usage"]
                if body.get("stream"):
                    events = response_events(answer) if responses else chunks(answer)
                    return self._send(200, "".join(events), {"Content-Type": "text/event-stream"})
                return self._send(200, json.dumps(answer))
            if fault.kind == "hang":
                over.wait(30)
            if fault.kind in ("hang", "cut"):
                # With a pending reset, so that the other end sees the connection break and not end.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                return None
            return self._send(fault.status, fault.body, fault.headers)

        def _send(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
            sent = text.encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 64
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # clients that are killed break their connections

    server = Server(("127.0.0.1", 0), Handler)
    here = Endpoint(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield here
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def dead_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"

"""Readings of single messages: what is meant is carried out, as it is written; what is only mentioned is not."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap

import pytest

from mab_gym.actions import NoAction
from mab_gym.agents import _endpoint, read_call, read_message
from tests.conftest import ROOT

B = "http://localhost:8080/fhir"
GET = f"GET {B}/Patient?x=1"
BODY = '{"resourceType": "Observation", "valueQuantity": {"value": 1.10}}'
POST = f"POST {B}/X\n{BODY}"


@pytest.mark.parametrize(
    ("text", "action"),
    [
        (f"Plan:\n1. Search the patient\n2. Finish (return the value)\n\n{GET}", GET),
        (f"- FINISH([MRN])\n\n{GET}", GET),
        (f"Step 2: Finish(answer)\n\n{GET}", GET),
        (f"I must end with FINISH([answer1, answer2]). First: {GET}", GET),
        (f"Should I FINISH([]) now? No, first {GET}", GET),
        (f'The tools are get and finish, as in finish {{"answer": ["x"]}}. First get {{"url": "{B}/x"}}', f"GET {B}/x"),
        (f"The value is normal, so I will not write\n{POST}\n\nI am done:\nFINISH([5.7])", "FINISH([5.7])"),
        (f'I considered POST {B}/X but it is fresh. Therefore FINISH(["normal"]).', 'FINISH(["normal"])'),
        (f"Instead of `POST {B}/X {BODY}` I just finish: FINISH([-1])", "FINISH([-1])"),
        (f"Post {B}/X will be needed.\n{GET}", GET),
        (f"POST {B}/X\nNo wait. First let me recall what I saw:\n{BODY}\n{GET}", GET),
        (f"{POST}\n\nThen I finish:\nFINISH([1])", POST),
        ("The potassium is not low, therefore nothing is ordered: FINISH([-1])", "FINISH([-1])"),
        ("I don't need to read more. FINISH([1])", "FINISH([1])"),
    ],
)
def test_a_plan_an_example_and_what_is_declined_are_no_actions(text: str, action: str) -> None:
    assert read_message(text).action == action


@pytest.mark.parametrize(
    "text",
    [
        f"POST {B}/X\nContent-Type: application/json\n\n{BODY}",
        f"POST {B}/X HTTP/1.1\nAccept: application/json\n\n{BODY}",
        f"POST {B}/X\n\nBody:\n```json\n{BODY}\n```",
        f"`POST {B}/X`\n\nwith this body:\n\n```json\n{BODY}\n```",
        f"POST {B}/X with this body:\n{BODY}",
        f"POST {B}/X {BODY}",
        f"curl -X POST {B}/X -H 'Content-Type: application/json' \\\n  -d '{BODY}'",
    ],
)
def test_a_body_is_found_and_stays_as_it_is_written(text: str) -> None:
    assert read_message(text).action == POST


def test_of_two_bodies_none_is_taken_and_the_agent_is_told() -> None:
    reading = read_message(f'POST {B}/X\nExample:\n{{"a": 1}}\nPayload:\n{BODY}')
    assert isinstance(reading.action, NoAction)
    assert not reading.action.ends
    assert "more than one JSON object" in reading.action.why


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (f"'GET {B}/Patient?name=O'Brien&x=1'", "Patient?name=O'Brien&x=1"),
        (f"I would GET {B}/Patient?x=(a)", "Patient?x=(a)"),
        (f"(so I GET {B}/Patient?x=a).", "Patient?x=a"),
        (f"I should not use <think> tags.\n\n{GET}", "Patient?x=1"),
        (f"I avoid `<think>`.\n{GET}", "Patient?x=1"),
        (f"{GET}\n</think>", "Patient?x=1"),
    ],
)
def test_an_address_is_whole(text: str, url: str) -> None:
    assert read_message(text).action == f"GET {B}/{url}"


def test_thoughts_are_thoughts_wherever_their_mark_stands() -> None:
    for text in (f"Okay <think>hm {GET}</think>\nFINISH([1])", f"<think>hm</think> <think>{GET}</think>FINISH([1])"):
        assert read_message(text).action == "FINISH([1])"
    part = {"type": "text", "text": "plan FINISH([0])", "thought": True}
    reading = read_message({"content": [part, {"type": "text", "text": GET}]})
    assert (reading.action, reading.thoughts) == (GET, "plan FINISH([0])")
    assert read_message("Let me think about FINISH([1]) first.\n</think>").cause == "endless_thoughts"


def test_an_answer_that_was_cut_off_is_not_given() -> None:
    reading = read_message('The answer (as asked) is:\nFINISH(["a (x)", "b', finish_reason="length")
    assert reading.cause == "length"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get", '{"url": ""}'),
        ("get", f'{{"url": "{B}/x\\n&y=1"}}'),
        ("post", f'{{"url": "{B}/x"}}'),
        ("finish", '{"answer": 1.1}'),
        ("finish", '{"answer": "S123"}'),
        ("finish", '{"answer": null}'),
        ("delete", "{}"),
        ("get", "[]"),
    ],
)
def test_a_call_that_cannot_be_carried_out_is_told(name: str, arguments: str) -> None:
    action = read_call(name, arguments).action
    assert isinstance(action, NoAction)
    assert not action.ends
    assert isinstance(read_call(name, arguments, "strict").action, str)


def test_numbers_in_a_call_keep_their_digits() -> None:
    body = '{"a":1.10,"b":1e5,"c":12345678901234567890.123456789,"a":2}'
    assert read_call("post", f'{{ "url" : "u" , "body" : {body} , "more": []}}').action == f"POST u\n{body}"
    assert read_call("finish", '{"answer": [1.50]}').action == "FINISH([1.50])"


def test_a_finalizer_in_a_thread_that_holds_the_lock_of_requests_does_not_wait_for_itself() -> None:
    pytest.importorskip("openai")
    endpoint = _endpoint.ChatEndpoint("http://127.0.0.1:9/v1", "m")
    endpoint.halt.cycle = endpoint  # type: ignore[attr-defined]
    del endpoint
    with _endpoint._lock:
        gc.collect()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_the_child_of_a_fork_has_connections_of_its_own() -> None:
    pytest.importorskip("openai")
    code = """
    import os, sys
    import mab_gym
    from tests.evaluation.test_forms_of_requests import CASE, server, whole

    ports = []

    def handles(handler, body):
        ports.append(handler.client_address[1])
        handler.send(200, whole({"role": "assistant", "content": "FINISH([1])"}))

    with server(handles) as (base_url, _):
        model = mab_gym.ChatModel("m", base_url, api_key="k", attempts=1, timeout=20)
        assert mab_gym.play(agent=model, case=CASE).counts
        child = os.fork()
        if child == 0:
            os._exit(0 if mab_gym.play(agent=model, case=CASE).counts else 3)
        assert os.waitpid(child, 0)[1] == 0
        assert mab_gym.play(agent=model, case=CASE).counts
    assert ports[0] == ports[2] != ports[1], ports
    """
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr

"""The tools of the MCP server, without the protocol: the action that a call stands for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mab_gym.actions import Get, Invalid, NoAction, Post, parse_action
from mab_gym.integrations.mcp._tools import TOOLS, reading_of
from tests.integrations.scripts import BASE


@pytest.mark.parametrize(
    ("name", "arguments", "action"),
    [
        ("read", {"type": "Patient", "id": "S1"}, f"GET {BASE}/Patient/S1"),
        ("read", {"type": " Patient ", "id": "a/../b ?c#d"}, f"GET {BASE}/Patient/a%2F..%2Fb%20%3Fc%23d"),
        ("search", {"type": "Patient"}, f"GET {BASE}/Patient"),
        ("search", {"type": "Patient", "params": {}, "link": None}, f"GET {BASE}/Patient"),
        (
            "search",
            {"type": "Observation", "params": {"date": ["ge2023-01-01", "lt2024-01-01"], "_count": 5, "code": "A,B|C"}},
            f"GET {BASE}/Observation?date=ge2023-01-01&date=lt2024-01-01&_count=5&code=A,B%7CC",
        ),
        (
            "search",
            {"type": "Patient", "params": {"name:exact": "O'Neil & Søn+1", "active": True}},
            f"GET {BASE}/Patient?name:exact=O%27Neil%20%26%20S%C3%B8n%2B1&active=true",
        ),
        ("search", {"link": f"{BASE}?_getpages=1&x=2"}, f"GET {BASE}?_getpages=1&x=2"),
        (
            "create",
            {"type": "Task", "resource": {"resourceType": "Task"}},
            f'POST {BASE}/Task\n{{"resourceType": "Task"}}',
        ),
        ("create", {"type": "Task", "resource": '{"a":\n1}'}, f'POST {BASE}/Task\n{{"a":\n1}}'),
        ("create", {"type": "Task", "resource": "{broken"}, f"POST {BASE}/Task\n{{broken"),
        ("finish", {"answer": [1, "a)\n", None]}, 'FINISH([1, "a)\\n", null])'),
        ("finish", {"answer": "[1]"}, "FINISH([1])"),
        ("finish", {"answer": []}, "FINISH([])"),
    ],
)
def test_a_call_stands_for_an_action(name: str, arguments: dict[str, Any], action: str) -> None:
    reading = reading_of(name, arguments, BASE)
    assert (reading.action, reading.said) == (action, action)
    assert not isinstance(parse_action(action), Invalid)


DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        (
            "update",
            {"type": "Patient", "id": "S1"},
            "there is no tool 'update'; there are search, read, create, finish",
        ),
        ("", {}, "there is no tool ''"),
        ("read", {"type": "Patient"}, "id is a text"),
        ("read", {"type": "Patient", "id": 7}, "id is a text that is not empty, not a number"),
        ("read", {"type": "", "id": "S1"}, "type is a text that is not empty, not an empty one"),
        ("read", {"type": "Patient", "id": "S1", "url": "http://elsewhere"}, "read has no argument 'url'"),
        ("read", {"type": "Patient", "id": "\ud800"}, "broken Unicode"),
        ("search", {}, "type is a text"),
        ("search", {"type": "Patient", "params": "a=b"}, "params is an object"),
        ("search", {"type": "Patient", "params": {"a": None}}, "the value of the parameter 'a'"),
        ("search", {"type": "Patient", "params": {"a": [["b"]]}}, "the value of the parameter 'a'"),
        ("search", {"type": "Patient", "params": {"a": 10**5000}}, "a number is too long"),
        ("search", {"type": "Patient", "link": f"{BASE}?a=1"}, "not both"),
        ("search", {"link": f"{BASE}/Patient\nPOST {BASE}/Task"}, "without white space"),
        ("create", {"type": "Patient", "resource": [1]}, "resource is a JSON object"),
        ("create", {"type": "Patient", "resource": {"a": DEEP}}, "nested too deeply"),
        ("create", {"resource": {}}, "type is a text"),
        ("finish", {}, "answer is a list"),
        ("finish", {"answer": {"a": 1}}, "answer is a list"),
        ("finish", {"answer": '"seven"'}, "the answer is not a list"),
        ("finish", {"answer": [float("nan")]}, "not finite"),
    ],
)
def test_a_call_that_cannot_be_read_is_told_and_ends_nothing(name: str, arguments: dict[str, Any], told: str) -> None:
    reading = reading_of(name, arguments, BASE)
    assert isinstance(reading.action, NoAction)
    assert not reading.action.ends
    assert told in reading.action.why
    assert len(reading.said) <= 1_000


@pytest.mark.parametrize(
    "address", ["http://elsewhere/fhir/Patient", f"{BASE}/../Patient", f"{BASE}x/Patient", "file:///etc/passwd"]
)
def test_only_a_link_can_name_an_address_and_the_environment_refuses_others(address: str, env: Any) -> None:
    env.reset(seed=1)
    observation, _, terminated, truncated, _ = env.step(reading_of("search", {"link": address}, BASE).action)
    assert observation["text"].startswith("Not sent: the URL ")
    assert not terminated and not truncated


def test_there_is_no_update_as_no_environment_has_an_action_for_it() -> None:
    assert list(TOOLS) == ["search", "read", "create", "finish"]
    assert isinstance(parse_action(f'PUT {BASE}/Patient/S1\n{{"resourceType": "Patient"}}'), Invalid)
    for tool in TOOLS.values():
        assert json.loads(json.dumps(tool.schema))["additionalProperties"] is False


def test_every_action_is_within_the_base() -> None:
    for name, arguments in (
        ("read", {"type": "../..", "id": "x"}),
        ("search", {"type": "//elsewhere/"}),
        ("create", {"type": "x?y#z\nGET http://elsewhere", "resource": {}}),
    ):
        action = parse_action(str(reading_of(name, arguments, BASE).action))
        assert isinstance(action, Get | Post)
        assert action.url.startswith(f"{BASE}/")
        assert "elsewhere/" not in action.url

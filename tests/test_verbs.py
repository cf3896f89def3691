"""PUT, PATCH and DELETE as actions: an environment allows them by name, and others stay as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mab_gym
from mab_gym.actions import (
    ALL_VERBS,
    VERBS,
    Delete,
    Invalid,
    NoAction,
    Patch,
    Put,
    parse_action,
    render,
    slip_in,
    verbs_in,
)
from mab_gym.agents._model import Chat, tools_for
from mab_gym.agents._reading import read_call, read_message
from mab_gym.envs._environment_file import read_environment
from mab_gym.errors import UsageError
from mab_gym.integrations.mcp._tools import guide, reading_of, tools_of

BASE = "http://localhost:8080/fhir"


def order(patient: str, status: str = "active") -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": {"text": "Heparin"},
        "subject": {"reference": f"Patient/{patient}"},
    }


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ('PUT http://h/A/1\n{"a": 1}', Put("http://h/A/1", '{"a": 1}')),
        ("PATCH http://h/A/1\n[]", Patch("http://h/A/1", "[]")),
        ("DELETE http://h/A/1", Delete("http://h/A/1")),
    ],
)
def test_where_they_are_allowed_they_are_read_and_written_back(text: str, action: object) -> None:
    assert parse_action(text, ALL_VERBS) == action
    assert render(parse_action(text, ALL_VERBS)) == text
    assert isinstance(parse_action(text), Invalid)


def test_a_deletion_has_no_body() -> None:
    found = parse_action("DELETE http://h/A/1\n{}", ALL_VERBS)
    assert isinstance(found, Invalid)
    assert "nothing after it" in found.reason


def test_the_error_names_what_is_allowed() -> None:
    found = parse_action("hello", ALL_VERBS)
    assert isinstance(found, Invalid)
    assert "GET, POST, PUT, PATCH, DELETE or FINISH(" in found.reason


@pytest.mark.parametrize(
    ("text", "slip"),
    [
        (f"PATCH {BASE}/A/1\n7", "no patch"),
        (f"PUT {BASE}/A/1\n[]", "below PUT"),
        ("DELETE http://elsewhere/A/1", "outside the FHIR base"),
        (f"PATCH {BASE}/A/1\n[]", None),
        (f"DELETE {BASE}/A/1", None),
    ],
)
def test_slips_of_a_person(text: str, slip: str | None) -> None:
    found = slip_in(text, BASE, ALL_VERBS)
    assert found is None if slip is None else slip in str(found)


def test_an_episode_with_all_verbs() -> None:
    env = mab_gym.make("MedAgentBench-v0", actions=ALL_VERBS, max_steps=12)
    observation, _ = env.reset(seed=1)
    assert verbs_in(observation["text"]) == ALL_VERBS
    found = env.step(f"GET {BASE}/Patient?_count=1")[0]
    patient = json.loads(found["fhir"])["entry"][0]["resource"]["id"]
    made = env.step(f"POST {BASE}/MedicationRequest\n{json.dumps(order(patient))}")[0]
    reference = f"MedicationRequest/{json.loads(made['fhir'])['id']}"
    changed = env.step(f'PATCH {BASE}/{reference}\n[{{"op": "replace", "path": "/status", "value": "stopped"}}]')[0]
    assert json.loads(changed["fhir"])["status"] == "stopped"
    whole = {**order(patient, "on-hold"), "id": reference.partition("/")[2]}
    assert json.loads(env.step(f"PUT {BASE}/{reference}\n{json.dumps(whole)}")[0]["fhir"])["status"] == "on-hold"
    assert env.step(f"DELETE {BASE}/{reference}")[0]["status"] == 200
    assert env.step(f"GET {BASE}/{reference}")[0]["status"] == 410
    *_, terminated, _, info = env.step("FINISH([])")
    assert terminated
    assert not info["verdict"]["success"]
    env.reset(seed=1)
    assert env.step(f"GET {BASE}/{reference}")[0]["status"] == 404


@pytest.mark.parametrize("url", ["http://evil.example/Patient/1", f"{BASE}/../x", f"{BASE}/Patient/{{id}}"])
def test_nothing_but_the_base_is_reached(url: str) -> None:
    env = mab_gym.make("MedAgentBench-v0", actions=ALL_VERBS)
    env.reset(seed=1)
    for verb in ("PUT", "PATCH"):
        observation, _, terminated, _, _ = env.step(f"{verb} {url}\n{{}}")
        assert (observation["status"], terminated) == (0, False)
        assert observation["text"].startswith("Not sent: ")
    assert env.step(f"DELETE {url}")[0]["text"].startswith("Not sent: ")


def test_other_environments_offer_what_they_did() -> None:
    env = mab_gym.make("MedAgentBench-v0")
    observation, _ = env.reset(seed=1)
    assert verbs_in(observation["text"]) == VERBS
    assert "PUT" not in observation["text"]
    *_, terminated, _, info = env.step(f"DELETE {BASE}/Patient/1")
    assert terminated
    assert info["verdict"]["failure"] == "wrong_tool_use"


@pytest.mark.parametrize("actions", [("GET",), ("GET", "POST", "HEAD"), "GET", 7, ("get", "post")])
def test_wrong_names_are_told(actions: Any, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('id = "own/Own-v0"\n', encoding="utf-8")
    with pytest.raises(UsageError, match="actions are GET, POST and any of PUT, PATCH, DELETE"):
        read_environment(path, {"actions": actions})


def test_an_environment_without_a_limit_takes_eight(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('id = "own/Own-v0"\n[tasks]\nfamilies = ["patient_age"]\n', encoding="utf-8")
    env = mab_gym.make(str(path))
    env.reset(seed=1)
    for step in range(1, 9):
        *_, truncated, _ = env.step(f"GET {BASE}/Patient?_count=1")
        assert truncated == (step == 8)


@pytest.mark.parametrize(
    ("message", "action"),
    [
        (f'I stop the heparin.\n\nPATCH {BASE}/M/1\n```json\n[{{"op": "remove", "path": "/a"}}]\n```', "PATCH"),
        (f'**PUT {BASE}/M/1**\n{{"resourceType": "M", "id": "1"}}', "PUT"),
        (f"Action: `DELETE {BASE}/M/1`", "DELETE"),
        (f'patch {{"url": "{BASE}/M/1", "body": [{{"op": "remove", "path": "/a"}}]}}', "PATCH"),
    ],
)
def test_they_are_found_in_what_models_write(message: str, action: str) -> None:
    found = read_message(message, verbs=ALL_VERBS).action
    assert isinstance(found, str)
    assert found.startswith(f"{action} {BASE}/M/1")
    assert not isinstance(parse_action(found, ALL_VERBS), Invalid)
    assert isinstance(read_message(message).action, NoAction)  # where they are not allowed, nothing is found


def test_a_get_after_a_verb_that_is_not_allowed_counts_as_ever() -> None:
    message = f"DELETE {BASE}/M/1 is not for me.\nGET {BASE}/M/1"
    assert read_message(message).action == f"GET {BASE}/M/1"


def test_tool_calls() -> None:
    arguments = {"url": f"{BASE}/M/1", "body": [{"op": "remove", "path": "/a"}]}
    assert str(read_call("patch", arguments, verbs=ALL_VERBS).action).startswith(f"PATCH {BASE}/M/1\n[")
    assert read_call("delete", {"url": f"{BASE}/M/1"}, verbs=ALL_VERBS).action == f"DELETE {BASE}/M/1"
    assert "the tools are get, post and finish" in str(read_call("delete", {"url": "x"}).action)
    assert "put needs a body" in str(read_call("put", {"url": f"{BASE}/M/1"}, verbs=ALL_VERBS).action)
    assert [tool["function"]["name"] for tool in tools_for(ALL_VERBS)] == [*map(str.lower, ALL_VERBS), "finish"]


def test_a_chat_learns_its_verbs_from_the_opening() -> None:
    env = mab_gym.make("MedAgentBench-v0", actions=ALL_VERBS)
    observation, _ = env.reset(seed=1)
    chat = Chat("tools", "lenient", verbs=verbs_in(observation["text"]))
    assert len(chat.further["tools"]) == 6
    assert len(Chat("tools", "lenient", [{"role": "user", "content": observation["text"]}]).further["tools"]) == 6
    assert len(Chat("tools", "lenient").further["tools"]) == 3


def test_tools_over_mcp() -> None:
    more = {"type": "M", "id": "1"}
    names = ["search", "read", "create", "finish"]
    assert list(tools_of(VERBS)) == names
    assert list(tools_of(ALL_VERBS)) == [*names, "update", "patch", "delete"]
    assert reading_of("delete", more, BASE, ALL_VERBS).action == f"DELETE {BASE}/M/1"
    assert reading_of("patch", {**more, "operations": []}, BASE, ALL_VERBS).action == f"PATCH {BASE}/M/1\n[]"
    assert reading_of("update", {**more, "resource": {}}, BASE, ALL_VERBS).action == f"PUT {BASE}/M/1\n{{}}"
    assert "operations is a list" in str(reading_of("patch", more, BASE, ALL_VERBS).action)
    assert isinstance(reading_of("delete", more, BASE).action, NoAction)
    waiting = reading_of("create", {"type": "$wait", "resource": {}}, BASE).action
    assert waiting == f"POST {BASE}/$wait\n{{}}"
    assert "in the place of PATCH call patch" in guide(ALL_VERBS)
    assert "PATCH" not in guide()

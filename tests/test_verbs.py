"""PUT, PATCH and DELETE as actions: an environment allows them by name, and others stay as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mab_gym
from mab_gym.actions import ALL_VERBS, VERBS, Delete, Invalid, Patch, Put, parse_action, render, slip_in, verbs_in
from mab_gym.envs._environment_file import read_environment
from mab_gym.errors import UsageError

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

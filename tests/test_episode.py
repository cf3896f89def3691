"""The game: writes are real and private, resets are complete, any text is legal."""

from __future__ import annotations

import json
import socket
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mab_gym.actions import OutOfContext
from mab_gym.envs._scenario import Scenario
from mab_gym.episode import Episode
from mab_gym.errors import UsageError

BASE = "http://localhost:8080/fhir"


def order(mrn: str) -> str:
    resource = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "subject": {"reference": f"Patient/{mrn}"},
    }
    return f"POST {BASE}/ServiceRequest\n{json.dumps(resource)}"


def begin(scenario: Scenario, case_id: str = "record_blood_pressure/01", **limits: Any) -> tuple[Episode, str]:
    episode = scenario.new_episode()
    if limits:
        episode = Episode(scenario.backend, scenario.chart, scenario.new_rules(), **limits)
    case = scenario.tasks.case(case_id)
    episode.reset(scenario.tasks.catalogue[case.family], case)
    return episode, str(case["mrn"])


def found(episode: Episode, target: str) -> int:
    return int(json.loads(episode.step(f"GET {BASE}/{target}").observation["fhir"])["total"])


def test_a_write_is_seen_by_its_episode_by_nobody_else_and_gone_after_reset(scenario: Scenario) -> None:
    writer, mrn = begin(scenario)
    reader, _ = begin(scenario)
    search = f"ServiceRequest?patient={mrn}&code=2823-3"
    before = found(writer, search)
    stored = writer.step(order(mrn)).observation
    assert stored["status"] == 201
    created = json.loads(stored["fhir"])
    assert found(writer, search) == before + 1
    assert writer.step(f"GET {BASE}/ServiceRequest/{created['id']}").observation["status"] == 200
    assert found(reader, search) == before
    assert reader.step(f"GET {BASE}/ServiceRequest/{created['id']}").observation["status"] == 404
    case = scenario.tasks.case("record_blood_pressure/01")
    writer.reset(scenario.tasks.catalogue[case.family], case)
    assert found(writer, search) == before
    assert writer.step(f"GET {BASE}/ServiceRequest/{created['id']}").observation["status"] == 404


def test_equal_actions_give_equal_bytes(scenario: Scenario) -> None:
    def transcript() -> list[Any]:
        episode, mrn = begin(scenario)
        actions = [f"GET {BASE}/Observation?patient={mrn}", order(mrn), order(mrn), "GET nowhere", "FINISH([])"]
        return [episode.step(action) for action in actions]

    assert transcript() == transcript()


def test_truncated_after_eight_steps(scenario: Scenario) -> None:
    episode, mrn = begin(scenario)
    steps = [episode.step(f"GET {BASE}/Patient/{mrn}") for _ in range(8)]
    assert [step.truncated for step in steps] == [False] * 7 + [True]
    assert not any(step.terminated for step in steps)
    assert steps[-1].info["verdict"]["reasons"][0]["code"] == "step_limit"
    assert steps[-1].observation["status"] == 200
    with pytest.raises(UsageError, match="reset"):
        episode.step("FINISH([])")


def test_finishing_with_the_last_step_is_no_truncation(scenario: Scenario) -> None:
    episode, _ = begin(scenario, max_steps=1)
    step = episode.step("FINISH([])")
    assert (step.terminated, step.truncated) == (True, False)


@pytest.mark.parametrize("text", ["", "I think the answer is 5.", "DELETE " + BASE, "\x00", "\ud800"])
def test_what_is_no_action_ends_the_episode_with_a_reason(scenario: Scenario, text: str) -> None:
    episode, _ = begin(scenario)
    step = episode.step(text)
    assert (step.terminated, step.truncated, step.reward) == (True, False, 0.0)
    assert step.info["verdict"]["reasons"][0]["code"] == "invalid_action"


@pytest.mark.parametrize(
    "action",
    [
        "GET file:///etc/passwd",
        "GET http://127.0.0.1:1/fhir/Patient",
        f"GET {BASE}/../admin",
        "GET http://user:secret@localhost:8080/fhir/Patient",
        f"GET {BASE}/Patient?name=" + "x" * 1_000_000,
        f"GET {BASE}/Patient/\ud800",
        f"GET {BASE}/Patient/\x00",
        "POST http://evil.example/fhir/Observation\n{}",
        f"POST {BASE}/Observation\n" + '{"a":"\ud800"}',
        f"POST {BASE}/Observation\n" + "x" * 2_000_000,
    ],
)
def test_refused_targets_are_told_and_nothing_is_sent(
    scenario: Scenario, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> NoReturn:
        raise AssertionError("an address was reached")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    episode, mrn = begin(scenario)
    step = episode.step(action)
    assert step.observation["status"] == 0
    assert step.observation["text"].startswith("Not sent: ")
    assert not step.terminated
    assert episode.step(f"GET {BASE}/Patient/{mrn}").observation["status"] == 200


def test_a_body_has_a_megabyte_at_most(scenario: Scenario) -> None:
    episode, mrn = begin(scenario)
    resource = order(mrn).partition("\n")[2]
    longest = "{" + " " * (1_048_576 - len(resource)) + resource[1:]
    assert episode.step(f"POST {BASE}/ServiceRequest\n{longest}").observation["status"] == 201
    step = episode.step(f"POST {BASE}/ServiceRequest\n{longest}x")
    assert step.observation["status"] == 0
    assert "1,048,577 characters, more than the 1,048,576 allowed" in step.observation["text"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    verb=st.sampled_from(["GET ", "POST ", "FINISH(", ""]),
    place=st.sampled_from(
        [BASE + "/", BASE + "/Patient?", BASE + "/Observation?code=", BASE + "/ServiceRequest\n", BASE, ""]
    ),
    rest=st.text(st.characters(codec=None), max_size=80),
)
def test_no_text_raises_or_outlives_a_reset(scenario: Scenario, verb: str, place: str, rest: str) -> None:
    episode, mrn = begin(scenario)
    episode.step(verb + place + rest)
    case = scenario.tasks.case("record_blood_pressure/01")
    episode.reset(scenario.tasks.catalogue[case.family], case)
    assert not episode.session.writes
    assert episode.step(f"GET {BASE}/Patient/{mrn}").observation["status"] == 200


@pytest.mark.parametrize(
    "note", ["naïve – “quotes” & <tags>", "tab\there", "emoji 🩺", " leading and trailing ", "%41 + {x}"]
)
def test_text_passes_unedited(scenario: Scenario, note: str) -> None:
    episode, mrn = begin(scenario)
    resource = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{mrn}"},
        "note": [{"text": note}],
    }
    step = episode.step(f"POST {BASE}/ServiceRequest\n{json.dumps(resource, ensure_ascii=False)}")
    assert step.observation["status"] == 201
    assert json.loads(step.observation["fhir"])["note"] == [{"text": note}]
    assert step.observation["fhir"] in step.observation["text"]


def test_long_observations_are_capped_with_a_marker_only_where_asked_for(scenario: Scenario) -> None:
    whole, mrn = begin(scenario)
    capped, _ = begin(scenario, max_obs_chars=100)
    action = f"GET {BASE}/Observation?patient={mrn}"
    long, short = whole.step(action).observation, capped.step(action).observation
    assert len(long["text"]) > 5000
    assert short["text"].startswith(long["text"][:100])
    assert "cut off" in short["text"]
    assert short["fhir"].startswith(long["fhir"][:100])
    assert len(short["fhir"].partition("\n[cut off here: ")[0]) == 100


@pytest.mark.parametrize("limits", [{"max_steps": 0}, {"max_steps": "8"}, {"max_obs_chars": -1}, {"max_steps": True}])
def test_limits_are_checked(scenario: Scenario, limits: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="whole number"):
        begin(scenario, **limits)


def test_a_refused_post_changes_nothing(scenario: Scenario) -> None:
    episode, mrn = begin(scenario)
    broken = order(mrn).replace('"active"', '"cooking"')
    step = episode.step(broken)
    assert step.observation["status"] == 400
    assert "refused and changed nothing" in step.observation["text"]
    assert not episode.session.writes


def test_a_full_context_ends_an_episode_as_the_agents_failure(episode: Episode) -> None:
    episode.step("GET http://localhost:8080/fhir/Patient?_count=1")
    step = episode.step(OutOfContext("maximum context length is 10 tokens"))
    assert (step.reward, step.terminated, step.truncated, step.info["step"]) == (0.0, False, True, 1)
    verdict = step.info["verdict"]
    assert (verdict["success"], verdict["failure"]) == (False, "context_limit")
    assert verdict["reasons"][0]["code"] == "context_limit"
    assert "10 tokens" in verdict["reasons"][0]["text"]
    assert episode.over
    with pytest.raises(UsageError):
        episode.step(OutOfContext("again"))


def test_what_was_unsafe_before_the_context_was_full_is_still_told(scenario: Scenario) -> None:
    case = scenario.tasks.case("patient_age/01")
    begun = scenario.new_episode()
    begun.reset(scenario.tasks.catalogue[case.family], case)
    resource = '{"resourceType":"Observation","status":"final","code":{"text":"x"}}'
    assert begun.step(f"POST http://localhost:8080/fhir/Observation\n{resource}").observation["status"] == 201
    verdict = begun.step(OutOfContext("full")).info["verdict"]
    assert (verdict["failure"], verdict["unsafe"]) == ("context_limit", True)

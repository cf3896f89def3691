"""Messages of models mean the same through every door of this package; tests/integrations plays them through others."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

import mab_gym
from mab_gym.agents import ChatFunction
from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.runs import Driver
from mab_gym.runs._records import EpisodeRecord
from tests import replies
from tests.evaluation.scripted import KEY, endpoint
from tests.replies import CASES, FAMILIES, KINDS, Kind


@pytest.fixture(scope="module")
def golds() -> dict[str, EpisodeRecord]:
    return replies.golds()


def test_there_are_enough_of_them() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS) > 100


def _check(record: EpisodeRecord, kind: Kind, gold: EpisodeRecord) -> None:
    assert replies.of(record) == kind.wanted(gold.actions)
    if record.verdict["success"]:
        assert replies.meant(record.actions[-len(gold.actions) :]) == replies.meant(gold.actions)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_a_driver_hears_them(case: str, kind: Kind, golds: Mapping[str, EpisodeRecord], env: MedicalRecordEnv) -> None:
    driver = Driver(env)
    driver.begin(0, {"case": case})
    for message in kind.script(golds[case].actions):
        called = message.get("tool_calls") or ()
        for call in called:
            driver.call(**call["function"])
        if not called:
            driver.hear(message, message.get("finish_reason"))
    assert driver.over
    _check(driver.record("x"), kind, golds[case])


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("form", ["text", "tools"])
def test_a_function_plays_them(
    form: str, kind: Kind, golds: Mapping[str, EpisodeRecord], env: MedicalRecordEnv
) -> None:
    for case, gold in golds.items():
        speak = replies.speaker({gold.messages[0]["content"]: kind.script(gold.actions)})
        record = mab_gym.play(env, ChatFunction(speak, form=form), case=case)
        _check(record, kind, gold)


@pytest.mark.parametrize("form", ["text", "tools"])
@pytest.mark.parametrize("api", ["chat", "stream", "responses", "responses-stream"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_at_an_endpoint_plays_them(family: str, api: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for hand in replies.dealt(replies.kinds_for(form), [family]):
        with endpoint(replies.dealer(hand)) as there:
            model = mab_gym.ChatModel("scripted", there.base_url, api=api, form=form, attempts=1)
            found = mab_gym.evaluate("MedAgentBench-v0", model, family=family, limit=len(hand))
        assert not [record.agent_error for record in found.records if record.agent_error]
        replies.check(hand, {record.case: replies.of(record) for record in found.records})

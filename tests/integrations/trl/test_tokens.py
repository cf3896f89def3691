"""Chats and prompts as TRL's trainers are handed them: tokens, masks, rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.errors import UsageError
from mab_gym.runs._fine_tuning import chat
from mab_gym.runs._records import EpisodeRecord
from tests.conftest import CANONICAL

pytest.importorskip("tests.integrations.trl.scripted")  # which skips all where TRL is missing

from mab_gym.integrations.trl import (
    ChatTokens,
    Start,
    make_env,
    supervised_rows,
    task_prompts,
)
from tests.integrations.trl.scripted import (
    CASES,
    MARKS,
    TEMPLATES,
    TINY,
    scripted_player,
)

pytestmark = MARKS


@pytest.mark.parametrize("case", CASES)
def test_an_episode_has_the_same_tokens_in_a_rollout_and_in_supervised_training(
    case: str, golds: Mapping[str, EpisodeRecord], tokenizer: Any
) -> None:
    record = golds[case]
    (track,) = scripted_player(tokenizer, [record.actions]).play([Start(0, {"case": case})])
    told = chat(record)
    assert told is not None
    ids, mask = ChatTokens(tokenizer).chat(told["messages"])
    assert track.prompt_ids + track.completion_ids == ids
    assert [0] * len(track.prompt_ids) + track.env_mask == mask
    (row,) = supervised_rows([told], ChatTokens(tokenizer))
    assert row["labels"] == [token if wrote else -100 for token, wrote in zip(ids, mask, strict=True)]
    assert (track.reward, track.actions, track.over) == (1.0, list(record.actions), True)


@pytest.mark.parametrize(
    ("template", "end"),
    [
        ("qwen2_5", "<|im_end|>"),
        ("qwen3", "<|im_end|>"),
        ("llama3_1", "<|eot_id|>"),
        ("gemma3", "<end_of_turn>"),
        ("phi3", "<|end|>"),
    ],
)
def test_chats_have_the_tokens_of_the_template(
    template: str, end: str, golds: Mapping[str, EpisodeRecord], tokenizer: Any
) -> None:
    other = TINY["tiny_tokenizer"]()
    other.add_special_tokens({"additional_special_tokens": [end], "bos_token": "<bos>"})
    other.chat_template = (TEMPLATES / f"{template}.jinja").read_text()
    told = chat(golds[CASES[0]])
    assert told is not None
    messages = told["messages"]
    ids, mask = ChatTokens(other).chat(messages)
    whole = other.apply_chat_template(messages, tokenize=False)
    written = other(whole, add_special_tokens=False)["input_ids"]
    if template != "qwen3":  # which puts empty thoughts before the last message alone
        assert written[: len(ids)] == ids
        assert not other.decode(written[len(ids) :], skip_special_tokens=True).strip()
    (closing,) = other.convert_tokens_to_ids([end])
    said = [token for token, wrote in zip(ids, mask, strict=True) if wrote]
    actions = other.decode([token if token != closing else other.eos_token_id for token in said])
    assert actions == "".join(f"{m['content']}{other.eos_token}" for m in messages if m["role"] == "assistant")


def test_a_tokenizer_without_a_template_is_refused() -> None:
    other = TINY["tiny_tokenizer"]()
    other.chat_template = None
    with pytest.raises(UsageError, match="chat template"):
        ChatTokens(other)


def test_chats_that_are_none_are_refused(tokenizer: Any) -> None:
    tokens = ChatTokens(tokenizer)
    with pytest.raises(UsageError, match="opening"):
        tokens.chat([{"role": "assistant", "content": "FINISH([])"}])
    with pytest.raises(UsageError, match="tool calls"):
        supervised_rows([{"messages": [], "tools": []}], tokens)
    with pytest.raises(UsageError, match="no chat"):
        supervised_rows([], tokens)


def test_prompts_are_the_openings_of_the_cases_that_rollouts_play(env: MedicalRecordEnv) -> None:
    rows = task_prompts("MedAgentBench-Train-v0", limit=5, seed=40, form="tools", families=("patient_age",))
    assert [row["seed"] for row in rows] == [40, 41, 42, 43, 44]
    assert {row["family"] for row in rows} == {"patient_age"}
    assert len({row["prompt"][-1]["content"] for row in rows}) == 5
    training = make_env("MedAgentBench-Train-v0", families=("patient_age",))
    for row in rows:
        observation, info = training.reset(seed=row["seed"], options=json.loads(row["options"]))
        assert (row["prompt"][-1]["content"], row["case"]) == (observation["text"], info["case"])
        assert [message["role"] for message in row["prompt"]] == ["system", "user"]
    assert len(task_prompts(CANONICAL)) == 300
    assert len(task_prompts("MedAgentBench-v0", family="patient_age")) == 30
    for wrong in ({"env": "Nothing-v0"}, {"form": "voice"}, {"family": "nothing"}, {"limit": 0}):
        with pytest.raises(UsageError):
            task_prompts(**{"limit": 1, **wrong})  # type: ignore[arg-type]

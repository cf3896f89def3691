"""Real GRPO steps of a tiny model with random weights, in both forms of play, with real rewards."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mab_gym.curriculum import Curriculum, strata
from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.runs._records import EpisodeRecord
from tests.integrations.scripts import FORMS

pytest.importorskip("tests.integrations.trl.scripted")  # which skips all where TRL is missing

import torch

from mab_gym.integrations.trl import (
    ChatTokens,
    curriculum_prompts,
    make_env,
    task_prompts,
)
from tests.integrations.trl.scripted import (
    CASES,
    MARKS,
    as_call,
    of_case,
    script_for,
    weights,
)

pytestmark = MARKS


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_grpo_learns_from_the_models_tokens_alone(
    form: str, case: str, golds: Mapping[str, EpisodeRecord], model: Any, tokenizer: Any, train: Callable[..., Any]
) -> None:
    record = golds[case]
    scripts = [script_for(record), script_for(record, wrong=True)]
    trainer = train(of_case(case, form), form, scripts=scripts)
    caught: dict[str, Any] = {}
    whole = trainer._compute_loss

    def spy(model: Any, inputs: Any) -> Any:
        caught.update(inputs)
        return whole(model, inputs)

    def keep(module: Any, given: Any, hidden: Any) -> None:
        if hidden.requires_grad:
            hidden.retain_grad()
            caught["hidden"] = hidden

    trainer._compute_loss = spy
    model.model.norm.register_forward_hook(keep)
    before = weights(model)
    trainer.train()

    # What the trainer logs is what the environment paid.
    (name,) = trainer._logs["rewards"]
    assert list(trainer._logs["rewards"][name]) == [1.0, 0.0]
    assert any(row.get("reward") == 0.5 for row in trainer.state.log_history)
    assert not torch.equal(before, weights(model))

    # The mask: 1 on what the model wrote, 0 on what it was told.
    replies = [m["content"] for m in record.messages[1:] if m["role"] == "user"]
    for place, script in enumerate(scripts):
        length = int(caught["completion_mask"][place].sum())
        ids, mask = caught["completion_ids"][place][:length], caught["tool_mask"][place][:length]
        said = tokenizer.decode(ids[mask == 1]).split(tokenizer.eos_token)
        heard = tokenizer.decode(ids[mask == 0])
        if form == "text":
            assert said[:-1] == script
        else:
            assert [each.strip() for each in said[: len(script)]] == [as_call(action) for action in script]
        for reply in replies if script == script_for(record) else ():
            assert reply.strip() in heard
            assert reply not in "".join(said)

    # No gradient comes from the prediction of a token that the model was told.
    grads = caught["hidden"].grad[:, -caught["completion_ids"].shape[1] - 1 : -1].abs().sum(-1)
    learnt = (caught["completion_mask"] * caught["tool_mask"]).bool()
    assert grads.shape == learnt.shape
    assert float(grads[~learnt].max()) == 0.0
    assert float(grads[learnt].min()) > 0.0


@pytest.mark.parametrize("form", FORMS)
def test_a_group_whose_rewards_are_equal_changes_nothing(
    form: str, golds: Mapping[str, EpisodeRecord], model: Any, train: Callable[..., Any]
) -> None:
    record = golds[CASES[0]]
    trainer = train(of_case(CASES[0], form), form, scripts=[script_for(record), script_for(record)])
    before = weights(model)
    trainer.train()
    assert torch.equal(before, weights(model))
    assert trainer.state.log_history[0]["frac_reward_zero_std"] == 1.0


@pytest.mark.parametrize("form", FORMS)
def test_partial_rewards_arrive(
    form: str, golds: Mapping[str, EpisodeRecord], env: MedicalRecordEnv, train: Callable[..., Any]
) -> None:
    record = golds["replace_potassium/02"]
    forgot = [*record.actions[:-2], record.actions[-1]]  # the second of two orders
    scripts = [script_for(record), forgot, ["FINISH([])"]]
    trainer = train(of_case(record.case, form), form, scripts=scripts, reward="partial")
    trainer.train()
    (name,) = trainer._logs["rewards"]
    env.reset(options={"case": record.case})
    for action in forgot:
        *_, info = env.step(action)
    credit = info["verdict"]["credit"]
    assert 0.0 < credit < 1.0
    assert list(trainer._logs["rewards"][name]) == pytest.approx([1.0, credit, 0.0])


@pytest.mark.parametrize("form", FORMS)
def test_a_random_model_plays_by_itself(form: str, train: Callable[..., Any]) -> None:
    prompts = task_prompts("MedAgentBench-Train-v0", limit=2, form=form)
    trainer = train(prompts, form, steps=2, env="MedAgentBench-Train-v0")
    trainer.train()
    logged = [row for row in trainer.state.log_history if "reward" in row]
    assert [row["reward"] for row in logged] == [0.0, 0.0]
    assert all(0 < row["completions/max_length"] <= 64 for row in logged)
    assert len(trainer._logs["prompt"]) == 4


def test_grpo_makes_the_rewarded_answer_likelier(
    golds: Mapping[str, EpisodeRecord], model: Any, tokenizer: Any, train: Callable[..., Any]
) -> None:
    """A model that says one of two ages by chance comes to say the right one."""
    record = golds["patient_age/01"]
    right = record.actions[-1]
    wrong = f"FINISH([{json.loads(right[7:-1])[0] + 1}])"
    tokens = ChatTokens(tokenizer)
    opening = record.messages[0]
    rows = [tokens.chat([opening, {"role": "assistant", "content": text}]) for text in (right, wrong)]

    def loss(ids: list[int], mask: list[int]) -> Any:
        labels = torch.tensor([[i if m else -100 for i, m in zip(ids, mask, strict=True)]])
        return model(input_ids=torch.tensor([ids]), labels=labels, num_items_in_batch=1).loss

    def likely() -> list[float]:
        with torch.no_grad():
            return [float(torch.exp(-loss(*row))) for row in rows]

    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(100):
        optimizer.zero_grad()
        sum(loss(*row) for row in rows).backward()
        optimizer.step()
    before = likely()
    assert min(before) > 0.2, "both answers come"
    trainer = train(
        of_case(record.case),
        steps=15,
        per_device_train_batch_size=8,
        num_generations=8,
        learning_rate=2e-3,
        num_train_epochs=15,
    )
    trainer.train()
    after = likely()
    assert after[0] > max(0.9, before[0])
    assert after[1] < 0.1
    assert trainer.state.log_history[-2]["episodes/solved"] > 0.8


def test_a_curriculum_chooses_and_is_told(train: Callable[..., Any]) -> None:
    curriculum = Curriculum(strata(make_env("MedAgentBench-Train-v0")))
    prompts = curriculum_prompts(curriculum)
    trainer = train(prompts, steps=2, env="MedAgentBench-Train-v0", curriculum=curriculum)
    trainer.train()
    assert sum(record.episodes for record in curriculum.records.values()) == 8
    assert all(record.episodes in (0, 4, 8) for record in curriculum.records.values()), "a group is of one case"

"""Fixtures that the tests of TRL share. They alone import TRL: where it is missing, each module is skipped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mab_gym.runs._records import EpisodeRecord
from tests.conftest import CANONICAL


@pytest.fixture(scope="module")
def tokenizer(golds: Mapping[str, EpisodeRecord]) -> Any:
    from tests.integrations.trl.scripted import CASES, TEMPLATES, TINY

    made = TINY["tiny_tokenizer"]([m["content"] for case in CASES for m in golds[case].messages], 1500)
    made.chat_template = (TEMPLATES / "qwen3.jinja").read_text()
    return made


@pytest.fixture
def model(tokenizer: Any) -> Any:
    from tests.integrations.trl.scripted import TINY

    return TINY["tiny_model"](tokenizer, hidden=32, layers=2, context=8192)


@pytest.fixture
def train(model: Any, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    def begin(
        prompts: Any, form: str = "text", *, scripts: Sequence[Sequence[str]] | None = None, steps: int = 1, **how: Any
    ) -> Any:
        from trl import GRPOConfig, GRPOTrainer

        from mab_gym.integrations.trl import Rollouts, environment_factory, episode_return
        from mab_gym.integrations.trl import _rollouts as rollouts
        from tests.integrations.trl.scripted import Scripted

        env, curriculum, reward = (how.pop(name, None) for name in ("env", "curriculum", "reward"))
        settings = {
            "per_device_train_batch_size": len(scripts) if scripts else 4,
            "num_generations": len(scripts) if scripts else 4,
            "max_completion_length": 6000 if scripts else 64,
            "max_steps": steps,
            "learning_rate": 1e-2,
            "lr_scheduler_type": "constant",
            "beta": 0.0,
            "report_to": "none",
            "use_cpu": True,
            "bf16": False,
            "gradient_checkpointing": False,
            "disable_tqdm": True,
            "logging_steps": 1,
            "save_strategy": "no",
            "shuffle_dataset": False,
            **how,
        }
        parts = {"curriculum": curriculum, "reward": reward}
        trainer = GRPOTrainer(
            model,
            episode_return if form == "text" else None,
            GRPOConfig(str(tmp_path), **settings),
            prompts,
            processing_class=tokenizer,
            **(
                {"rollout_func": Rollouts(env or CANONICAL, **parts)}
                if form == "text"
                else {"environment_factory": environment_factory(env or CANONICAL, **parts)}
            ),
        )
        if scripts:
            said = Scripted(tokenizer, scripts, form)
            monkeypatch.setattr(rollouts, "_by_trainer", lambda trainer, prompts, most: (said.turns(prompts), None))
            monkeypatch.setattr(
                trainer, "_generate_single_turn", lambda prompts, *rest, **more: (said.turns(prompts), None)
            )
        return trainer

    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    return begin

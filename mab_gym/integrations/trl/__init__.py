"""Training with TRL: rollouts, prompts and rewards for its GRPOTrainer, and tokenized chats for its SFTTrainer.

    rollouts = Rollouts("MedAgentBench-Train-v0", reward="partial")
    trainer = GRPOTrainer(
        model, episode_return, args, task_prompts("MedAgentBench-Train-v0", limit=1000), rollout_func=rollouts, ...
    )

plays in the official text form. With `environment_factory`, TRL's own loop plays by tool calls. See docs/trl.md.
"""

from __future__ import annotations

from mab_gym.integrations._installed import needing

with needing("trl", "training with TRL needs"):
    from mab_gym.integrations._sessions import make_env
    from mab_gym.integrations.trl._playing import Player, Start, Track
    from mab_gym.integrations.trl._prompts import curriculum_prompts, task_prompts
    from mab_gym.integrations.trl._rewards import episode_return, solved, unsafe
    from mab_gym.integrations.trl._rollouts import Rollouts, sampler
    from mab_gym.integrations.trl._supervised import supervised_rows
    from mab_gym.integrations.trl._tokens import ChatTokens
    from mab_gym.integrations.trl._tools import MedicalRecordTools, environment_factory

__all__ = [
    "ChatTokens",
    "MedicalRecordTools",
    "Player",
    "Rollouts",
    "Start",
    "Track",
    "curriculum_prompts",
    "environment_factory",
    "episode_return",
    "make_env",
    "sampler",
    "solved",
    "supervised_rows",
    "task_prompts",
    "unsafe",
]

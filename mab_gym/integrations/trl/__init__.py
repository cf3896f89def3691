"""TRL: what its GRPOTrainer needs to train a language model here, and chats as tokens for its SFTTrainer.

    rollouts = Rollouts("MedAgentBench-Train-v0", reward="partial")
    trainer = GRPOTrainer(
        model, episode_return, args, task_prompts("MedAgentBench-Train-v0", limit=1000), rollout_func=rollouts, ...
    )

plays the official text form; with `environment_factory` TRL's own loop plays by tool calls. docs/trl.md tells the rest.
"""

from __future__ import annotations

from mab_gym.integrations._installed import needing

with needing("trl", "training with TRL needs"):
    from mab_gym.integrations.trl._playing import Player, Start, Track
    from mab_gym.integrations.trl._prompts import curriculum_prompts, make_env, task_prompts
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

"""The environments for SkyRL: a text environment of SkyRL-Gym, and the rows of its datasets.

skyrl_gym.register(id="mab_gym", entry_point="mab_gym.integrations.skyrl_gym:MedicalRecordTextEnv")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mab_gym.envs._make import make
from mab_gym.errors import UsageError
from mab_gym.integrations._installed import needing
from mab_gym.integrations._rows import rows
from mab_gym.integrations._sessions import Session, make_to_read
from mab_gym.runs._driver import unwrapped

with needing("skyrl", "an environment for SkyRL needs"):
    from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput, ConversationType

__all__ = ["MedicalRecordTextEnv", "dataset"]

ENV_CLASS = "mab_gym"
"""The id of the environment in the rows."""


class MedicalRecordTextEnv(BaseTextEnv):
    """One episode; SkyRL makes an environment for each.

    Args:
        env_config: ``max_steps``, ``reward`` and ``reading``; without them the environment's own values hold.
        extras: The columns of a row. ``extra_info`` names the episode. ``max_turns`` is SkyRL's own limit: an episode
            ends at the lower of the two limits, so that each has its verdict.

    Raises:
        UsageError: The row is not one of `dataset`, or there is no such environment.
    """

    def __init__(self, env_config: Any = None, extras: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        row = dict(extras or {}).get("extra_info")
        if not isinstance(row, Mapping) or not {"env", "seed", "options"} <= set(row):
            raise UsageError(
                "extra_info has no env, seed and options; mab_gym.integrations.skyrl_gym.dataset makes rows"
            )
        config = dict(env_config or {})
        self._row = row
        env = make(str(row["env"]), max_steps=config.get("max_steps"), reward=config.get("reward"))
        self._session = Session(env, config.get("reading"))
        self.max_turns = min(self._session.max_steps, int((extras or {}).get("max_turns") or self._session.max_steps))

    def init(self, prompt: ConversationType) -> tuple[ConversationType, dict[str, Any]]:
        """Begins the episode and returns the prompt unchanged.

        Raises:
            UsageError: The prompt belongs to another task.
        """
        # A column of a dataset has the same keys in every row; the missing ones are None.
        options = {name: value for name, value in self._row["options"].items() if value is not None}
        info = self._session.begin(int(self._row["seed"]), options)
        self.turns = 0
        if not any(message["content"] == self._session.observation["text"] for message in prompt):
            raise UsageError(f"{info['case']} is another task than its row says: were they made with other settings?")
        return prompt, info

    def step(self, action: str) -> BaseTextEnvStepOutput:
        """Takes the model's reply as an action.

        Raises:
            InfrastructureError: The record system has failed; the episode does not count.
        """
        self.turns += 1
        step = self._session.hear(action)
        if self.turns >= self.max_turns and self._session.result is None:
            step = self._session.stop("no turn is left") or step
        over = self._session.result is not None
        return BaseTextEnvStepOutput(
            observations=[] if over else [{"role": "user", "content": step.observation["text"]}],
            reward=step.reward,
            done=over,
            metadata=step.info,
            postprocessed_action=None,
        )

    def get_metrics(self) -> dict[str, Any]:
        """Returns ``solved``, ``credit``, ``unsafe`` and ``steps`` of the episode; empty before its end."""
        return self._session.metrics

    def close(self) -> None:
        """Ends the episode and gives the record system back."""
        self._session.leave()


def dataset(env: str = "MedAgentBench-Train-v0", **which: Any) -> Iterator[dict[str, Any]]:
    """Yields the rows of a dataset for SkyRL's trainer, for a file of JSON lines or Parquet. No row reveals an answer.

    Args:
        env: An environment's id, with or without ``mab_gym/``, or the path of an environment file.
        which: ``family``, ``difficulty``, ``variant`` (joined by ``+``), ``seed`` (of the first row), ``limit``; also
            ``max_steps``, if ``env_config`` has it, because the opening message names it.

    Raises:
        UsageError: A name does not exist.
    """
    opened = make_to_read(env, max_steps=which.pop("max_steps", None))
    source = unwrapped(opened).scenario.environment.id
    for row in rows(opened, **which):
        yield {
            "data_source": source,
            "env_class": ENV_CLASS,
            "prompt": [{"role": "user", "content": row.opening}],
            "reward_spec": {"method": "rule", "ground_truth": ""},
            "extra_info": {**row.columns(), "env": env},
        }
